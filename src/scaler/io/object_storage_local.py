"""The local channel to an object storage server of this machine: packets, and memory files in place of large payloads.

A connector keeps its connection over TCP and asks here first. Whatever does not work here, for whatever reason, raises
``LocalChannelError``, and the connector asks over TCP instead. A channel is used by one thread at a time; threads take
channels from a pool, so that one that waits for an object holds up no other.
"""

from __future__ import annotations

import array
import contextlib
import math
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from scaler.io.object_storage_header import (
    HEADER_BYTES,
    RequestType,
    ResponseType,
    pack_header,
    payload_size,
    unpack_header,
)
from scaler.io.object_storage_protocol import GRACE_SECONDS, Request, wire_timeout
from scaler.io.ymq.ymq import Bytes, map_memory_file, write_memory_file
from scaler.utility.exceptions import ObjectStorageException, ObjectStorageTimeoutError

if TYPE_CHECKING:
    from scaler.io.object_storage_header import Payload

Result = TypeVar("Result")

INLINE_BYTES: Final = 128 * 1024
"""Larger payloads travel as memory files; the server has the same bound."""

_OFFER: Final = b"|local="
_NAME_BYTES: Final = 32
_SOCKET_NAME: Final = b"\0scaler-object-storage-"
_WINDOW_REQUESTS: Final = 32
_MAXIMUM_IDLE_CHANNELS: Final = 4
_RETRY_SECONDS: Final = 1.0
_TRUSTED_USERS: Final = frozenset({0})
_CREDENTIALS: Final = struct.Struct("3i")
_TIMEVAL: Final = struct.Struct("ll")
_MAXIMUM_SECONDS: Final = 1e9
# Only Linux has sockets that are named without a file and tell who listens; everything goes over TCP elsewhere.
_HAS_LOCAL_CHANNELS: Final = hasattr(socket, "SO_PEERCRED")
_DESCRIPTOR_SPACE: Final = socket.CMSG_SPACE(array.array("i").itemsize) if _HAS_LOCAL_CHANNELS else 0


class LocalChannelError(Exception):
    """The channel does not do here and now; the same request may be made over TCP."""


class LocalChannels:
    """The channels of one connector. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # finalizers may ask in the midst of a call
        self._identity = b""
        self._name = b""
        self._idle: list[_Channel] = []
        self._all: set[_Channel] = set()
        self._retry_at_seconds = -math.inf
        self._is_closed = False

    def is_offered(self, server_identity: bytes) -> bool:
        """Return whether the server with this identity frame has a local channel that is worth a try now."""
        if server_identity is not self._identity:
            self._take_offer(server_identity)
        return self._name != b"" and (bool(self._idle) or time.monotonic() >= self._retry_at_seconds)

    def set_object(self, object_id: bytes, payload: Payload, timeout_seconds: float) -> None:
        """Store an object. Raise LocalChannelError, or what the connector raises."""
        self._use(timeout_seconds, lambda channel: channel.set_object(object_id, payload, timeout_seconds))

    def get_objects(
        self, object_ids: Sequence[bytes], maximum_bytes: int, timeout_seconds: float
    ) -> list[Bytes | None]:
        """Return the first bytes of objects, in the order of their ids; None for what can only be got over TCP.

        Raise as ``set_object``.
        """
        return self._use(
            timeout_seconds, lambda channel: channel.get_objects(object_ids, maximum_bytes, timeout_seconds)
        )

    def close(self) -> None:
        """Close all channels; calls under way fail. Idempotent."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
            in_use = self._all.difference(idle)
            self._all.clear()
            for channel in in_use:
                channel.interrupt()
        for channel in idle:
            channel.close()

    def _take_offer(self, server_identity: bytes) -> None:
        _, found, name = server_identity.partition(_OFFER)
        with self._lock:
            self._identity = server_identity
            self._name = name if found and len(name) == _NAME_BYTES and _HAS_LOCAL_CHANNELS else b""
            self._retry_at_seconds = -math.inf
            idle, self._idle = self._idle, []
            self._all.difference_update(idle)
        for channel in idle:
            channel.close()

    def _use(self, timeout_seconds: float, request: Callable[[_Channel], Result]) -> Result:
        channel = self._take()
        try:
            result = request(channel)
        except BaseException as error:
            self._drop(channel)  # an answer may still be on its way, so nobody else can use it
            if self._is_closed:
                raise ObjectStorageException("the connector was closed") from None
            if isinstance(error, BlockingIOError):
                raise ObjectStorageTimeoutError(
                    f"no answer from object storage server within {timeout_seconds:g} s"
                ) from None
            if isinstance(error, OSError):
                raise LocalChannelError(f"the local channel failed: {error}") from error
            raise
        self._give_back(channel)
        return result

    def _take(self) -> _Channel:
        with self._lock:
            if self._idle:
                return self._idle.pop()
            name = self._name
        try:
            channel = _Channel(name)
        except OSError as error:
            self._retry_at_seconds = time.monotonic() + _RETRY_SECONDS
            raise LocalChannelError(f"no local channel: {error}") from error
        with self._lock:
            if not self._is_closed:
                self._all.add(channel)
                return channel
        channel.close()
        raise ObjectStorageException("the connector was closed")

    def _give_back(self, channel: _Channel) -> None:
        with self._lock:
            if channel in self._all and channel.name == self._name and len(self._idle) < _MAXIMUM_IDLE_CHANNELS:
                self._idle.append(channel)
                return
        self._drop(channel)

    def _drop(self, channel: _Channel) -> None:
        with self._lock:
            self._all.discard(channel)
        channel.close()


class _Channel:
    """One connection. Everything but ``interrupt`` is called by the thread that has taken it."""

    def __init__(self, name: bytes) -> None:
        """Connect. Raise OSError, also when the server is not run by this user or by root."""
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._wait_seconds = -1.0
            self._set_wait(GRACE_SECONDS)
            self._socket.connect(_SOCKET_NAME + name)
            credentials = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            _, user, _ = _CREDENTIALS.unpack(credentials)
            if user not in _TRUSTED_USERS and user != os.geteuid():
                raise PermissionError(f"the object storage server is run by user {user}")
        except OSError:
            self._socket.close()
            raise
        self._buffer = bytearray(HEADER_BYTES + INLINE_BYTES)
        self._view = memoryview(self._buffer)
        self._next_request_id = 0

    def set_object(self, object_id: bytes, payload: Payload, timeout_seconds: float) -> None:
        """Store an object."""
        size = payload_size(payload)
        request = self._start(RequestType.SET_OBJECT, object_id, timeout_seconds)
        header = pack_header(object_id, size, request.request_id, RequestType.SET_OBJECT)
        self._set_wait(timeout_seconds)
        if size > INLINE_BYTES:
            self._send_file(header, payload)
        else:
            parts = payload if isinstance(payload, (list, tuple)) else (payload,)
            self._socket.sendmsg((header, *parts))
        request_id, response_type, content = self._receive()
        if request_id != request.request_id:
            raise LocalChannelError("an answer to another request")
        request.answer(response_type, content)
        request.outcome()

    def get_objects(
        self, object_ids: Sequence[bytes], maximum_bytes: int, timeout_seconds: float
    ) -> list[Bytes | None]:
        """Return objects, and None for those that can only be got over TCP; answers come in any order."""
        results: list[Bytes | None] = [None] * len(object_ids)
        unanswered: dict[int, tuple[int, Request]] = {}
        sent = 0
        self._set_wait(timeout_seconds + GRACE_SECONDS)
        timeout_ms = wire_timeout(timeout_seconds)
        while True:
            while sent < len(object_ids) and len(unanswered) < _WINDOW_REQUESTS:
                object_id = object_ids[sent]
                request = self._start(RequestType.GET_OBJECT, object_id, timeout_seconds)
                unanswered[request.request_id] = (sent, request)
                header = pack_header(object_id, maximum_bytes, request.request_id, RequestType.GET_OBJECT, timeout_ms)
                self._socket.send(header)
                sent += 1
            if not unanswered:
                return results
            request_id, response_type, content = self._receive()
            if request_id not in unanswered:
                raise LocalChannelError("an answer to another request")
            index, request = unanswered.pop(request_id)
            if response_type != ResponseType.OVER_TCP:
                request.answer(response_type, content)
                results[index] = request.outcome()

    def interrupt(self) -> None:
        """Let the thread that uses the channel fail. Any thread may call it."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _start(self, request_type: RequestType, object_id: bytes, timeout_seconds: float) -> Request:
        self._next_request_id += 1
        return Request(request_type, object_id, self._next_request_id, [], 0, 0.0, timeout_seconds)

    def _set_wait(self, seconds: float) -> None:
        """Set how long the kernel lets one call wait: that costs less than Python's own time-outs."""
        if seconds == self._wait_seconds:
            return
        self._wait_seconds = seconds
        whole, fraction = (0.0, 0.0) if seconds > _MAXIMUM_SECONDS else divmod(max(seconds, 0.001), 1)
        limit = _TIMEVAL.pack(int(whole), int(fraction * 1_000_000))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def _send_file(self, header: bytes, payload: Payload) -> None:
        descriptor = write_memory_file(payload)
        try:
            rights = array.array("i", (descriptor,))
            self._socket.sendmsg((header,), ((socket.SOL_SOCKET, socket.SCM_RIGHTS, rights),))
        finally:
            os.close(descriptor)

    def _receive(self) -> tuple[int, int, Bytes]:
        """Receive one answer: its request, its type, its payload."""
        size, ancillary, flags, _ = self._socket.recvmsg_into(
            (self._buffer,), _DESCRIPTOR_SPACE, socket.MSG_CMSG_CLOEXEC
        )
        descriptors = array.array("i")
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        try:
            if size == 0 or flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC):
                raise LocalChannelError("the local channel was closed, or an answer was cut")
            _, length, request_id, response_type = unpack_header(self._view[:HEADER_BYTES])
            if descriptors:
                return request_id, response_type, _mapped(descriptors[0], length)
            if length != size - HEADER_BYTES:
                raise LocalChannelError("an answer of another length than it announces")
            return request_id, response_type, Bytes(self._view[HEADER_BYTES:size])
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def _mapped(descriptor: int, size_bytes: int) -> Bytes:
    try:
        return map_memory_file(descriptor, size_bytes)
    except OSError:  # too many mappings: a copy does as well
        content = bytearray(size_bytes)
        with memoryview(content) as view:
            filled = 0
            while filled < size_bytes:
                received = os.preadv(descriptor, (view[filled:],), filled)
                if received == 0:
                    raise LocalChannelError("an object is shorter than announced") from None
                filled += received
        return Bytes(content)
