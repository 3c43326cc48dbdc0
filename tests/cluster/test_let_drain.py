"""What drains is waited for, until its time is over or somebody hurries."""

import contextlib
import os
import signal
import threading

import pytest
from supervised_children import Child, DrainingChild

from scaler.cluster.stack import Stack, Stage
from scaler.cluster.supervision import StopRequested, StopSignals, let_drain
from scaler.config.defaults import LONGEST_SECONDS

FOREVER_SECONDS = 600.0


@pytest.fixture
def start():
    children = []

    def start_child(drain_seconds: float) -> DrainingChild:
        child = DrainingChild(drain_seconds)
        children.append(child)
        child.start()
        assert child.readiness.wait(child) == ("one", "two")
        return child

    yield start_child
    for child in children:
        child.close()
        child.readiness.close()


@contextlib.contextmanager
def meanwhile(function):
    """Call a function in another thread."""
    thread = threading.Thread(target=function)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextlib.contextmanager
def stop_requested(number: signal.Signals):
    """Be a process that was asked to stop by a signal."""
    with StopSignals() as signals:
        with contextlib.suppress(StopRequested):
            os.kill(os.getpid(), number)
        yield signals


@pytest.mark.parametrize("seconds", [FOREVER_SECONDS, LONGEST_SECONDS])
def test_what_ends_in_time_is_waited_for(start, seconds):
    child = start(seconds)

    def end() -> None:
        child.wait_until_told()
        child.end()

    with meanwhile(end):
        let_drain([child, Child("never started")])
    assert child.exitcode == 0
    assert child.signals_seen() == [signal.SIGTERM, signal.SIGUSR1]


def test_the_time_has_an_end(start):
    child = start(0.2)
    let_drain([child])
    child.wait_until_told()
    assert child.is_alive()
    assert child.signals_seen() == [signal.SIGTERM]


def test_what_does_not_drain_is_left_alone(start):
    child = start(0.0)
    let_drain([child])
    assert child.is_alive()
    assert child.signals_seen() == []


def test_ctrl_c_does_not_wait(start):
    child = start(FOREVER_SECONDS)
    with stop_requested(signal.SIGINT) as signals:
        assert signals.hurried
        let_drain([child], signals)
    child.join(20)
    assert child.exitcode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_the_wait(number, start):
    child = start(FOREVER_SECONDS)

    def hurry() -> None:
        child.wait_until_told()
        os.kill(os.getpid(), number)

    with stop_requested(signal.SIGTERM) as signals:
        assert not signals.hurried
        with meanwhile(hurry):
            let_drain([child], signals)
    child.join(20)
    assert child.exitcode == 0


def test_a_stack_lets_drain_before_it_stops_what_is_needed_for_that(start):
    storage, worker = start(0.0), start(FOREVER_SECONDS)
    stack = Stack("program")
    stack._processes = [(storage, Stage.storage), (worker, Stage.others)]
    seen_meanwhile = []

    def end() -> None:
        worker.wait_until_told()
        seen_meanwhile.extend(storage.signals_seen())
        worker.end()

    with meanwhile(end):
        stack.stop()
    assert worker.exitcode == 0
    assert seen_meanwhile == []
