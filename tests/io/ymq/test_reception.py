"""Who receives: callers that wait, and the client's thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest

from scaler.io.ymq.reception import Reception

SECONDS = 10.0


class Room:
    """A reception whose messages are the names of events that they set."""

    def __init__(self) -> None:
        self.inbox: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.events: dict[str, threading.Event] = {}
        self.receivers: list[threading.Thread] = []
        self.is_over = False
        self.failure: BaseException | None = None
        self.is_deaf = False  # to interruptions
        self.reception = Reception(self._step, self._interrupt, lambda: self.is_over)
        self.thread = threading.Thread(target=self.reception.run, daemon=True)

    def event(self, name: str) -> threading.Event:
        return self.events.setdefault(name, threading.Event())

    def wait(self, name: str, timeout: float | None = SECONDS) -> bool:
        event = self.event(name)
        return self.reception.wait(event.is_set, event.wait, timeout)

    def waiting(self, name: str) -> threading.Thread:
        thread = threading.Thread(target=self.wait, args=(name,))
        thread.start()
        return thread

    def _step(self, limit_seconds: float | None) -> None:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        try:
            name = self.inbox.get(timeout=1 if limit_seconds is None else limit_seconds)
        except queue.Empty:
            return
        if name is not None:
            self.receivers.append(threading.current_thread())
            self.event(name).set()

    def _interrupt(self) -> None:
        if not self.is_deaf:
            self.inbox.put(None)

    def end(self) -> None:
        self.is_over = True
        self.reception.call_thread()
        self.inbox.put(None)
        self.thread.join(SECONDS)
        assert not self.thread.is_alive()


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room()
    yield room
    if room.thread.is_alive():
        room.end()


def test_a_caller_receives_what_it_waits_for(room: Room) -> None:
    room.inbox.put("other")
    room.inbox.put("mine")
    assert room.wait("mine")
    assert room.receivers == [threading.current_thread()] * 2
    assert room.event("other").is_set()


def test_a_caller_gives_up_in_time_and_looks_even_without_any(room: Room) -> None:
    assert not room.wait("mine", 0.01)
    assert not room.wait("mine", 0)
    room.inbox.put("mine")
    assert room.wait("mine", 0)


def test_the_thread_receives_while_nobody_waits(room: Room) -> None:
    room.thread.start()
    room.inbox.put("mine")
    assert room.event("mine").wait(SECONDS)
    assert room.receivers == [room.thread]


def test_the_thread_leaves_receiving_to_a_caller_that_comes_back(room: Room) -> None:
    room.thread.start()
    for number in range(200):
        threading.Timer(0.002, room.inbox.put, (str(number),)).start()
        assert room.wait(str(number))
    assert threading.current_thread() in room.receivers


def test_the_thread_takes_over_when_callers_come_no_more(room: Room) -> None:
    room.inbox.put("mine")
    assert room.wait("mine")
    room.thread.start()
    room.inbox.put("later")
    assert room.event("later").wait(SECONDS)


def test_callers_that_do_not_wait_do_not_keep_the_thread_from_receiving(room: Room) -> None:
    room.thread.start()
    room.inbox.put("mine")
    for _ in range(100_000):
        if room.wait("mine", 0):
            return
    pytest.fail("nobody received")


def test_followers_are_served_when_the_caller_that_received_leaves(room: Room) -> None:
    room.thread.start()
    waiting = [room.waiting(str(number)) for number in range(8)]
    for number in range(8):
        room.inbox.put(str(number))
    for thread in waiting:
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_wake_lets_the_receiving_caller_look_again(room: Room) -> None:
    waiting = room.waiting("mine")
    while room.reception._receiver is None:
        pass
    room.event("mine").set()
    room.reception.wake()
    waiting.join(SECONDS)
    assert not waiting.is_alive()
    room.reception.wake()  # nobody receives: nothing happens


def test_a_caller_that_is_interrupted_gives_receiving_up(room: Room) -> None:
    room.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        room.wait("mine")
    room.inbox.put("mine")
    assert room.wait("mine")


def test_nobody_receives_after_the_end(room: Room) -> None:
    room.thread.start()
    room.end()
    room.reception.close()
    room.inbox.put("mine")
    assert not room.wait("mine", 0.01)


def test_a_signal_handler_may_wait_in_the_midst_of_a_step(room: Room) -> None:
    step, has_nested = room.reception._step, []

    def interrupted(limit_seconds: float | None) -> None:
        if not has_nested:
            has_nested.append(True)
            room.inbox.put("inner")
            assert room.wait("inner")
            room.inbox.put("outer")
        step(limit_seconds)

    room.reception._step = interrupted
    assert room.wait("outer")
    assert room.reception._receiver is None


def test_the_last_step_is_repeated_once_nobody_receives(room: Room) -> None:
    room.is_over = True
    room.inbox.put("cut off")
    room.reception.repeat_last_step()
    assert room.event("cut off").is_set()
    assert room.reception._receiver is None


def test_the_repetition_of_the_last_step_does_not_wait_for_ever_for_who_receives(room: Room) -> None:
    waiting = room.waiting("mine")
    while room.reception._receiver is None:
        pass
    room.is_deaf = True  # so that who receives does not leave
    room.reception.repeat_last_step()
    assert not room.event("mine").is_set()
    room.inbox.put("mine")
    waiting.join(SECONDS)
