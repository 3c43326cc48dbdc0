"""Processes report that they are ready or why not, and are waited for and stopped in bounded time."""

import contextlib
import os
import select
import signal
import threading
import time

import pytest
from supervised_children import Child

from scaler.cluster.readiness import ProcessStartError
from scaler.cluster.supervision import StopRequested, StopSignals, describe_exit, stop_all, wait_for_any


@pytest.fixture
def start():
    children = []

    def start_child(behaviour: str) -> Child:
        child = Child(behaviour)
        children.append(child)
        child.start()
        return child

    yield start_child
    for child in children:
        child.close()
        child.readiness.close()


def test_values_of_a_ready_process(start):
    child = start("sleeping")
    assert child.readiness.wait(child) == ("one", "two")
    assert child.readiness.wait(child) == ("one", "two")


def test_values_survive_the_end_of_the_process(start):
    child = start("short")
    child.join(20)
    assert child.readiness.wait(child) == ("one", "two")


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("failing", "failing could not start: no more paper"),
        ("dying", "dying ended before it was ready, exit code 4"),
        ("slow", r"slow was not ready within 0\.5 seconds"),
    ],
)
def test_why_a_process_is_not_ready(behaviour, message, start):
    child = start(behaviour)
    with pytest.raises(ProcessStartError, match=message):
        child.readiness.wait(child, timeout_seconds=0.5 if behaviour == "slow" else 20)


def test_waiting_has_an_end_in_time(start):
    assert wait_for_any([start("sleeping")], timeout_seconds=0.05) == []
    assert wait_for_any([], timeout_seconds=0.05) == []
    assert wait_for_any([]) == []


def test_waiting_returns_what_has_ended(start):
    sleeping, short = start("sleeping"), start("short")
    assert wait_for_any([sleeping, short]) == [short]
    assert wait_for_any([]) == []


def test_stopping_kills_only_what_does_not_end(start, caplog):
    polite, deaf, unstarted = start("sleeping"), start("deaf"), Child("never started")
    for child in (polite, deaf):
        child.readiness.wait(child)
    began = time.monotonic()
    assert stop_all([polite, unstarted, deaf], grace_seconds=0.5) is False
    assert 0.5 <= time.monotonic() - began < 2
    assert (polite.exitcode, deaf.exitcode) == (-signal.SIGTERM, -signal.SIGKILL)
    assert caplog.messages == ["deaf did not stop within 0.5 seconds: killing it"]
    assert stop_all([polite, deaf, unstarted], grace_seconds=0.5) is True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_ends_the_waiting_and_later_ones_do_nothing(number, start):
    child = start("sleeping")
    before = signal.getsignal(number)
    with StopSignals() as signals:
        timer = threading.Timer(0.1, os.kill, (os.getpid(), number))
        timer.start()
        with pytest.raises(StopRequested):
            wait_for_any([child], signals)
        timer.join()
        os.kill(os.getpid(), number)
        with pytest.raises(StopRequested):
            signals.check()
    assert signal.getsignal(number) is before


def test_a_request_is_seen_although_its_exception_was_swallowed(start):
    child = start("sleeping")
    with StopSignals() as signals:
        with contextlib.suppress(StopRequested):
            os.kill(os.getpid(), signal.SIGTERM)
        assert select.select([signals.descriptor], [], [], 0)[0]
        with pytest.raises(StopRequested):
            wait_for_any([child], signals)
    assert signals.descriptor == -1


def test_disarmed_signals_do_nothing():
    with StopSignals() as signals:
        signals.disarm()
        os.kill(os.getpid(), signal.SIGTERM)


def test_signals_outside_of_the_main_thread_are_left_alone():
    before = signal.getsignal(signal.SIGTERM)
    seen = []

    def enter() -> None:
        with StopSignals():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [before]


@pytest.mark.parametrize(
    ("code", "text"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "killed by SIGKILL"), (-99, "killed by signal 99")]
)
def test_exits_in_words(code, text):
    assert describe_exit(code) == text
