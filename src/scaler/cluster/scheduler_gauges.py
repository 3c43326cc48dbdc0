"""Asks a scheduler about itself."""

from __future__ import annotations

import json
import time
import uuid
from types import TracebackType
from typing import Any

from scaler.io.ymq.ymq import Bytes, Context, IOSocketType, PeerEvent, Role, Socket
from scaler.protocol import message


class SchedulerGauges:
    """A short-lived connection to a scheduler; a context manager."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._context = Context(1)
        self._socket = Socket(
            self._context, f"gauges|{uuid.uuid4().hex}".encode(), IOSocketType.Connector, role=Role.monitor
        )
        self._socket.connect(address)

    def read(self, timeout_seconds: float) -> dict[str, int]:
        """Return the gauges: the sizes of its tables. Raise what ``ask`` does."""
        gauges: dict[str, int] = self.ask(b"gauges", timeout_seconds)
        return gauges

    def ask(self, request: bytes, timeout_seconds: float) -> Any:
        """Return the answer to a request for information, see docs/protocol.md.

        Raise TimeoutError without an answer in time, ConnectionError when the scheduler left. After either this object
        is of no use, for a late answer would be taken for that to the next request.
        """
        self._socket.send(None, message.encode("informationRequest", request=request))
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            for _, received in self._socket.recv_batch(max(0.0, deadline - time.monotonic())):
                if isinstance(received, PeerEvent):
                    if received is not PeerEvent.connected:
                        raise ConnectionError(f"the scheduler at {self._address} has closed the connection")
                elif isinstance(received, Bytes):
                    member, response = message.decode(received)
                    if member == "informationResponse":
                        return json.loads(bytes(response.response))
        raise TimeoutError(f"the scheduler at {self._address} did not answer within {timeout_seconds:g} seconds")

    def close(self) -> None:
        """Close the connection; idempotent."""
        self._socket.close(0.1)

    def __enter__(self) -> SchedulerGauges:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
