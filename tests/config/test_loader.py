"""For every setting of every command: the command line wins over the TOML file, which wins over the default.

The tests walk the table of commands: a command that is added there is tested here.
"""

import argparse
import dataclasses
import enum
import subprocess
import sys

import pytest
from setting_values import SECTIONS, as_text, cases, fields_of, flags, read, required_of, toml_line, two_values

from scaler.config.command_line import make_parser, read_command_line
from scaler.config.configuration_error import ConfigurationError
from scaler.config.conversion import is_many
from scaler.config.loader import load_config
from scaler.config.section.cluster import ClusterConfig
from scaler.config.section.ecs_worker_adapter import ECSWorkerAdapterConfig
from scaler.config.section.native_worker_adapter import NativeWorkerAdapterConfig
from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.setting import flag_of, setting_of
from scaler.config.types.worker import WorkerNames


@pytest.mark.parametrize(("section", "field", "kind", "name"), list(cases()))
def test_command_line_over_toml_over_default(section, field, kind, name, tmp_path):
    in_toml, on_line = ("true", "false") if kind is bool else two_values(field, kind)
    required = [line for other, line in required_of(section).items() if other != field.name]
    toml = [*required, toml_line(name, kind, in_toml)]

    assert as_text(getattr(read(section, tmp_path, toml, []), field.name)) == in_toml
    both = read(section, tmp_path, toml, flags(field, kind, name, on_line))
    assert as_text(getattr(both, field.name)) == on_line
    if kind is bool:  # and the other way round, for a switch is never "not given" by accident
        in_toml = toml_line(name, kind, "false")
        both = read(section, tmp_path, [*required, in_toml], flags(field, kind, name, "true"))
        assert getattr(both, field.name) is True
    if field.default is not dataclasses.MISSING and field.default is not None and not setting_of(field).default_text:
        assert getattr(read(section, tmp_path, required, []), field.name) == field.default


@pytest.mark.parametrize(
    ("section", "in_toml", "on_line", "expected"),
    [
        (
            "scheduler",
            ['scaling_controller_strategy = "VANILLA"', 'adapter_webhook_urls = ["http://a"]'],
            ["-scs", "FIXED_ELASTIC", "-awu", "http://b", "http://c"],
            {
                "scaling_controller_strategy": ("VANILLA", "FIXED_ELASTIC"),
                "adapter_webhook_urls": ("http://a", "http://b http://c"),
            },
        ),
        (
            "scheduler",
            ['adapter_webhook_url = ["http://a"]'],
            ["--adapter-webhook-url", "http://b"],
            {"adapter_webhook_urls": ("http://a", "http://b")},
        ),
        (
            "cluster",
            ["num_of_workers = 2", 'worker_names = "a,b"'],
            ["-n", "3", "-wn", "c,d,e"],
            {"num_of_workers": ("2", "3"), "worker_names": ("a,b", "c,d,e")},
        ),
        ("cluster", ["num_of_workers = 2"], ["--num-of-workers", "3"], {"num_of_workers": ("2", "3")}),
        ("cluster", ['worker_names = "a,b"'], ["--worker-names", "c,d,e"], {"worker_names": ("a,b", "c,d,e")}),
    ],
)
def test_command_line_over_toml_for_settings_that_depend_on_each_other(section, in_toml, on_line, expected, tmp_path):
    toml = [*required_of(section).values(), *in_toml]
    from_file, from_both = read(section, tmp_path, toml, []), read(section, tmp_path, toml, on_line)
    for name, (first, second) in expected.items():
        assert (as_text(getattr(from_file, name)), as_text(getattr(from_both, name))) == (first, second)


def short_flags():
    for section in SECTIONS:
        for field, kind in fields_of(section):
            for flag in setting_of(field).short_flags:
                yield pytest.param(section, field, kind, flag, id=f"{section}{flag}")


@pytest.mark.parametrize(("section", "field", "kind", "flag"), list(short_flags()))
def test_every_short_flag_is_that_of_its_setting(section, field, kind, flag, tmp_path):
    value = {
        "scaling_controller_strategy": "NULL",
        "adapter_webhook_urls": "http://a",
        "worker_names": "a,b",
    }.get(field.name) or ("true" if kind is bool else two_values(field, kind)[0])
    words = [flag] if kind is bool else [flag, value]
    assert as_text(getattr(read(section, tmp_path, list(required_of(section).values()), words), field.name)) == value


def wrong_values(field, kind):
    """Return TOML values and command line texts that a setting must refuse."""
    described = setting_of(field)
    in_toml = ["{}", "1979-05-27"]
    on_line = []
    if kind in (int, float):
        in_toml += ['"5"', "true", "nan", "inf", "-inf", "1e400"]
        on_line += ["nan", "inf", "-inf", "1e400", "five", ""]
        if kind is int:
            in_toml.append("1.5")
        for limit, step in (
            (described.minimum, -1), (described.exclusive_minimum, 0), (described.maximum, 1)
        ):  # fmt: skip
            if limit is not None:
                in_toml.append(str(int(limit) + step))
                on_line.append(str(int(limit) + step))
    elif kind is bool:
        in_toml += ["1", '"true"']
    elif is_many(kind):
        in_toml += ['"text"', "[1]"]
    else:
        in_toml += ["5", "true", '["list"]']
        if hasattr(kind, "to_address"):
            on_line += ["localhost", "tcp://127.0.0.1", "tcp://127.0.0.1:65536", "tcp://127.0.0.1:-1", "tcp://:1",
                        "tcp://127.0.0.1:nan", "udp://127.0.0.1:1", "tcp://::1:5", ""]  # fmt: skip
        if described.choices or (isinstance(kind, type) and issubclass(kind, enum.Enum)):
            on_line.append("no-such-choice")
        if field.name.endswith("_file"):
            on_line.append("/nowhere")
    return in_toml, on_line


@pytest.mark.parametrize(("section", "field", "kind", "name"), list(cases()))
def test_every_setting_refuses_what_it_is_not_in_one_line(section, field, kind, name, tmp_path, capsys):
    in_toml, on_line = wrong_values(field, kind)
    required = [line for other, line in required_of(section).items() if other != field.name]
    for value in in_toml:
        with pytest.raises(SystemExit) as ended:
            read(section, tmp_path, [*required, f"{name} = {value}"], [])
        written = capsys.readouterr().err
        assert ended.value.code == 2
        assert written.count("\n") == 1
        assert f"config.toml: [{section}] {name} = " in written and "xpected" in written, written
    for text in on_line:
        arguments = [text] if setting_of(field).positional else [f"{flag_of(name)}={text}"]
        with pytest.raises(SystemExit) as ended:
            read(section, tmp_path, required, arguments)
        written = capsys.readouterr().err
        assert ended.value.code == 2
        assert written.count("\n") == 1 and field.name.replace("_", "-") in written.replace("_", "-")
        assert text in written


@pytest.mark.parametrize(("section", "config_class"), list(SECTIONS.items()))
def test_help_shows_every_flag_and_true_default(section, config_class):
    text = " ".join(make_parser(config_class, "program", section, "").format_help().split())
    for field in dataclasses.fields(config_class):
        assert field.name in text or "--" + field.name.replace("_", "-") in text
    assert "default: None" not in text
    assert "--version" in text


@pytest.mark.parametrize("section", list(SECTIONS))
def test_flags_do_not_collide(section):
    seen = {"-h", "-c", "--help", "--config", "--version"}
    for field in dataclasses.fields(SECTIONS[section]):
        described = setting_of(field)
        for flag in (*described.short_flags, *map(flag_of, (field.name, *described.aliases))):
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
        ("scheduler", ["io_thread = 1"], [], "[scheduler] io_thread = 1: "),
        ("scheduler", ["xyz = 1"], [], "SchedulerConfig: xyz (--help lists what there is)"),
        ("scheduler", ['scheduler_adress = ""'], [], "(did you mean scheduler_address?)"),
        ("scheduler", ["client_timeout_seconds = nan"], [], "client_timeout_seconds = nan: expected a number above 0"),
        (
            "scheduler",
            ['monitor_address = "inproc://x"'],
            [],
            "config.toml: [scheduler]: monitor_address must be a tcp",
        ),
        (
            "scheduler",
            [],
            ["-aa", "ipc:///tmp/x"],
            "advertised_address must be a tcp address, as scheduler_address (tcp://127.0.0.1:11) is, got 'ipc:///tmp/x'",
        ),
        (
            "scheduler",
            ['advertised_address = "ipc://x"'],
            [],
            "[scheduler]: advertised_address must be a tcp address, as",
        ),
        (
            "scheduler",
            [],
            ["ipc:///tmp/x", "-aa", "tcp://h:0"],
            "advertised_address must have a port of its own, for scheduler_address (ipc:///tmp/x) has none, got 'tcp://h",
        ),
        ("scheduler", ['object_storage_address = "tcp://h:0"'], [], "object_storage_address must have the real port"),
        ("scheduler", [], ["--nothing"], "unrecognized arguments: --nothing (see program --help)"),
        (
            "cluster",
            [],
            ["--num-off-workers=3"],
            "arguments: --num-off-workers=3 (did you mean --num-of-workers? see program",
        ),
        ("scheduler", [], ["--io-threats=3"], "arguments: --io-threats=3 (did you mean --io-threads? see program"),
        ("scheduler", [], ["-lc", "/nowhere"], "--logging-config-file /nowhere: expected a file that can be read"),
        ("cluster", [], ["--log-hub-address", "x"], "unrecognized arguments: --log-hub-address"),
        ("cluster", ['log_hub_address = "x"'], [], "Unknown configuration key(s) for ClusterConfig: log_hub_address"),
        (
            "cluster",
            ["heartbeat_interval = 1", "heartbeat_interval_seconds = 1"],
            [],
            "[cluster]: heartbeat_interval and heartbeat_interval_seconds are the same setting: give only one",
        ),
        (
            "cluster",
            [],
            ["--heartbeat-interval", "1", "--heartbeat-interval-seconds", "1"],
            "--heartbeat-interval and --heartbeat-interval-seconds are the same setting: give only one",
        ),
        ("scheduler", ["io_threads ="], [], "Error parsing TOML file at"),
        ("scheduler", [], ["-osa", "tcp://x"], "--object-storage-address tcp://x: Invalid address format"),
        ("scheduler", [], ["-scs", "VANILLA"], "VANILLA takes 1 adapter_webhook_urls, got 0: none"),
        ("scheduler", [], ["-scs", "NULL", "-awu", "http://a"], "NULL takes 0 adapter_webhook_urls, got 1: http://a"),
        ("scheduler", [], ["-scs", "FIXED_ELASTIC", "-awu", "http://a"], "FIXED_ELASTIC takes 2 adapter_webhook_urls"),
        ("scheduler", [], ["-awu", "http://a", "http://b", "http://c"], "FIXED_ELASTIC takes 2 adapter_webhook_urls"),
        ("scheduler", [], ["-awu", "http://a", "http://a"], "adapter_webhook_urls must be different adapters"),
        ("scheduler", [], ["-awu", "127.0.0.1:80"], "must be like http://127.0.0.1:8080, got '127.0.0.1:80'"),
        ("scheduler", [], ["-awu", "http://a:99999"], "must be like http://127.0.0.1:8080, got 'http://a:99999'"),
        ("native_worker_adapter", [], ["-p", "65536"], "adapter_web_port must be at most 65535, got 65536"),
        ("native_worker_adapter", [], ["-p", "x"], "--adapter-web-port x: expected a whole number of at least 0"),
        ("native_worker_adapter", [], ["-mw", "0"], "max_workers must be above 0, or -1 for no limit, got 0"),
        ("ecs_worker_adapter", ["ecs_task_cpu = 0"], [], "ecs_task_cpu = 0: expected a whole number of at least 1"),
        ("ecs_worker_adapter", [], ["-mi", "0"], "max_instances must be above 0, or -1 for no limit, got 0"),
        ("ecs_worker_adapter", [], ["--ecs-subnets", ","], "ecs_subnets must not be empty"),
        ("ecs_worker_adapter", [], ["--ecs-cluster", ""], "ecs_cluster must not be empty"),
        ("symphony_worker_adapter", [], ["-n", "0"], "--base-concurrency 0: expected a whole number of at least 1"),
        ("symphony_worker_adapter", [], ["-it", "x"], "--io-threads x: expected a whole number of at least 1"),
        ("symphony_worker_adapter", [], ["-sn", ""], "service_name must not be empty"),
        ("native_worker_adapter", [], ["-mw", "-2"], "--max-workers -2: expected a whole number of at least -1"),
        ("cluster", [], ["-n", "-1"], "--num-of-workers -1: expected a whole number of at least 0"),
        ("cluster", [], ["-n", "3", "-wn", "a,b"], "must be num_of_workers (3)"),
        ("cluster", [], ["-pwc", "gpu=x"], "Expected an integer, but got 'x'"),
        ("object_storage_server", [], ["-ml", "-1"], "a whole number of at least 0 and at most 9223372036854775807"),
        ("cluster", [], ["--preload", "module"], "--preload module: expected a function like 'pkg.mod:func'"),
        ("cluster", ['preload = "m:f(x)"'], [], "preload arguments must be literals, got 'f(x)'"),
        ("native_worker_adapter", [], ["--preload", "m:f.g"], "--preload m:f.g: expected a function like 'pkg.mod:f"),
        ("native_worker_adapter", [], ["-it", "257"], "--io-threads 257: expected a whole number of at least 1 and at"),
        ("native_worker_adapter", [], ["--host", ""], "--adapter-web-host : expected a host name or an address"),
        ("native_worker_adapter", ['host = "a..b"'], [], 'host = "a..b": expected a host name or an address, 0.0.0.0'),
        ("native_worker_adapter", [], ["-osa", "tcp://h:0"], "object_storage_address must have the real port"),
        ("symphony_worker_adapter", [], ["inproc://x"], "scheduler_address must be a tcp or ipc"),
        ("webui", [], ["--host", "a b"], "--web-host a b: expected a host name or an address, 0.0.0.0 for all"),
        (
            "scheduler",
            [],
            ["--metrics-address", "a..b:1"],
            "got 'a..b:1': expected a host name or an address, got 'a..b'",
        ),
        ("scheduler", [], ["-awu", "http://a b"], "must be like http://127.0.0.1:8080, got 'http://a b'"),
        ("cluster", [], ["-wtqs", "0"], "--per-worker-task-queue-size 0: expected a whole number of at least 1"),
    ],
)
def test_wrong_settings_end_the_command_with_one_line(section, lines, arguments, message, tmp_path, capsys):
    required = list(required_of(section).values())
    with pytest.raises(SystemExit) as ended:
        read(section, tmp_path, [*required, *lines], arguments)
    assert ended.value.code == 2
    written = capsys.readouterr().err
    assert message in written
    assert written.startswith("program: error: ") and written.count("\n") == 1


def test_the_singular_name_of_a_list_takes_one_text(tmp_path):
    lines = ['adapter_webhook_url = "http://127.0.0.1:3"', 'scaling_controller_strategy = "VANILLA"']
    config = read("scheduler", tmp_path, [*required_of("scheduler").values(), *lines], [])
    assert config.adapter_webhook_urls == ("http://127.0.0.1:3",)


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


def test_a_mark_that_editors_put_before_a_file_is_passed_over(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text('[scheduler]\r\nscheduler_address = "tcp://127.0.0.1:1"\r\n', encoding="utf-8-sig", newline="")
    assert load_config(SchedulerConfig, str(path), argparse.Namespace(), "scheduler").scheduler_address.port == 1


def test_a_file_that_is_nested_too_deeply_is_one_line(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("key = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(ConfigurationError, match=r"config.toml: it is nested too deeply$"):
        load_config(SchedulerConfig, str(path), argparse.Namespace(), "scheduler")


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


@pytest.mark.parametrize("flag", ["--adapter-webhook-urls", "--adapter-webhook-url", "-awu"])
def test_a_list_that_took_the_address_is_explained(flag, capsys):
    with pytest.raises(SystemExit) as ended:
        read_command_line(SchedulerConfig, "p", "scheduler", "", [flag, "http://x", "tcp://127.0.0.1:1"])
    assert ended.value.code == 2
    assert "--adapter-webhook-urls takes all that follows it (http://x tcp://127.0.0.1:1)" in capsys.readouterr().err


def test_a_list_may_be_emptied_on_the_command_line(tmp_path):
    lines = [*required_of("scheduler").values(), 'logging_paths = ["/x"]']
    assert read("scheduler", tmp_path, lines, ["--logging-paths"]).logging_paths == ()


def test_long_flags_may_be_shortened():
    config = read_command_line(SchedulerConfig, "p", "scheduler", "", ["tcp://127.0.0.1:1", "--client-timeout", "5"])
    assert config.client_timeout_seconds == 5


@pytest.mark.parametrize(
    ("urls", "strategy"), [([], "NULL"), (["http://a"], "VANILLA"), (["http://a", "https://b:1/x"], "FIXED_ELASTIC")]
)
def test_the_number_of_urls_is_a_strategy_unless_one_is_named(urls, strategy):
    arguments = ["tcp://127.0.0.1:1", *(["--adapter-webhook-url", *urls] if urls else [])]
    assert read_command_line(SchedulerConfig, "p", "scheduler", "", arguments).strategy.name == strategy
    named = read_command_line(SchedulerConfig, "p", "scheduler", "", [*arguments, "-scs", strategy])
    assert named.strategy.name == strategy


def test_the_flags_of_adapters_that_were_documented_before(monkeypatch):
    monkeypatch.setenv("SCALER_ADAPTER_TOKEN", "from outside")
    arguments = ["tcp://127.0.0.1:1", "--host", "127.0.0.1", "--port", "81", "--heartbeat-interval", "3"]
    config = read_command_line(NativeWorkerAdapterConfig, "p", "native_worker_adapter", "", arguments)
    assert (config.adapter_web_host, config.adapter_web_port) == ("127.0.0.1", 81)
    assert (config.heartbeat_interval_seconds, config.adapter_web_token) == (3, "from outside")
    given = read_command_line(NativeWorkerAdapterConfig, "p", "", "", [*arguments, "--adapter-web-token", "own"])
    assert given.adapter_web_token == "own"


def test_subnets_are_a_list_with_commas_or_several_words_or_a_toml_list(tmp_path):
    line = ["tcp://127.0.0.1:1", "--host", "h", "--port", "1", "--ecs-subnets", "a,b", "c"]
    config = read_command_line(ECSWorkerAdapterConfig, "p", "ecs_worker_adapter", "", line)
    assert config.ecs_subnets == ("a", "b", "c")
    path = tmp_path / "config.toml"
    path.write_text('[ecs_worker_adapter]\necs_subnets = ["a", "b"]\n')
    config = read_command_line(ECSWorkerAdapterConfig, "p", "ecs_worker_adapter", "", [*line[:5], "-c", str(path)])
    assert config.ecs_subnets == ("a", "b")
