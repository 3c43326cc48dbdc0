"""A processor's link to its agent: frames in, frames out, until it ends."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from scaler.io.ymq.ymq import ErrorCode, PeerEvent, YMQException
from scaler.protocol import codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

_FULL_QUEUE_SECONDS: Final = 0.001
"""A full queue holds far more than is sent in that time, and nobody tells when there is room again."""


class LinkSocket(Protocol):
    """What is needed of the connected socket."""

    def recv_batch(self, timeout_seconds: float | None) -> list[Any]: ...
    def drain(self) -> list[Any]: ...
    def send(self, address: None, payload: bytes) -> None: ...
    def send_soon(self, address: None, payload: bytes) -> None: ...


def _no_work() -> float | None:
    return None


class AgentLink:
    """Receives in batches, and sends results in batches when there is more to do.

    ``on_idle`` is called whenever the main thread is about to wait, and returns after how many seconds it is to be
    called again, should it still wait. For the main thread only, but for ``send``, ``ahead`` and ``taken``, which any
    thread may use.
    """

    def __init__(self, socket: LinkSocket, on_idle: Callable[[], float | None] = _no_work) -> None:
        self._socket = socket
        self._on_idle = on_idle
        self._inbox: deque[tuple[Any, Any]] = deque()
        # Who receives holds the lock, so that messages come into the inbox in their order; the main thread also waits
        # with it, and says so.
        self._receiving = threading.Lock()
        self._is_waiting = False
        self._current: Any = None
        self._is_over = False
        self.taken = 0
        """How many messages the main thread has begun to carry out."""

    @property
    def is_over(self) -> bool:
        """Whether the link has ended for good; what was not sent then, the agent answers for."""
        return self._is_over

    def frames(self) -> Iterator[Buffer]:
        """Yield frames as they come, until the link ends."""
        while not self._is_over:
            if not self._inbox:
                self._wait()
                continue
            received = self._inbox.popleft()[1]
            self._current = received
            self.taken += 1
            if not isinstance(received, PeerEvent):
                yield received
            elif received is PeerEvent.connected:
                self.send(codec.ProcessorInitialized().encode())
            else:  # lost or refused
                self._is_over = True

    def ahead(self) -> list[Any] | None:
        """Return the message that is carried out now and all behind it, or None while there is none to carry out."""
        if self._is_waiting:
            return None
        with self._receiving:
            self._inbox.extend(self._socket.drain())
        frames = [received for _, received in list(self._inbox) if not isinstance(received, PeerEvent)]
        return [self._current, *frames] if self._current is not None else frames

    def _wait(self) -> None:
        timeout_seconds = self._on_idle()
        with self._receiving:
            if self._inbox:
                return  # somebody has looked ahead
            self._current = None
            self._is_waiting = True
            self._inbox.extend(self._socket.recv_batch(timeout_seconds))
            self._is_waiting = False

    def send(self, frame: bytes) -> None:
        """Send a frame at once."""
        self._hand_over(frame, self._socket.send)

    def send_result(self, frame: bytes) -> None:
        """Send a result: at once when nothing else waits, otherwise together with the next ones."""
        if not self._inbox:
            with self._receiving:
                self._inbox.extend(self._socket.drain())
        self._hand_over(frame, self._socket.send_soon if self._inbox else self._socket.send)

    def _hand_over(self, frame: bytes, send: Callable[[None, bytes], None]) -> None:
        """Give a frame to the socket; wait while its queue is full, and give up with the link."""
        while not self._is_over:
            try:
                send(None, frame)
            except YMQException as error:
                if error.code is ErrorCode.PeerQueueFull:
                    time.sleep(_FULL_QUEUE_SECONDS)
                    continue
                self._is_over = True
            return
