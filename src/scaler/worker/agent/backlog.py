"""What the scheduler's full queue did not take, in order, and the pressure back on who makes more of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scaler.io.ymq.ymq import ErrorCode
    from scaler.worker.agent.outbox import Frame


class FrameSocket(Protocol):
    """What is needed of the socket to the scheduler."""

    def send_many(self, messages: Sequence[tuple[None, Frame]], /) -> list[tuple[int, ErrorCode]]: ...


class Backlog:
    """Sends frames to the scheduler, those first that wait.

    While any waits, processors are not listened to, whose tasks would print without end: their own queues fill then,
    and they wait. So what waits is bounded by the tasks that are held, what one batch of processors' messages held, and
    the heartbeats until the session ends.
    """

    def __init__(self, set_listening: Callable[[bool], None]) -> None:
        """``set_listening`` says whether processors are to be listened to; they are at first."""
        self._set_listening = set_listening
        self._frames: list[Frame] = []

    def __len__(self) -> int:
        return len(self._frames)

    def send(self, socket: FrameSocket, frames: list[Frame]) -> None:
        """Send what waits and then the frames, as far as the socket takes them."""
        was_waiting = bool(self._frames)
        if was_waiting:
            frames, self._frames = self._frames + frames, []
        if frames:
            failures = socket.send_many([(None, frame) for frame in frames])
            self._frames = [frames[index] for index, _ in failures]
        if was_waiting != bool(self._frames):
            self._set_listening(was_waiting)

    def take(self) -> list[Frame]:
        """Return what waits, and forget it: the session ends, and with it what these frames are about."""
        frames, self._frames = self._frames, []
        if frames:
            self._set_listening(True)
        return frames
