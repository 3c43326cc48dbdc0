"""What leaves the core, and what stays when that fails."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
from collections.abc import Callable, Sequence

import pytest

from scaler.client.agent.core import ClientCore
from scaler.client.agent.core_outlet import CoreOutlet
from scaler.utility.identifiers import ClientID


class Outside:
    """A core with its outlet, and what has come out of it."""

    def __init__(self) -> None:
        self.core = ClientCore(ClientID.generate_client_id(), "a", 10.0, 2.0, 0.0)
        self.outlet = CoreOutlet(self.core, threading.RLock(), self._send, "client")
        self.ended: list[str] = []
        self.sent: list[bytes] = []
        self.room = 1000
        self.failure: BaseException | None = None

    def will_end(self, *names: str) -> None:
        self.core.endings += [self._ending(name) for name in names]

    def will_raise(self, failure: BaseException) -> None:
        self.failure = failure
        self.core.endings.append(self._raise)

    def _ending(self, name: str) -> Callable[[], None]:
        return lambda: self.ended.append(name)

    def _raise(self) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    def _send(self, frames: Sequence[bytes]) -> list[bytes]:
        self._raise()
        taken = frames[: self.room]
        self.room -= len(taken)
        self.sent += taken
        return list(frames[len(taken) :])


@pytest.fixture
def outside() -> Outside:
    return Outside()


def test_an_ending_that_fails_is_logged_and_holds_up_no_other(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    outside.will_raise(OSError("no stream"))
    outside.will_end("a", "b")
    outside.core.outbox.append(b"frame")
    with caplog.at_level(logging.ERROR):
        outside.outlet.flush()
    assert outside.ended == ["a", "b"]
    assert outside.sent == [b"frame"]
    assert "no stream" in caplog.text


def test_an_ending_that_comes_too_late_is_counted(outside: Outside) -> None:
    outside.will_raise(concurrent.futures.InvalidStateError())
    outside.outlet.flush()
    assert outside.core.counters["futures that had ended"] == 1


def test_what_an_interruption_has_left_is_done_by_the_next_flush(outside: Outside) -> None:
    outside.will_end("a")
    outside.will_raise(KeyboardInterrupt())
    outside.will_end("b")
    outside.core.outbox.append(b"frame")
    with pytest.raises(KeyboardInterrupt):
        outside.outlet.flush()
    outside.outlet.flush()
    assert outside.ended == ["a", "b"]
    assert outside.sent == [b"frame"]
    assert not outside.core.endings


def test_what_an_interrupted_send_has_taken_is_sent_by_the_next_flush(outside: Outside) -> None:
    outside.core.outbox += [b"1", b"2"]
    outside.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        outside.outlet.flush()
    outside.core.outbox.append(b"3")
    outside.outlet.flush()
    assert outside.sent == [b"1", b"2", b"3"]


def test_what_a_full_queue_does_not_take_stays_in_its_place(outside: Outside) -> None:
    outside.core.outbox += [b"1", b"2", b"3"]
    outside.room = 1
    outside.outlet.flush()
    assert outside.core.outbox == [b"2", b"3"]
    outside.core.outbox.append(b"4")
    outside.room = 10
    outside.outlet.flush()
    assert outside.sent == [b"1", b"2", b"3", b"4"]


def test_another_thread_does_not_wait_for_an_ending_that_stands_still(outside: Outside) -> None:
    has_begun, may_go_on = threading.Event(), threading.Event()

    def stand_still() -> None:
        if not has_begun.is_set():
            has_begun.set()
            may_go_on.wait(10)

    outside.core.endings.append(stand_still)
    outside.will_end("a")
    thread = threading.Thread(target=outside.outlet.flush)
    thread.start()
    assert has_begun.wait(10)
    outside.outlet.flush()
    assert outside.ended == ["a"]
    may_go_on.set()
    thread.join(10)
    assert outside.ended == ["a"]
