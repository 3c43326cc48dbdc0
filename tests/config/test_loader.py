"""For every setting of every command: the command line wins over the TOML file, which wins over the default."""

import argparse
import dataclasses
import enum
import subprocess
import sys
import typing

import pytest

from scaler.config.command_line import make_parser, read_command_line
from scaler.config.configuration_error import ConfigurationError
from scaler.config.conversion import field_type, is_many
from scaler.config.loader import load_config
from scaler.config.section.cluster import ClusterConfig
from scaler.config.section.object_storage_server import ObjectStorageServerConfig
from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.section.top import TopConfig
from scaler.config.setting import setting_of
from scaler.config.types.metrics_address import MetricsAddress
from scaler.config.types.worker import WorkerCapabilities, WorkerNames

SECTIONS = {
    "scheduler": SchedulerConfig,
    "cluster": ClusterConfig,
    "object_storage_server": ObjectStorageServerConfig,
    "top": TopConfig,
}
REQUIRED = {
    "scheduler": {"scheduler_address": "tcp://127.0.0.1:1"},
    "cluster": {"scheduler_address": "tcp://127.0.0.1:1"},
    "object_storage_server": {"object_storage_address": "tcp://127.0.0.1:1"},
    "top": {"monitor_address": "tcp://127.0.0.1:1"},
}
# Settings that only one value is valid for in this release, or that depend on each other.
FIXED_VALUES = {"scaling_controller_strategy", "adapter_webhook_urls", "worker_names", "num_of_workers"}


def two_values(name: str, kind: typing.Any) -> tuple[str, str]:
    """Return two different valid texts for a setting."""
    if kind is MetricsAddress:
        return "127.0.0.1:11", "[::1]:12"
    if name.endswith("_address"):
        return "tcp://127.0.0.1:11", "tcp://[::1]:12"
    if is_many(kind):
        return "/tmp/one", "/tmp/two"
    if kind in (int, float):
        return "7", "9"
    if kind is WorkerCapabilities:
        return "gpu=2", "linux"
    if name == "logging_level":
        return "DEBUG", "ERROR"
    if name == "event_loop":
        return "uvloop", "builtin"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        first, second, *_ = kind.__members__
        return second, first
    return "first", "second"


def cases():
    for section, config_class in SECTIONS.items():
        kinds = typing.get_type_hints(config_class)
        for field in dataclasses.fields(config_class):
            if field.name not in FIXED_VALUES:
                yield pytest.param(section, field, field_type(kinds[field.name]), id=f"{section}.{field.name}")


def toml_line(name: str, kind: typing.Any, text: str) -> str:
    if kind is bool or kind in (int, float):
        return f"{name} = {text}"
    return f'{name} = ["{text}"]' if is_many(kind) else f'{name} = "{text}"'


def flags(field, kind, text):
    if setting_of(field).positional:
        return [text]
    flag = "--" + field.name.replace("_", "-")
    if kind is bool:
        return [flag if text == "true" else flag.replace("--", "--no-", 1)]
    return [flag, text]


def read(section, tmp_path, lines, arguments):
    path = tmp_path / "config.toml"
    path.write_text(f"[{section}]\n" + "\n".join(lines) + "\n")
    return read_command_line(SECTIONS[section], "program", section, "", ["--config", str(path), *arguments])


def as_text(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " ".join(value)
    return value.name if isinstance(value, enum.Enum) else str(value)


@pytest.mark.parametrize(("section", "field", "kind"), list(cases()))
def test_command_line_over_toml_over_default(section, field, kind, tmp_path):
    in_toml, on_line = ("true", "false") if kind is bool else two_values(field.name, kind)
    required = [f'{name} = "{text}"' for name, text in REQUIRED[section].items() if name != field.name]
    toml = [*required, toml_line(field.name, kind, in_toml)]

    assert as_text(getattr(read(section, tmp_path, toml, []), field.name)) == in_toml
    # Bounded lists swallow what follows them: a positional goes first.
    both = read(section, tmp_path, toml, flags(field, kind, on_line))
    assert as_text(getattr(both, field.name)) == on_line
    if kind is bool:  # and the other way round, for a switch is never "not given" by accident
        both = read(section, tmp_path, [*required, toml_line(field.name, kind, "false")], flags(field, kind, "true"))
        assert getattr(both, field.name) is True
    if not setting_of(field).positional:
        assert getattr(read(section, tmp_path, required, []), field.name) == field.default


@pytest.mark.parametrize(("section", "config_class"), list(SECTIONS.items()))
def test_help_shows_every_flag_and_true_default(section, config_class):
    text = " ".join(make_parser(config_class, "program", section, "").format_help().split())
    for field in dataclasses.fields(config_class):
        assert field.name in text or "--" + field.name.replace("_", "-") in text
    assert "default: None" not in text
    assert "--version" in text


@pytest.mark.parametrize("section", list(SECTIONS))
def test_short_flags_do_not_collide(section):
    seen = {"-h", "-c"}
    for field in dataclasses.fields(SECTIONS[section]):
        for flag in setting_of(field).short_flags:
            assert flag not in seen
            seen.add(flag)


@pytest.mark.parametrize(
    ("section", "lines", "arguments", "message"),
    [
        ("scheduler", [], ["--io-threads", "zero"], "--io-threads zero: expected a whole number of at least 1"),
        ("scheduler", [], ["-ct", "0"], "--client-timeout-seconds 0: expected a number above 0"),
        ("scheduler", ['io_threads = "2"'], [], '[scheduler] io_threads = "2": expected a whole number of at least 1'),
        ("scheduler", ["io_threads = true"], [], "[scheduler] io_threads = true: expected a whole number"),
        ("scheduler", ["io_threads = 1.5"], [], "[scheduler] io_threads = 1.5: expected a whole number"),
        ("scheduler", ["io_threads = 0"], [], "[scheduler] io_threads = 0: expected a whole number of at least 1"),
        ("scheduler", ["protected = 1"], [], "[scheduler] protected = 1: expected true or false"),
        ("scheduler", ['logging_paths = "/x"'], [], 'logging_paths = "/x": expected a list of texts'),
        ("scheduler", ['allocate_policy = "odd"'], [], 'allocate_policy = "odd": expected one of even, capability'),
        ("scheduler", ['event_loop = "odd"'], [], 'event_loop = "odd": expected one of builtin, uvloop'),
        ("scheduler", ['logging_level = "LOUD"'], [], 'logging_level = "LOUD": expected one of CRITICAL'),
        ("scheduler", ["io_thread = 1"], [], "Unknown configuration key(s) for SchedulerConfig: io_thread (did you"),
        ("scheduler", ["io_threads ="], [], "Error parsing TOML file at"),
        ("scheduler", [], ["-osa", "tcp://x"], "--object-storage-address tcp://x: Invalid address format"),
        ("scheduler", [], ["-scs", "VANILLA"], "this release knows NULL without URLs only"),
        ("cluster", [], ["-n", "-1"], "--num-of-workers -1: expected a whole number of at least 0"),
        ("cluster", [], ["-n", "3", "-wn", "a,b"], "must be num_of_workers (3)"),
        ("cluster", [], ["-pwc", "gpu=x"], "Expected an integer, but got 'x'"),
        ("cluster", [], ["-wtqs", "0"], "--per-worker-task-queue-size 0: expected a whole number of at least 1"),
    ],
)
def test_wrong_settings_end_the_command_with_one_line(section, lines, arguments, message, tmp_path, capsys):
    required = [f'{name} = "{text}"' for name, text in REQUIRED[section].items()]
    with pytest.raises(SystemExit) as ended:
        read(section, tmp_path, [*required, *lines], arguments)
    assert ended.value.code == 2
    written = capsys.readouterr().err
    assert message in written
    assert written.startswith("program: error: ") and written.count("\n") == 1


def test_missing_file_and_missing_setting(tmp_path):
    with pytest.raises(FileNotFoundError, match="Configuration file not found at: /nowhere"):
        load_config(SchedulerConfig, "/nowhere", argparse.Namespace(), "scheduler")
    with pytest.raises(ValueError, match="Missing required configuration arguments: scheduler_address"):
        load_config(SchedulerConfig, None, argparse.Namespace(scheduler_address=None), "scheduler")
    (tmp_path / "flat.toml").write_text('scheduler_address = "tcp://127.0.0.1:1"\n[other]\nkey = 1\n')
    with pytest.raises(ConfigurationError, match=r"Unknown configuration key\(s\) for SchedulerConfig: other"):
        load_config(SchedulerConfig, str(tmp_path / "flat.toml"), argparse.Namespace())


def test_other_sections_are_ignored_and_none_is_not_given(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('[scheduler]\nscheduler_address = "tcp://127.0.0.1:1"\nio_threads = 3\n[cluster]\nnothing = 1\n')
    config = load_config(SchedulerConfig, str(path), argparse.Namespace(io_threads=None, config="x"), "scheduler")
    assert config.io_threads == 3


def test_flat_file_without_a_section(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('scheduler_address = "tcp://127.0.0.1:1"\n')
    assert load_config(SchedulerConfig, str(path), argparse.Namespace()).scheduler_address.port == 1


def test_protected_is_on_unless_told_otherwise():
    assert read_command_line(SchedulerConfig, "p", "scheduler", "", ["tcp://127.0.0.1:1"]).protected
    assert not read_command_line(
        SchedulerConfig, "p", "scheduler", "", ["tcp://127.0.0.1:1", "--no-protected"]
    ).protected


def test_lower_case_level_is_accepted():
    config = read_command_line(SchedulerConfig, "p", "scheduler", "", ["tcp://127.0.0.1:1", "-ll", "debug"])
    assert config.logging_level == "DEBUG"


@pytest.mark.parametrize(
    ("arguments", "number", "names"),
    [
        (["-n", "2"], 2, None),
        (["-wn", "a,b,c"], 3, ["a", "b", "c"]),
        (["-wn", "a,a", "-n", "2"], 2, ["a", "a"]),
        (["-n", "0"], 0, []),
    ],
)
def test_worker_names_and_number(arguments, number, names):
    config = read_command_line(ClusterConfig, "p", "cluster", "", ["tcp://127.0.0.1:1", *arguments])
    assert config.num_of_workers == number == len(config.worker_names)
    assert names is None or config.worker_names.names == names


def test_some_worker_by_default():
    assert read_command_line(ClusterConfig, "p", "cluster", "", ["tcp://127.0.0.1:1"]).num_of_workers >= 1


def test_one_worker_on_one_core():
    code = (
        "import os\n"
        "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from scaler.config.command_line import read_command_line\n"
        "from scaler.config.section.cluster import ClusterConfig\n"
        "config = read_command_line(ClusterConfig, 'p', 'cluster', '', ['tcp://127.0.0.1:1'])\n"
        "assert config.num_of_workers == 1, config\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


@pytest.mark.parametrize(
    "change",
    [
        {"io_threads": 0},
        {"io_threads": "1"},
        {"client_timeout_seconds": -1},
        {"worker_timeout_seconds": 0},
        {"object_retention_seconds": 0},
        {"load_balance_trigger_times": 0},
        {"max_number_of_tasks_waiting": -2},
        {"logging_level": "LOUD"},
        {"event_loop": "trio"},
    ],
    ids=str,
)
def test_wrong_values_in_a_program(change):
    from scaler.config.types.zmq import ZMQConfig

    with pytest.raises(ValueError, match=next(iter(change))):
        SchedulerConfig(scheduler_address=ZMQConfig.from_string("tcp://127.0.0.1:1"), **change)


def test_worker_names_in_a_program():
    from scaler.config.types.zmq import ZMQConfig

    address = ZMQConfig.from_string("tcp://127.0.0.1:1")
    assert ClusterConfig(scheduler_address=address, num_of_workers=2).num_of_workers == 2
    with pytest.raises(ValueError, match="num_of_workers"):
        ClusterConfig(scheduler_address=address, num_of_workers=2, worker_names=WorkerNames(["a"]))


def test_version(capsys):
    from scaler.about import __version__

    with pytest.raises(SystemExit) as ended:
        read_command_line(SchedulerConfig, "scaler_scheduler", "scheduler", "", ["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"scaler_scheduler {__version__}\n"
