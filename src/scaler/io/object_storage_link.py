"""One connection to the object storage server: a socket and the protocol over it, without waiting for anything.

The two connectors wait, each in its own way. Not thread-safe: they hold a lock, or live on one loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from scaler.io.object_storage_protocol import ObjectStorageProtocol, Request, make_identity
from scaler.io.ymq.ymq import Bytes, Context, ErrorCode, Handshake, IOSocketType, PeerEvent, Role, Socket, YMQException
from scaler.utility.exceptions import ObjectStorageException

if TYPE_CHECKING:
    from scaler.io.ymq._ymq import Received

DEFAULT_TIMEOUT_SECONDS: Final = 60.0
DEFAULT_CONNECT_TIMEOUT_SECONDS: Final = 8.0
PROGRESS_CHECK_SECONDS: Final = 5.0
"""How often it is looked at whether a large transfer still moves."""

_UNBOUNDED: Final = 1 << 62
"""The connectors bound what they send by their windows, and a single object may be larger than any bound."""


class StorageLink:
    """A connection from its first attempt to its end, which comes once; a new one is a new link."""

    def __init__(self, name: str, address: str, context: Context, now: float, connect_timeout_seconds: float) -> None:
        self.protocol = ObjectStorageProtocol(empty_payload=Bytes(b""))
        self.is_connected = False
        self.failure: str | None = None
        self._address = address
        self._connect_timeout_seconds = connect_timeout_seconds
        self._connect_deadline = now + connect_timeout_seconds
        self._moved_bytes = 0
        self.socket = Socket(
            context,
            make_identity(name),
            IOSocketType.Connector,
            handshake=Handshake.plain,
            role=Role.unknown,
            outbound_bound_bytes=_UNBOUNDED,
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
        messages = [(None, frame) for request in requests for frame in request.frames]
        try:
            refused = self.socket.send_many(messages)
        except YMQException as error:
            return self.fail(error.message)
        # A missing frame would shift all that follow, so there is no going on after a refusal.
        return self.fail(refused[0][1].explanation()) if refused else []

    def take(self, received: Sequence[Received], now: float) -> list[Request]:
        """Handle what the socket received; return the requests that ended."""
        ended: list[Request] = []
        for _, what in received:
            if self.failure is not None:
                break
            if isinstance(what, Bytes):
                try:
                    request = self.protocol.on_frame(what)
                except ObjectStorageException as error:
                    ended += self.fail(str(error))
                    break
                if request is not None:
                    ended.append(request)
            elif isinstance(what, PeerEvent):
                ended += self._on_event(what)
            elif isinstance(what, ErrorCode) and what != ErrorCode.Uninit:
                ended += self.fail(what.explanation())
        if received:
            self.protocol.on_progress(now)
        return ended

    def next_wake(self, now: float) -> float:
        """Return when ``on_time`` is to be called at the latest."""
        wake = now + PROGRESS_CHECK_SECONDS
        if not self.is_connected:
            wake = min(wake, self._connect_deadline)
        deadline = self.protocol.next_deadline()
        return wake if deadline is None else min(wake, deadline)

    def on_time(self, now: float) -> list[Request]:
        """End what took too long; return the requests that ended."""
        if self.failure is not None:
            return []
        if not self.is_connected and now >= self._connect_deadline:
            return self.fail(f"not connected within {self._connect_timeout_seconds:g} s")
        statistics = self.socket.statistics()
        moved_bytes = statistics.inbound_bytes + statistics.outbound_bytes
        if moved_bytes != self._moved_bytes:
            self._moved_bytes = moved_bytes
            self.protocol.on_progress(now)
        return self.protocol.expire(now)

    def fail(self, why: str) -> list[Request]:
        """End the link, if it has not ended, with everything that is pending; return the requests that ended."""
        if self.failure is None:
            self.failure = self._reason(why)
            self.socket.interrupt()
        return self.protocol.fail_all(self.failure)

    def _on_event(self, event: PeerEvent) -> list[Request]:
        if event == PeerEvent.connected:
            self.is_connected = True
            return []
        return self.fail("connection lost" if self.is_connected else "could not connect")

    def _reason(self, why: str) -> str:
        return f"connection failure to object storage server {self._address}: {why}"
