"""A signal that comes before a command has started anything ends it well."""

import signal
import subprocess
import sys

import pytest

from scaler.entry_points.commands import COMMANDS
from scaler.entry_points.early_end import EarlyEnd

WAITING = """
import sys, time
from scaler.entry_points.early_end import EarlyEnd
with EarlyEnd():
    print("ready", flush=True)
    time.sleep(600)
"""
ENDING = """
import atexit, sys
from scaler.entry_points.early_end import EarlyEnd
def end():
    print("ready", flush=True)
    sys.stdin.readline()
atexit.register(end)
with EarlyEnd(is_whole_process=True):
    sys.exit(3)
"""
LOADING = """
import os, sys
class Signalling:
    def find_spec(self, name, path=None, target=None):
        if name in ("argparse", "dataclasses", "logging", "scaler.entry_points.commands"):
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Signalling())
sys.argv = ["program", "--version"]
from {module} import main
sys.exit(main())
"""
IGNORING = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n"


def start(code: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_at_once_and_well(number):
    process = start(WAITING)
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, output) == (0, "")


def test_an_ignored_signal_stays_ignored():
    process = start(IGNORING + WAITING)
    process.send_signal(signal.SIGINT)
    process.kill()
    assert process.communicate(timeout=20)[0] == ""
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_does_not_cut_off_the_end(number):
    process = start(ENDING)
    process.send_signal(number)
    process.stdin.write("go on\n")
    output, _ = process.communicate(timeout=20)
    assert (process.returncode, output) == (3, "")


def test_handlers_are_restored():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with EarlyEnd():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("module", [*(command.entry_point for command in COMMANDS), "scaler.entry_points.stack"])
def test_a_signal_while_a_command_loads_what_it_needs_ends_it_well(module, number):
    code = LOADING.format(module=module, number=int(number))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
