"""A processor's link to its agent: frames in, frames out, until it ends."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Protocol

from scaler.io.ymq.ymq import ErrorCode, PeerEvent, YMQException
from scaler.protocol import codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

_FULL_QUEUE_SECONDS: Final = 0.001


class LinkSocket(Protocol):
    """What is needed of the connected socket."""

    def recv_batch(self) -> list[Any]: ...
    def drain(self) -> list[Any]: ...
    def send(self, address: None, payload: bytes) -> None: ...
    def send_soon(self, address: None, payload: bytes) -> None: ...


class AgentLink:
    """Receives in batches, and sends results in batches when there is more to do.

    For the main thread only, but for ``send``, which any thread may call.
    """

    def __init__(self, socket: LinkSocket) -> None:
        self._socket = socket
        self._inbox: deque[tuple[Any, Any]] = deque()
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether the link has ended for good; what was not sent then, the agent answers for."""
        return self._is_over

    def frames(self) -> Iterator[Buffer]:
        """Yield frames as they come, until the link ends."""
        while not self._is_over:
            if not self._inbox:
                self._inbox.extend(self._socket.recv_batch())
                continue
            received = self._inbox.popleft()[1]
            if not isinstance(received, PeerEvent):
                yield received
            elif received is PeerEvent.connected:
                self.send(codec.ProcessorInitialized().encode())
            else:  # lost or refused
                self._is_over = True

    def send(self, frame: bytes) -> None:
        """Send a frame at once."""
        self._hand_over(frame, self._socket.send)

    def send_result(self, frame: bytes) -> None:
        """Send a result: at once when nothing else waits, otherwise together with the next ones."""
        if not self._inbox:
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
