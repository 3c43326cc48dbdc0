"""The choice of the asyncio loop."""

import signal
import subprocess
import sys

import pytest

from scaler.utility.event_loop import run_in_event_loop

ENDING = """
import asyncio, os, signal
from scaler.utility.event_loop import run_in_event_loop
async def main():
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    os.kill(os.getpid(), {number})
    await stopped.wait()
run_in_event_loop("{kind}", main())
for number in (signal.SIGINT, signal.SIGTERM):
    os.kill(os.getpid(), number)
print("ended")
"""


async def answer():
    return 42


def test_builtin():
    assert run_in_event_loop("builtin", answer()) == 42


def test_unknown_kind():
    with pytest.raises(TypeError, match="must be one of builtin, uvloop"):
        run_in_event_loop("trio", answer())


def test_uvloop():
    assert run_in_event_loop("uvloop", answer()) == 42


def test_uvloop_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(ImportError, match=r"pip install opengris-scaler\[uvloop\]"):
        run_in_event_loop("uvloop", answer())


@pytest.mark.parametrize("kind", ["builtin", "uvloop"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_further_signal_does_not_cut_off_the_end(kind, number):
    code = ENDING.format(kind=kind, number=int(number))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ended\n", "")


def test_signals_that_were_not_heeded_are_left_alone():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run_in_event_loop("builtin", answer())
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
