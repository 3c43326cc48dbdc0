"""One connection to the object storage server: a socket and the protocol over it, without waiting for anything.

The two connectors wait, each in its own way. Not thread-safe: they hold a lock, or live on one loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from scaler.io.object_storage_protocol import LARGE_BYTES, ObjectStorageProtocol, Request, make_identity
from scaler.io.ymq.ymq import Bytes, Context, ErrorCode, Handshake, IOSocketType, PeerEvent, Role, Socket, YMQException
from scaler.utility.exceptions import ObjectStorageException, ObjectStorageFullError

if TYPE_CHECKING:
    from scaler.io.ymq._ymq import Received

DEFAULT_TIMEOUT_SECONDS: Final = 60.0
DEFAULT_CONNECT_TIMEOUT_SECONDS: Final = 8.0
_UNBOUNDED: Final = 1 << 62
"""The connectors bound what they send by their windows, and a single object may be larger than any bound."""


class StorageLink:
    """A connection from its first attempt to its end, which comes once; a new one is a new link."""

    def __init__(self, name: str, address: str, context: Context, now: float, connect_timeout_seconds: float) -> None:
        self.protocol = ObjectStorageProtocol(empty_payload=Bytes(b""))
        self.is_connected = False
        self.failure: str | None = None
        self.server_identity = b""
        self.received: list[Received] = []  # and not taken yet, where several threads may receive
        self._address = address
        self._connect_timeout_seconds = connect_timeout_seconds
        self._connect_deadline = now + connect_timeout_seconds
        self._tokens = 0
        self._being_written: dict[Any, Request] = {}
        self.socket = Socket(
            context,
            make_identity(name),
            IOSocketType.Connector,
            handshake=Handshake.plain,
            role=Role.unknown,
            outbound_bound_bytes=_UNBOUNDED,
            maximum_frame_bytes=_UNBOUNDED,
        )
        try:
            self.socket.connect(address, connect_timeout_seconds)
        except YMQException as error:
            self.socket.close(0)
            raise ObjectStorageException(self._reason(error.message)) from error

    def send(self, requests: Sequence[Request]) -> list[Request]:
        """Send requests, of which none was sent before; return those that ended because that failed."""
        if self.failure is not None:
            return self.protocol.fail_all(self.failure)
        try:
            if any(request.size_bytes > LARGE_BYTES for request in requests):
                self._send_and_watch(requests)
                return []
            refused = self.socket.send_many([(None, frame) for request in requests for frame in request.frames])
        except YMQException as error:
            return self.fail(error.message)
        except BaseException:  # of a signal handler
            self.fail("a request was cut off, of which a part may have been sent")
            raise
        # A missing frame would shift all that follow, so there is no going on after a refusal.
        return self.fail(refused[0][1].explanation()) if refused else []

    def take(self, received: Sequence[Received], now: float) -> list[Request]:
        """Handle what the socket received; return the requests that ended."""
        ended: list[Request] = []
        for source, what in received:
            if self.failure is not None:
                break
            if isinstance(what, Bytes):
                ended += self._on_frame(what)
            elif isinstance(what, PeerEvent):
                ended += self._on_event(source, what)
            elif what == ErrorCode.Uninit:
                self._being_written.pop(source).is_written = True
            else:
                ended += self.fail(what.explanation())
        if received:
            self.protocol.on_progress(now)
        return ended

    def next_wake(self) -> float:
        """Return when ``on_time`` is to be called at the latest; infinity for never."""
        deadline = self.protocol.next_deadline()
        wake = math.inf if deadline is None else deadline
        return wake if self.is_connected else min(wake, self._connect_deadline)

    def on_time(self, now: float) -> list[Request]:
        """End what took too long; return the requests that ended."""
        if self.failure is not None:
            return []
        if not self.is_connected and now >= self._connect_deadline:
            return self.fail(f"not connected within {self._connect_timeout_seconds:g} s")
        return self.protocol.expire(now)

    def fail(self, why: str) -> list[Request]:
        """End the link, if it has not ended, with everything that is pending; return the requests that ended."""
        if self.failure is None:
            self.failure = self._reason(why)
            self.socket.interrupt()
        return self.protocol.fail_all(self.failure)

    def _send_and_watch(self, requests: Sequence[Request]) -> None:
        for request in requests:
            *head, last = request.frames
            for frame in head:
                self.socket.send(None, frame)
            self._tokens += 1
            self._being_written[self._tokens] = request
            self.socket.send(None, last, self._tokens)

    def _on_frame(self, frame: Bytes) -> list[Request]:
        try:
            request = self.protocol.on_frame(frame)
        except ObjectStorageException as error:
            return self.fail(str(error))
        if request is None:
            return []
        is_refused_unread = isinstance(request.error, ObjectStorageFullError) and not request.is_written
        if request.size_bytes > LARGE_BYTES and is_refused_unread:
            # The rest of the payload will never be read; whatever is behind it could not be either.
            return [request, *self.fail("it had no room for a large object")]
        return [request]

    def _on_event(self, source: Any, event: PeerEvent) -> list[Request]:
        if event == PeerEvent.connected:
            self.server_identity = source
            self.is_connected = True
            return []
        return self.fail("connection lost" if self.is_connected else "could not connect")

    def _reason(self, why: str) -> str:
        return f"connection failure to object storage server {self._address}: {why}"
