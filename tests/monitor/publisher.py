"""A stand-in for the scheduler's end of the monitor stream."""

from __future__ import annotations

import time
from typing import Any

from scaler.io.ymq.ymq import Context, PeerEvent
from scaler.protocol import message
from scaler.scheduler.scheduler import _make_monitor_socket

DEADLINE_SECONDS = 30.0


class Publisher:
    """The monitor socket of a scheduler; it sends what it is told to."""

    def __init__(self, address: str = "tcp://127.0.0.1:0") -> None:
        self.socket = _make_monitor_socket(Context(1))
        self.address = self.socket.bind(address)

    def wait_for_subscriber(self) -> bytes:
        """Return the identity of the next one."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            for peer, event in self.socket.recv_batch(1.0):
                if event is PeerEvent.connected:
                    assert isinstance(peer, bytes)
                    return peer
        raise AssertionError("nobody subscribes")

    def tell(self, subscriber: bytes, published: int, **monitor: Any) -> None:
        """Send a StateScheduler."""
        frame = message.encode("stateScheduler", monitor={"published": published, **monitor})
        self.socket.send(subscriber, frame)
