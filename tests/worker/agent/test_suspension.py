"""How the main thread of a process stands still and goes on, softly."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from scaler.worker.agent.prepared_processor import GATE_SLOTS
from scaler.worker.agent.suspension import Suspension, stand_still_on_demand
from scaler.worker.agent.task_gate import TaskGate

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def suspension() -> Iterator[Suspension]:
    """The means to suspend the main thread of this very process."""
    gate, descriptor = TaskGate.create(GATE_SLOTS), os.eventfd(0, os.EFD_CLOEXEC)
    before = signal.getsignal(signal.SIGUSR1)
    stand_still_on_demand(gate, descriptor)
    yield Suspension(os.getpid(), gate, descriptor, is_hard=False)
    signal.signal(signal.SIGUSR1, before)
    os.close(descriptor)
    gate.close()


def wait_until_it_stands_still(depth: int = 1) -> None:
    main = threading.main_thread().ident
    assert main is not None
    while True:
        frame, found = sys._current_frames()[main], 0
        while frame is not None:
            found += frame.f_code.co_name == "stand_still"
            frame = frame.f_back
        if found >= depth:
            return


def run_until(done: threading.Event) -> None:
    """Do what a task does: run Python code."""
    while not done.is_set():
        pass


def test_it_goes_on_when_it_is_told_to(suspension: Suspension) -> None:
    done = threading.Event()

    def agent() -> None:
        for _ in range(20):
            suspension.suspend()
            wait_until_it_stands_still()
            suspension.resume()
        done.set()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(agent)
        run_until(done)
        future.result()


def test_a_second_signal_interrupts_nothing(suspension: Suspension) -> None:
    """The processor was told to go on and to stand still again before it could do anything."""
    done = threading.Event()

    def agent() -> None:
        suspension.suspend()
        wait_until_it_stands_still()
        suspension.suspend()
        wait_until_it_stands_still(2)
        suspension.resume()
        done.set()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(agent)
        run_until(done)
        future.result()


@pytest.mark.parametrize("count", [2, 3, 50])
def test_however_often_it_is_told_in_a_row_the_last_word_counts(suspension: Suspension, count: int) -> None:
    done = threading.Event()

    def agent() -> None:
        for _ in range(count):
            suspension.suspend()
            suspension.resume()
        suspension.suspend()
        wait_until_it_stands_still()
        suspension.resume()
        done.set()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(agent)
        run_until(done)
        future.result()
