"""What the scheduler does not take waits in order, and processors are not listened to meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaler.io.ymq.ymq import ErrorCode
from scaler.worker.agent.backlog import Backlog

if TYPE_CHECKING:
    from scaler.worker.agent.outbox import Frame


class SocketModel:
    """Takes as many frames as it has room for."""

    def __init__(self) -> None:
        self.room = 0
        self.sent: list[Frame] = []

    def send_many(self, messages: Sequence[tuple[None, Frame]], /) -> list[tuple[int, ErrorCode]]:
        taken, self.room = messages[: self.room], max(0, self.room - len(messages))
        self.sent += [frame for _, frame in taken]
        return [(index, ErrorCode.PeerQueueFull) for index in range(len(taken), len(messages))]


def test_processors_are_not_listened_to_while_anything_waits() -> None:
    listening: list[bool] = []
    backlog, socket = Backlog(listening.append), SocketModel()
    socket.room = 2
    backlog.send(socket, [b"1", b"2", b"3"])
    assert (len(backlog), listening) == (1, [False])
    backlog.send(socket, [b"4"])
    assert (len(backlog), listening) == (2, [False])
    socket.room = 10
    backlog.send(socket, [])
    assert (len(backlog), listening) == (0, [False, True])
    assert socket.sent == [b"1", b"2", b"3", b"4"]


def test_end_of_the_session_lets_processors_be_heard_again() -> None:
    listening: list[bool] = []
    backlog, socket = Backlog(listening.append), SocketModel()
    backlog.send(socket, [b"1"])
    assert backlog.take() == [b"1"]
    assert (backlog.take(), listening) == ([], [False, True])


def test_nothing_is_said_about_listening_while_all_is_sent() -> None:
    listening: list[bool] = []
    backlog, socket = Backlog(listening.append), SocketModel()
    socket.room = 100
    backlog.send(socket, [b"1", b"2"])
    backlog.send(socket, [])
    assert listening == []
