"""What one pipelined call of a storage connector sends together, and how much of it may be unanswered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from scaler.io.object_storage_protocol import Request

WINDOW_BYTES: Final = 64 * 1024 * 1024
WINDOW_REQUESTS: Final = 1024
"""Bounds of what one call of a connector keeps unanswered; more requests follow as answers arrive."""

BATCH_BYTES: Final = 1024 * 1024
BATCH_REQUESTS: Final = 64
"""Bounds of what one call collects to write it at once."""


class Window:
    """The requests of one pipelined call: what is to be sent together, and how many may be unanswered."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._sent = 0
        self._unsent_bytes = 0
        self._awaited = 0
        self._unanswered_bytes = 0

    def add(self, request: Request) -> bool:
        """Take a request; return whether it is time to send."""
        self._requests.append(request)
        self._unsent_bytes += request.size_bytes
        self._unanswered_bytes += request.size_bytes
        return len(self._requests) - self._sent >= BATCH_REQUESTS or self._unsent_bytes >= BATCH_BYTES

    def take_unsent(self) -> list[Request]:
        """Return the requests that were not returned before; the caller sends them."""
        unsent = self._requests[self._sent :]
        self._sent = len(self._requests)
        self._unsent_bytes = 0
        return unsent

    def to_await(self) -> Iterator[Request]:
        """Yield the oldest requests, each of which must have ended when the next is asked for, until there is room."""
        while self._awaited < len(self._requests) and (
            len(self._requests) - self._awaited >= WINDOW_REQUESTS or self._unanswered_bytes >= WINDOW_BYTES
        ):
            request = self._requests[self._awaited]
            self._awaited += 1
            self._unanswered_bytes -= request.size_bytes
            yield request

    def rest(self) -> list[Request]:
        """Return the requests that ``to_await`` has not yielded."""
        return self._requests[self._awaited :]

    def all(self) -> list[Request]:
        """Return every request."""
        return self._requests

    def outcomes(self) -> list[Any]:
        """Return all results in order, or raise the first error. All requests must have ended."""
        return [request.outcome() for request in self._requests]
