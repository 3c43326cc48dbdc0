"""The commands up to the point where they start something."""

import logging
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scaler.entry_points import cluster, commands, stack
from scaler.entry_points.command import run_command

COMMANDS = [(command.program, command.module) for command in commands.COMMANDS]


def logging_to(*paths: str, config_file: str | None = None) -> SimpleNamespace:
    return SimpleNamespace(logging_paths=paths, logging_level="INFO", logging_config_file=config_file)


@pytest.fixture(autouse=True)
def restored_logging():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize(("program", "command"), [*COMMANDS, (stack.PROGRAM, stack)])
def test_help_and_version(program, command, capsys):
    for flag in ("-h", "--help", "--version"):
        with pytest.raises(SystemExit) as ended:
            command.main([flag])
        assert ended.value.code == 0
        assert program in capsys.readouterr().out


@pytest.mark.parametrize(("program", "command"), COMMANDS)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing required configuration arguments"),
        (["no-address"], "expected|must start with"),
        (["tcp://127.0.0.1:1", "--config", "/nowhere.toml"], "Configuration file not found at: /nowhere.toml"),
    ],
    ids=["missing", "wrong", "no_file"],
)
def test_wrong_configuration_is_one_line_and_code_2(program, command, arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    written = capsys.readouterr().err
    assert written.startswith(f"{program}: error: ")
    assert written.count("\n") == 1
    assert any(part in written for part in message.split("|"))


def test_a_cluster_needs_the_real_port(capsys):
    with pytest.raises(SystemExit) as ended:
        cluster.main(["tcp://127.0.0.1:0"])
    assert ended.value.code == 2
    assert "scheduler_address must have the real port" in capsys.readouterr().err


@pytest.mark.parametrize("error", [OSError("disk full"), ValueError("two\nlines"), ImportError("no uvloop")], ids=str)
def test_expected_failures_are_one_line(error, capsys):
    def fail() -> int:
        raise error

    assert run_command("program", logging_to(), fail) == 1
    assert capsys.readouterr().err == f"program: error: {' '.join(str(error).split())}\n"


def test_unusable_logs_are_one_line_and_code_2(tmp_path, capsys):
    wrong = tmp_path / "logging.ini"
    wrong.write_text("[loggers]\n")
    for settings, text in (
        (logging_to("/proc/log"), "program: error: cannot log to /proc/log: "),
        (logging_to(config_file=str(wrong)), f"program: error: cannot use the logging_config_file {wrong}: "),
    ):
        assert run_command("program", settings, lambda: 0) == 2
        written = capsys.readouterr().err
        assert written.startswith(text) and written.count("\n") == 1


@pytest.mark.parametrize("backend", ["ymq", "tcp_zmq"])
def test_network_backends_are_all_the_same(backend, monkeypatch, caplog):
    monkeypatch.setenv("SCALER_NETWORK_BACKEND", backend)
    assert run_command("program", logging_to(), lambda: 0) == 0
    assert caplog.messages == [f"SCALER_NETWORK_BACKEND={backend} has no effect: all messages go through YMQ"]


def test_an_unknown_network_backend_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("SCALER_NETWORK_BACKEND", "pigeon")
    assert run_command("program", logging_to(), lambda: 0) == 2
    assert capsys.readouterr().err == (
        "program: error: environment variable SCALER_NETWORK_BACKEND=pigeon: expected ymq or tcp_zmq, "
        "or no such variable\n"
    )


def test_every_command_is_installed():
    scripts = (Path(__file__).parents[2] / "pyproject.toml").read_text().split("[project.scripts]")[1].split("[")[0]
    for command in commands.COMMANDS:
        assert f'{command.program} = "{command.entry_point}:main"' in scripts
        assert hasattr(command.module, "start") == command.is_part


def test_the_package_imports_nothing_until_it_is_used():
    code = (
        "import sys, scaler\n"
        "heavy = {'asyncio', 'capnp', 'psutil', 'scaler.client', 'scaler.cluster', 'scaler.config'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "names = {'Client', 'ScalerFuture', 'Serializer', 'Cluster', 'SchedulerClusterCombo', 'Scheduler'}\n"
        "assert names <= set(dir(scaler))\n"
        "assert scaler.__version__.count('.') == 2\n"
        "try:\n    scaler.Nothing\nexcept AttributeError as error:\n    assert 'Nothing' in str(error)\n"
        "else:\n    raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


def test_a_misspelt_section_is_named_with_the_right_one(tmp_path, capsys):
    path = tmp_path / "c.toml"
    path.write_text("[clusterr]\nnum_of_workers = 3\n[tool.other]\n")
    with pytest.raises(SystemExit) as ended:
        commands.command_of_section("cluster").read(["--config", str(path), "tcp://127.0.0.1:1"])
    assert ended.value.code == 2
    assert (
        capsys.readouterr().err
        == f"scaler_cluster: error: {path}: unknown section [clusterr] (did you mean cluster?)\n"
    )
