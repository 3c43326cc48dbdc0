"""A signal that comes before a command has started anything ends it well."""

import signal
import subprocess
import sys

import pytest

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
