"""The client's side of the object storage protocol without any I/O: requests, matching of answers, deadlines.

Both connectors are shells over ``ObjectStorageProtocol``. Every processor imports this, so it imports next to nothing.
"""

from __future__ import annotations

import heapq
import math
import os
import struct
import uuid
from typing import TYPE_CHECKING, Any, Final

from scaler.io.object_storage_header import (
    OBJECT_ID_BYTES,
    OWNER_HASH_BYTES,
    RequestType,
    ResponseType,
    pack_header,
    pack_object_id_message,
    payload_size,
    unpack_header,
)
from scaler.utility.exceptions import ObjectStorageException, ObjectStorageFullError, ObjectStorageTimeoutError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from scaler.io.object_storage_header import Payload

GRACE_SECONDS: Final = 1.0
"""How much later than the server the client itself gives up a get, so that the server's answer says why."""

SLOWEST_BYTES_PER_SECOND: Final = 4 * 1024 * 1024
"""Deadlines leave what is known to be on its way the time it takes at this rate."""

LARGE_BYTES: Final = 8 * 1024 * 1024
"""A server without room refuses larger payloads before it has received them, which costs the connection."""

_TOTALS: Final = struct.Struct("<3Q")
_MAXIMUM_WIRE_TIMEOUT: Final = 2**32 - 1


_EXPECTED: Final = {
    RequestType.SET_OBJECT: frozenset({ResponseType.SET_OK, ResponseType.STORAGE_FULL}),
    RequestType.GET_OBJECT: frozenset({ResponseType.GET_OK, ResponseType.TIMED_OUT}),
    RequestType.DELETE_OBJECT: frozenset({ResponseType.DELETE_OK, ResponseType.DELETE_NOT_EXISTS}),
    RequestType.DUPLICATE_OBJECT_ID: frozenset(
        {ResponseType.DUPLICATE_OK, ResponseType.STORAGE_FULL, ResponseType.TIMED_OUT}
    ),
    RequestType.INFO_GET_TOTAL: frozenset({ResponseType.INFO_GET_TOTAL_OK}),
    RequestType.DELETE_OWNER: frozenset({ResponseType.DELETE_OK, ResponseType.DELETE_NOT_EXISTS}),
}
_WAITING_TYPES: Final = frozenset({RequestType.GET_OBJECT, RequestType.DUPLICATE_OBJECT_ID})


def make_identity(connector: str) -> bytes:
    """Return a new identity of a connector; the server demands that no two connections share one."""
    return f"{connector}|{_host_name().split('.')[0]}|{uuid.uuid4()}".encode()


def _host_name() -> str:
    if hasattr(os, "uname"):
        return os.uname().nodename
    import socket  # what Windows has in its place

    return socket.gethostname()


class Request:
    """One request and, once it has ended, its result or error.

    ``frames`` are to be sent in order without anything between them; they keep the payload alive until the answer.
    ``waiter`` and ``is_written`` are the shell's own.
    """

    __slots__ = (
        "_object_id",
        "_request_type",
        "_started",
        "_timeout_seconds",
        "error",
        "frames",
        "is_done",
        "is_written",
        "request_id",
        "result",
        "size_bytes",
        "waiter",
    )

    def __init__(
        self,
        request_type: RequestType,
        object_id: bytes,
        request_id: int,
        frames: list[Payload],
        size_bytes: int,
        started: float,
        timeout_seconds: float,
    ) -> None:
        self._request_type = request_type
        self._object_id = object_id
        self._started = started
        self._timeout_seconds = timeout_seconds
        self.request_id = request_id
        self.frames = frames
        self.size_bytes = size_bytes
        self.is_done = False
        self.is_written = False
        self.result: Any = None
        self.error: ObjectStorageException | None = None
        self.waiter: Any = None

    def outcome(self) -> Any:
        """Return the result, or raise the error. The request must have ended."""
        if self.error is not None:
            raise self.error
        return self.result

    def deadline(self, last_progress: float = -math.inf) -> float:
        """Return when the client gives up, counted from the last sign of life."""
        grace = GRACE_SECONDS if self._request_type in _WAITING_TYPES else 0.0
        return max(self._started, last_progress) + self._timeout_seconds + grace

    def describe(self) -> str:
        """Return what was asked, for messages."""
        return f"{self._request_type.name.lower()} {self._object_id.hex()}"

    def fail(self, error: ObjectStorageException) -> None:
        """End the request with an error."""
        self.error = error
        self._end()

    def succeed(self, result: Any) -> None:
        """End the request with a result."""
        self.result = result
        self._end()

    def answer(self, response_type: int, payload: Buffer) -> None:
        """End the request with what the server answered. Raise ObjectStorageException when that does not fit."""
        if response_type not in _EXPECTED[self._request_type]:
            raise ObjectStorageException(f"malformed answer: type {response_type} to {self.describe()}")
        if response_type == ResponseType.STORAGE_FULL:
            self.fail(
                ObjectStorageFullError(
                    f"object storage server is full: its memory_limit_bytes leaves no room for {self.describe()} of "
                    f"{self.size_bytes} bytes"
                )
            )
        elif response_type == ResponseType.TIMED_OUT:
            self.fail(
                ObjectStorageTimeoutError(f"object did not exist within {self._timeout_seconds:g} s: {self.describe()}")
            )
        elif response_type == ResponseType.GET_OK:
            self.succeed(payload)
        elif response_type == ResponseType.INFO_GET_TOTAL_OK:
            try:
                self.succeed(_TOTALS.unpack(payload))
            except struct.error:
                raise ObjectStorageException(f"malformed answer to {self.describe()}") from None
        else:
            self.succeed(response_type != ResponseType.DELETE_NOT_EXISTS)

    def expire(self) -> None:
        """End the request because nothing was heard."""
        self.fail(
            ObjectStorageTimeoutError(
                f"no answer from object storage server within {self._timeout_seconds:g} s: {self.describe()}"
            )
        )

    def _end(self) -> None:
        self.is_done = True
        self.frames = []


class ObjectStorageProtocol:
    """The requests of one connection that are not answered yet. Not thread-safe; instants are the caller's seconds."""

    def __init__(self, empty_payload: Buffer = b"") -> None:
        self._empty_payload = empty_payload
        self._pending: dict[int, Request] = {}
        self._deadlines: list[tuple[float, int]] = []
        self._next_request_id = 0
        self._header: tuple[int, int, int] | None = None
        self._last_progress = -math.inf
        self._unanswered_bytes = 0

    def __len__(self) -> int:
        """Return the number of unanswered requests."""
        return len(self._pending)

    def set_object(self, now: float, timeout_seconds: float, object_id: bytes, payload: Payload) -> Request:
        """Start to store an object; the result is True."""
        size = payload_size(payload)
        return self._start(RequestType.SET_OBJECT, object_id, size, payload, size, now, timeout_seconds)

    def get_object(self, now: float, timeout_seconds: float, object_id: bytes, maximum_bytes: int) -> Request:
        """Start to read an object; the result is its buffer."""
        return self._start(RequestType.GET_OBJECT, object_id, maximum_bytes, None, 0, now, timeout_seconds)

    def delete_object(self, now: float, timeout_seconds: float, object_id: bytes) -> Request:
        """Start to delete an object; the result tells whether it existed."""
        return self._start(RequestType.DELETE_OBJECT, object_id, 0, None, 0, now, timeout_seconds)

    def delete_owner(self, now: float, timeout_seconds: float, owner_hash: bytes) -> Request:
        """Start to delete every object of one owner; the result tells whether there was one."""
        if len(owner_hash) != OWNER_HASH_BYTES:
            raise ValueError(f"an owner's hash has {OWNER_HASH_BYTES} bytes, but got {len(owner_hash)}")
        object_id = owner_hash + bytes(OBJECT_ID_BYTES - OWNER_HASH_BYTES)
        return self._start(RequestType.DELETE_OWNER, object_id, 0, None, 0, now, timeout_seconds)

    def duplicate_object_id(self, now: float, timeout_seconds: float, original: bytes, new: bytes) -> Request:
        """Start to give an object a second id; the result is True."""
        message = pack_object_id_message(original)
        return self._start(
            RequestType.DUPLICATE_OBJECT_ID, new, len(message), message, len(message), now, timeout_seconds
        )

    def get_info_total(self, now: float, timeout_seconds: float) -> Request:
        """Start to count; the result is (ids, distinct contents, their bytes)."""
        return self._start(RequestType.INFO_GET_TOTAL, bytes(OBJECT_ID_BYTES), 0, None, 0, now, timeout_seconds)

    def on_frame(self, frame: Buffer) -> Request | None:
        """Take a received frame; return the request that ended with it.

        Raise ObjectStorageException when the peer does not speak the protocol; the connection is of no use then.
        """
        if self._header is not None:
            request_id, response_type, length = self._header
            self._header = None
            size = payload_size(frame)
            if size != length:
                raise ObjectStorageException(f"malformed answer: {size} bytes instead of the announced {length}")
            return self._finish(request_id, response_type, frame)
        if payload_size(frame) == 0:
            return None  # some servers send an empty frame behind the header of an empty object
        _, length, request_id, response_type = unpack_header(frame)
        if length > 0:
            self._header = request_id, response_type, length
            return None
        return self._finish(request_id, response_type, self._empty_payload)

    def on_progress(self, now: float) -> None:
        """Note a sign of life: many transfers together may take longer than the time-out, as long as they go on."""
        self._last_progress = now

    def next_deadline(self) -> float | None:
        """Return when ``expire`` has something to do at the earliest."""
        while self._deadlines and self._deadlines[0][1] not in self._pending:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def expire(self, now: float) -> list[Request]:
        """End the requests that waited too long, and return them."""
        expired = []
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            _, request_id = heapq.heappop(self._deadlines)
            later = self._pending[request_id].deadline(self._last_progress) + self._transfer_seconds()
            if later > now:
                heapq.heappush(self._deadlines, (later, request_id))
                continue
            request = self._forget(request_id)
            assert request is not None
            request.expire()
            expired.append(request)
        return expired

    def abandon(self, request: Request) -> None:
        """Forget a request nobody waits for any more; its answer will be dropped."""
        self._forget(request.request_id)

    def fail_all(self, reason: str) -> list[Request]:
        """End every request because the connection ended, and return them."""
        failed = list(self._pending.values())
        self._pending.clear()
        self._deadlines.clear()
        self._unanswered_bytes = 0
        for request in failed:
            request.fail(ObjectStorageException(f"{reason}: {request.describe()}"))
        return failed

    def _start(
        self,
        request_type: RequestType,
        object_id: bytes,
        length: int,
        payload: Payload | None,
        size_bytes: int,
        now: float,
        timeout_seconds: float,
    ) -> Request:
        request_id = self._next_request_id
        self._next_request_id = (request_id + 1) % (2**64 - 1)
        timeout_ms = wire_timeout(timeout_seconds) if request_type in _WAITING_TYPES else 0
        header = pack_header(object_id, length, request_id, request_type, timeout_ms)
        frames: list[Payload] = [header] if payload is None else [header, payload]
        request = Request(request_type, object_id, request_id, frames, size_bytes, now, timeout_seconds)
        self._pending[request_id] = request
        self._unanswered_bytes += size_bytes
        if (deadline := request.deadline()) < math.inf:
            heapq.heappush(self._deadlines, (deadline, request_id))
        return request

    def _finish(self, request_id: int, response_type: int, payload: Buffer) -> Request | None:
        request = self._pending.get(request_id)
        if request is None:
            return None  # the caller gave up
        request.answer(response_type, payload)
        self._forget(request_id)
        return request

    def _forget(self, request_id: int) -> Request | None:
        request = self._pending.pop(request_id, None)
        if request is not None:
            self._unanswered_bytes -= request.size_bytes
        return request

    def _transfer_seconds(self) -> float:
        incoming_bytes = 0 if self._header is None else self._header[2]
        return (self._unanswered_bytes + incoming_bytes) / SLOWEST_BYTES_PER_SECOND


def wire_timeout(timeout_seconds: float) -> int:
    """Return a time-out as requests carry it."""
    if timeout_seconds == math.inf:
        return 0
    return min(max(math.ceil(timeout_seconds * 1000), 1), _MAXIMUM_WIRE_TIMEOUT)
