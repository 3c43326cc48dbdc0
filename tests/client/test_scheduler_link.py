"""Sending under back-pressure, over a stand-in for the socket."""

from __future__ import annotations

import time
from typing import Any

import pytest

from scaler.client.agent import scheduler_link
from scaler.client.agent.scheduler_link import SchedulerLink
from scaler.io.ymq.ymq import ErrorCode, YMQException
from scaler.utility.exceptions import DisconnectedError
from scaler.utility.identifiers import ClientID


class StandInSocket:
    """Takes so many frames as it has room for."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.written: list[bytes] = []
        self.waiting: list[bytes] = []
        self.room = 1_000_000
        self.refill = 0
        self.code = ErrorCode.PeerQueueFull
        self.connect_failure = ""

    def connect(self, address: str, give_up_seconds: float) -> None:
        if address == "bad":
            raise YMQException(ErrorCode.InvalidAddressFormat, "no address")

    def close(self, linger_seconds: float) -> bool:
        return True

    def send(self, address: None, frame: bytes) -> None:
        if self.room == 0:
            self.room += self.refill
            raise YMQException(self.code, "refused")
        self.room -= 1
        self.written += [*self.waiting, frame]
        self.waiting = []

    def send_soon(self, address: None, frame: bytes) -> None:
        if self.room == 0:
            raise YMQException(self.code, "refused")
        self.room -= 1
        self.waiting.append(frame)

    def send_many(self, messages: list[tuple[None, bytes]]) -> list[tuple[int, ErrorCode]]:
        self.written += self.waiting
        self.waiting = []
        taken, self.room = min(self.room, len(messages)), max(0, self.room - len(messages))
        self.written += [frame for _, frame in messages[:taken]]
        if taken < len(messages):
            self.room += self.refill
        return [(index, self.code) for index in range(taken, len(messages))]


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> SchedulerLink:
    monkeypatch.setattr(scheduler_link, "Socket", StandInSocket)
    return SchedulerLink(ClientID.generate_client_id(), "tcp://here:1", timeout_seconds=0.2)


def socket_of(link: SchedulerLink) -> Any:
    return link._socket


FRAMES = [bytes([number]) for number in range(20)]


def running() -> bool:
    return False


def test_reason_of_a_refusal_is_that_of_the_socket(link: SchedulerLink) -> None:
    assert link.connect_failure() == "it gave no reason"
    socket_of(link).connect_failure = "the identity is in use"
    assert link.connect_failure() == "the identity is in use"


def test_bad_address_is_a_value_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler_link, "Socket", StandInSocket)
    with pytest.raises(ValueError, match="bad"):
        SchedulerLink(ClientID.generate_client_id(), "bad", 1)


def test_full_queue_is_waited_for_in_order(link: SchedulerLink) -> None:
    socket_of(link).room, socket_of(link).refill = 0, 3
    link.send_all(FRAMES, running)
    link.send_all([b"last"], running)
    assert socket_of(link).written == [*FRAMES, b"last"]


def test_queue_that_stays_full_is_an_error_within_the_timeout(link: SchedulerLink) -> None:
    socket_of(link).room = 5
    start = time.monotonic()
    with pytest.raises(DisconnectedError, match=r"tcp://here:1 took no message for 0\.2 seconds"):
        link.send_all(FRAMES, running)
    assert time.monotonic() - start < 5


def test_stop_ends_the_wait_for_a_full_queue(link: SchedulerLink) -> None:
    socket_of(link).room = 0
    with pytest.raises(DisconnectedError):
        link.send_all(FRAMES, lambda: True)


@pytest.mark.parametrize("frames", [FRAMES, FRAMES[:1]])
def test_lost_session_is_an_error(link: SchedulerLink, frames: list[bytes]) -> None:
    socket_of(link).room, socket_of(link).code = 0, ErrorCode.ConnectorSocketClosedByRemoteEnd
    with pytest.raises(DisconnectedError, match="cannot be reached"):
        link.send_all(frames, running)
    assert link.send(frames) == []  # dropped


def test_what_the_full_queue_does_not_take_is_returned(link: SchedulerLink) -> None:
    socket_of(link).room = 5
    assert link.send(FRAMES) == FRAMES[5:]


def test_quick_frames_are_written_together(link: SchedulerLink, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(scheduler_link.time, "monotonic", lambda: now[0])
    for frame in FRAMES[:5]:
        link.send_all([frame], running, may_wait=True)
        now[0] += 0.00001
    assert socket_of(link).written == FRAMES[:1]  # nothing was known to follow
    link.flush()
    assert socket_of(link).written == FRAMES[:5]
    now[0] += 1
    link.send_all([b"slow"], running, may_wait=True)
    assert socket_of(link).written[-1] == b"slow"


def test_quick_frame_that_is_refused_is_sent_the_ordinary_way(link: SchedulerLink) -> None:
    link.send_all(FRAMES[:1], running, may_wait=True)
    socket_of(link).room, socket_of(link).refill = 0, 1
    link.send_all([b"next"], running, may_wait=True)
    assert socket_of(link).written == [FRAMES[0], b"next"]
