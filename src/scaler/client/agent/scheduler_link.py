"""The client's connection to the scheduler: frames out from any thread, batches in for one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from scaler.io.ymq.ymq import Context, ErrorCode, IOSocketType, Role, Socket, YMQException
from scaler.utility.exceptions import DisconnectedError
from scaler.utility.identifiers import ClientID

if TYPE_CHECKING:
    from scaler.io.ymq._ymq import Received

_FULL_QUEUE_PAUSE_SECONDS: Final = 0.005
"""A full queue holds far more than is sent in that time, and nobody tells when there is room again."""
_LINGER_SECONDS: Final = 1.0
_QUICK_SECONDS: Final = 0.0002  # below this, frames are cheaper to write together than one by one


class SchedulerLink:
    """One connecting socket. Thread-safe, but for ``receive``, which one thread at a time calls."""

    def __init__(self, identity: ClientID, address: str, timeout_seconds: float) -> None:
        """Start connecting; the outcome is an event. Raise ValueError for an address that cannot be connected to."""
        self.address = address
        self._timeout_seconds = timeout_seconds
        self._last_send_seconds = 0.0
        self._has_waiting = False
        self.context = Context(1)
        self._socket = Socket(
            self.context,
            identity,
            IOSocketType.Connector,
            role=Role.client,
            session_timeout_seconds=timeout_seconds,
        )
        try:
            self._socket.connect(address, give_up_seconds=timeout_seconds)
        except YMQException as error:
            self._socket.close(linger_seconds=0)
            raise ValueError(f"cannot connect to {address}: {error.message}") from error

    def receive(self, timeout_seconds: float, into: list[Received]) -> None:
        """Wait without the GIL and append what has arrived to the list: frames and events."""
        self._socket.recv_batch(timeout_seconds, into=into)

    def connect_failure(self) -> str:
        """Return why there is no connection: why the scheduler refused it, or how the last attempt failed."""
        return self._socket.connect_failure or "it gave no reason"

    def interrupt(self) -> None:
        """Let the waiting ``receive`` return."""
        self._socket.interrupt()

    def send(self, frames: Sequence[bytes]) -> list[bytes]:
        """Send what can be sent now; return what the full queue did not take. Without a session frames are dropped."""
        refused = self._send_many(frames)
        return [frames[index] for index, code in refused if code == ErrorCode.PeerQueueFull]

    def send_all(self, frames: Sequence[bytes], is_stopping: Callable[[], bool], may_wait: bool = False) -> None:
        """Send all frames in order; wait while the queue is full. Raise DisconnectedError.

        Single frames that may wait and follow each other quickly are written together: when something else is sent,
        when there are 64 KiB of them, on ``flush``, and after half a millisecond at the latest.
        """
        if may_wait and len(frames) == 1 and self._follows_quickly() and self._send_soon(frames[0]):
            return
        deadline = time.monotonic() + self._timeout_seconds
        while True:
            refused = self._send_many(frames)
            if not refused:
                return
            code = next((code for _, code in refused if code != ErrorCode.PeerQueueFull), None)
            if code is not None:
                raise DisconnectedError(f"the scheduler at {self.address} cannot be reached: {code.explanation()}")
            if len(refused) < len(frames):
                deadline = time.monotonic() + self._timeout_seconds
            if time.monotonic() > deadline or is_stopping():
                raise DisconnectedError(
                    f"the scheduler at {self.address} took no message for {self._timeout_seconds:g} seconds"
                )
            frames = [frames[index] for index, _ in refused]
            time.sleep(_FULL_QUEUE_PAUSE_SECONDS)

    def flush(self) -> None:
        """Write the frames that wait for company."""
        if self._has_waiting:
            self._has_waiting = False
            self._socket.send_many([])

    def close(self) -> None:
        """Write what is queued, within a second, and disconnect."""
        self._socket.close(linger_seconds=_LINGER_SECONDS)

    def _follows_quickly(self) -> bool:
        now_seconds = time.monotonic()
        is_quick = now_seconds - self._last_send_seconds < _QUICK_SECONDS
        self._last_send_seconds = now_seconds
        return is_quick

    def _send_soon(self, frame: bytes) -> bool:
        self._has_waiting = True  # before the frame: a flush between the two must not forget it
        try:
            self._socket.send_soon(None, frame)
        except YMQException:  # full or lost, which the ordinary way copes with
            return False
        return True

    def _send_many(self, frames: Sequence[bytes]) -> list[tuple[int, ErrorCode]]:
        if len(frames) == 1:
            try:
                self._socket.send(None, frames[0])
            except YMQException as error:
                return [(0, error.code)]
            return []
        messages: list[tuple[bytes | None, Any]] = [(None, frame) for frame in frames]
        return self._socket.send_many(messages)
