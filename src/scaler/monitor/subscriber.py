"""The connection of a viewer to the monitor stream: keeps a ``ClusterModel`` up to date.

It connects again by itself, also when messages were missed, for a new connection begins with a snapshot.
"""

from __future__ import annotations

import logging
import os
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final

from scaler.io.ymq.ymq import Bytes, Context, IOSocketType, PeerEvent, Role, Socket
from scaler.monitor.cluster_model import ClusterModel

if TYPE_CHECKING:
    from scaler.monitor.events import Event

_logger = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 1.0
"""Least time between two connections that are made because messages were missed: a viewer that is too slow stays so."""
_FOREVER_SECONDS: Final = 10.0 * 365 * 86400


class MonitorSubscriber:
    """A context manager; everything is called by one thread, but for ``interrupt``.

    Raise YMQException for an address that is none. A scheduler that is not there is waited for.
    """

    def __init__(self, address: str) -> None:
        self.model = ClusterModel()
        self.malformed = 0
        self._address = address
        self._context = Context(1)
        self._connected_at = time.monotonic()
        self._socket = self._connect()

    def receive(self, timeout_seconds: float | None) -> list[Event]:
        """Wait for messages, bring the model up to date, and return what has changed, in order.

        The list is empty when time is up, after ``interrupt``, and when what came changes nothing.
        """
        events = []
        for _, received in self._socket.recv_batch(timeout_seconds):
            if isinstance(received, Bytes):
                event = self._apply(received)
                if event is not None:
                    events.append(event)
            elif isinstance(received, PeerEvent) and received is not PeerEvent.connected:
                self.model.on_disconnected()
        self._connect_again_when_needed()
        return events

    def wait_until_complete(self, timeout_seconds: float) -> None:
        """Receive until the model is complete. Raise TimeoutError when that takes longer."""
        deadline = time.monotonic() + timeout_seconds
        while not self.model.is_complete:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"cannot connect to the monitor at {self._address} in {timeout_seconds:g} seconds")
            self.receive(left)

    def interrupt(self) -> None:
        """Let ``receive`` return now; may be called by any thread, and by signal handlers."""
        self._socket.interrupt()

    def close(self) -> None:
        """Close the connection; idempotent."""
        self._socket.close(0.0)

    def __enter__(self) -> MonitorSubscriber:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _apply(self, frame: Bytes) -> Event | None:
        try:
            return self.model.apply(frame, time.monotonic())
        except ValueError as error:
            self.malformed += 1
            _logger.warning("a message of the monitor stream is not understood: %s", error)
            return None

    def _connect(self) -> Socket:
        identity = f"viewer|{os.getpid()}|{os.urandom(16).hex()}".encode()
        socket = Socket(self._context, identity, IOSocketType.Unicast, role=Role.monitor)
        socket.connect(self._address, _FOREVER_SECONDS)
        return socket

    def _connect_again_when_needed(self) -> None:
        now = time.monotonic()
        if self.model.needs_snapshot and now - self._connected_at >= AGAIN_SECONDS:
            self._connected_at = now
            self.model.on_disconnected()
            self._socket.close(0.0)
            self._socket = self._connect()
