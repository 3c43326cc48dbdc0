"""The commands up to the point where they start something."""

import subprocess
import sys

import pytest

from scaler.entry_points import cluster, object_storage_server, scheduler, top
from scaler.entry_points.command import run_command

COMMANDS = [scheduler, cluster, object_storage_server, top]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.PROGRAM)
def test_help_and_version(command, capsys):
    for flag in ("-h", "--help", "--version"):
        with pytest.raises(SystemExit) as ended:
            command.main([flag])
        assert ended.value.code == 0
        assert command.PROGRAM in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.PROGRAM)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing required configuration arguments"),
        (["no-address"], "expected|must start with"),
        (["tcp://127.0.0.1:1", "--config", "/nowhere.toml"], "Configuration file not found at: /nowhere.toml"),
    ],
    ids=["missing", "wrong", "no_file"],
)
def test_wrong_configuration_is_one_line_and_code_2(command, arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(arguments)
    assert ended.value.code == 2
    written = capsys.readouterr().err
    assert written.startswith(f"{command.PROGRAM}: error: ")
    assert written.count("\n") == 1
    assert any(part in written for part in message.split("|"))


def test_a_cluster_needs_the_real_port(capsys):
    with pytest.raises(SystemExit) as ended:
        cluster.main(["tcp://127.0.0.1:0"])
    assert ended.value.code == 2
    assert "scheduler_address must have the scheduler's real port" in capsys.readouterr().err


@pytest.mark.parametrize("error", [OSError("disk full"), ValueError("two\nlines"), ImportError("no uvloop")], ids=str)
def test_expected_failures_are_one_line(error, capsys):
    def fail() -> int:
        raise error

    assert run_command("program", ((), None, "INFO"), fail) == 1
    assert capsys.readouterr().err == f"program: error: {' '.join(str(error).split())}\n"


def test_unwritable_log_is_one_line(capsys):
    assert run_command("program", (("/nowhere/log",), None, "INFO"), lambda: 0) == 1
    assert capsys.readouterr().err.startswith("program: error: [Errno 2] No such file or directory")


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
