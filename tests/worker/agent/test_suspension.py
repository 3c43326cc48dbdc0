"""How the main thread of a process stands still and goes on, softly."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from scaler.utility.standstill import standstill
from scaler.worker.agent.suspension import Suspension, make_resume_descriptor, stand_still_on_demand

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def suspension() -> Iterator[Suspension]:
    """The means to suspend the main thread of this very process."""
    descriptor = make_resume_descriptor()
    before = signal.getsignal(signal.SIGUSR1)
    stand_still_on_demand(descriptor)
    yield Suspension(os.getpid(), descriptor, is_hard=False)
    signal.signal(signal.SIGUSR1, before)
    os.close(descriptor)


def wait_until_it_stands_still() -> None:
    main = threading.main_thread().ident
    assert main is not None
    while True:
        frame = sys._current_frames()[main]
        while frame is not None:
            if frame.f_code.co_name == "stand_still":
                return
            frame = frame.f_back


def run_beside(agent: Callable[[], None]) -> None:
    """Do what a task does, run Python code, until the agent, on another thread, has ended."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(agent)
        while not future.done():
            pass
        future.result()


def test_it_goes_on_when_it_is_told_to(suspension: Suspension) -> None:
    def agent() -> None:
        for _ in range(20):
            suspension.suspend()
            wait_until_it_stands_still()
            suspension.resume()

    run_beside(agent)


def test_how_long_it_was_to_stand_still_is_known(suspension: Suspension, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice; the second time it waits for something anyway, until it has been told to go on."""
    monkeypatch.setattr(standstill, "seconds", 0.0)
    spans: list[float] = []

    def suspend_for_a_moment() -> None:
        suspension.suspend()
        began = time.monotonic()
        while time.monotonic() < began + 0.01:
            pass
        spans.append(time.monotonic() - began)
        suspension.resume()

    before = time.monotonic()
    run_beside(suspend_for_a_moment)
    standstill.put_off(lambda: run_beside(suspend_for_a_moment))
    assert sum(spans) - 0.000_002 <= standstill.seconds <= time.monotonic() - before


_HARD = """
import os, sys
from scaler.utility.standstill import standstill
from scaler.worker.agent.suspension import stand_still_on_demand

stand_still_on_demand(int(sys.argv[1]), is_hard=True)
print("ready", flush=True)
while standstill.seconds == 0:
    pass
print(standstill.seconds, flush=True)
"""


def test_how_long_the_kernel_stopped_it_is_known() -> None:
    descriptor = make_resume_descriptor()
    command = [sys.executable, "-c", _HARD, str(descriptor)]
    with subprocess.Popen(command, pass_fds=[descriptor], stdout=subprocess.PIPE, text=True) as processor:
        assert processor.stdout is not None and processor.stdout.readline() == "ready\n"
        before = time.monotonic()
        suspension = Suspension(processor.pid, descriptor, is_hard=True)
        suspension.suspend()
        while psutil.Process(processor.pid).status() != psutil.STATUS_STOPPED:
            pass
        began = time.monotonic()
        while time.monotonic() == began:
            pass
        least = time.monotonic() - began
        suspension.resume()
        seconds = float(processor.stdout.readline())
    suspension.close()
    assert least - 0.000_001 <= seconds <= time.monotonic() - before


def test_a_second_signal_interrupts_nothing(suspension: Suspension) -> None:
    """The processor was told to go on and to stand still again before it could do anything."""

    def agent() -> None:
        suspension.suspend()
        wait_until_it_stands_still()
        while not standstill._is_asked_again:
            os.kill(os.getpid(), signal.SIGUSR1)  # another thread may get it, and the main one then knows nothing of it
            time.sleep(0.001)
        suspension.resume()

    run_beside(agent)


def test_a_task_that_has_used_up_all_descriptors_goes_on(suspension: Suspension) -> None:
    def agent() -> None:
        suspension.suspend()
        wait_until_it_stands_still()
        suspension.resume()

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        run_beside(agent)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


_AGENT = """
import sys
from scaler.worker.agent.suspension import Suspension

suspension = Suspension(int(sys.argv[1]), int(sys.argv[2]), is_hard=False)
for number in range(3000):
    suspension.suspend()
    for _ in range(number % 50 * 20):
        pass
    suspension.resume()
    for _ in range(number % 7 * 100):
        pass
"""


def test_however_often_it_is_told_in_a_row_the_last_word_counts(suspension: Suspension) -> None:
    """An agent, a process of its own, changes its mind again and again, at any moment of what happens here."""
    descriptor = suspension._descriptor
    command = [sys.executable, "-c", _AGENT, str(os.getpid()), str(descriptor)]
    with subprocess.Popen(command, pass_fds=[descriptor]) as agent:
        while agent.poll() is None:
            pass
        assert agent.returncode == 0
