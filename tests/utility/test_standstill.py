"""When the main thread of a processor stands still."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from scaler.io.ymq.reception import Reception
from scaler.utility.standstill import Standstill, standstill
from scaler.worker.agent.suspension import Suspension, make_resume_descriptor, stand_still_on_demand

SECONDS = 10.0


def standing_still_in(log: list[str]) -> Callable[[], float]:
    """Return what is done on demand: it says so, and that it has taken two seconds more."""

    def stand_still() -> float:
        log.append("stood still")
        return 2.0 * log.count("stood still")

    return stand_still


def test_a_demand_is_met_at_once_or_behind_what_puts_it_off() -> None:
    log: list[str] = []
    still = Standstill()
    still.enable(standing_still_in(log))
    still.demand()

    def inner() -> str:
        still.demand()
        still.demand()
        return "inner"

    def outer() -> None:
        log.append(still.put_off(inner))
        log.append("outer")

    still.put_off(outer)
    still.put_off(lambda: log.append("last"))
    assert log == ["stood still", "inner", "outer", "stood still", "last"]
    assert still.seconds == 4.0


def test_any_number_of_demands_is_met_one_behind_the_other() -> None:
    count = 0
    still = Standstill()

    def stand_still() -> float:
        nonlocal count
        count += 1
        if count < 2 * sys.getrecursionlimit():
            still.demand()  # as a signal that comes meanwhile does
        return 0.0

    still.enable(stand_still)
    still.demand()
    assert count == 2 * sys.getrecursionlimit()


def test_a_demand_is_met_behind_what_fails() -> None:
    log: list[str] = []
    still = Standstill()
    still.enable(standing_still_in(log))

    def fail() -> None:
        still.demand()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        still.put_off(fail)
    still.demand()
    assert log == ["stood still"] * 2


def test_what_other_threads_do_puts_nothing_off() -> None:
    log: list[str] = []
    still = Standstill()
    still.enable(standing_still_in(log))
    is_inside, may_leave = threading.Event(), threading.Event()

    def stay() -> None:
        is_inside.set()
        may_leave.wait(SECONDS)

    thread = threading.Thread(target=still.put_off, args=(stay,))
    thread.start()
    assert is_inside.wait(SECONDS)
    still.demand()
    assert log == ["stood still"]
    may_leave.set()
    thread.join()


@pytest.fixture
def suspension() -> Iterator[Suspension]:
    """Return what suspends the main thread of this very process."""
    before = signal.getsignal(signal.SIGUSR1)
    descriptor = make_resume_descriptor()
    stand_still_on_demand(descriptor)
    suspension = Suspension(os.getpid(), descriptor, is_hard=False)
    yield suspension
    signal.signal(signal.SIGUSR1, before)
    standstill.enable(lambda: 0.0)
    suspension.close()


def test_a_thread_that_receives_for_others_stands_still_when_it_has_what_it_waits_for(suspension: Suspension) -> None:
    inbox: queue.SimpleQueue[threading.Event] = queue.SimpleQueue()
    mine, of_others, has_returned = threading.Event(), threading.Event(), threading.Event()
    is_inside = threading.Event()
    seen: list[bool] = []

    def step(limit_seconds: float | None) -> None:
        is_inside.set()
        inbox.get().set()

    def meanwhile() -> None:
        is_inside.wait(SECONDS)
        suspension.suspend()
        inbox.put(of_others)
        seen.append(of_others.wait(SECONDS))
        inbox.put(mine)
        seen.append(mine.wait(SECONDS))
        seen.append(has_returned.wait(0.1))
        suspension.resume()

    reception = Reception(step, lambda: None, lambda: False)
    thread = threading.Thread(target=meanwhile)
    thread.start()
    assert reception.wait(mine.is_set, mine.wait, None)
    has_returned.set()
    thread.join()
    assert seen == [True, True, False]
