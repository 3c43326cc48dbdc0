"""The object storage client for threads.

Any number of threads may use one connector at once. There is no thread behind it: of those that wait for answers, one
reads for all of them, and when it has its own answer it leaves that to another. Nobody holds the lock while reading, so
a thread that waits for an object never holds up another one's request. What was read is in the list of the link before
anything can interrupt the reader, in whose place a thread whose time is up looks whether its answer has come.

A finalizer or a signal handler may make a call in the midst of another one of the same thread, wherever that is: such
a call goes over a connection of its own.

With a server on this machine, objects travel over its local channel, which shares the memory of large ones. Everything
else, and whatever fails there, goes over the connection.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from scaler.io.object_storage_header import ALL_BYTES, payload_size
from scaler.io.object_storage_link import DEFAULT_CONNECT_TIMEOUT_SECONDS, DEFAULT_TIMEOUT_SECONDS, StorageLink
from scaler.io.object_storage_local import INLINE_BYTES, LocalChannelError, LocalChannels
from scaler.io.object_storage_protocol import ObjectStorageProtocol, Request
from scaler.io.object_storage_window import WINDOW_BYTES, Window
from scaler.io.ymq.ymq import Bytes, Context, YMQException
from scaler.utility.exceptions import ObjectStorageException
from scaler.utility.standstill import standstill

if TYPE_CHECKING:
    from scaler.io.object_storage_header import Payload

    _Start = Callable[..., Request]

# What starts a request, once it is given the protocol and the time.
_set = ObjectStorageProtocol.set_object
_get = ObjectStorageProtocol.get_object
_delete = ObjectStorageProtocol.delete_object
_delete_owner = ObjectStorageProtocol.delete_owner
_duplicate = ObjectStorageProtocol.duplicate_object_id
_count = ObjectStorageProtocol.get_info_total


class SyncObjectStorageConnector:
    """Stores, reads and deletes objects; blocks until the server has answered.

    Every method raises ObjectStorageException when the connection fails, ObjectStorageTimeoutError when nothing moved
    for the time-out, ObjectStorageFullError when the server has no room. After a failure the next call connects anew.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        connect_timeout_seconds: float = DEFAULT_CONNECT_TIMEOUT_SECONDS,
        context: Context | None = None,
    ) -> None:
        """Connect, or raise ObjectStorageException."""
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._connect_timeout_seconds = connect_timeout_seconds
        self._context = Context() if context is None else context
        self._lock = threading.RLock()  # finalizers may close the connector in the midst of a call
        self._changed = threading.Condition(self._lock)
        self._reading: set[StorageLink] = set()
        self._callers: set[int] = set()
        self._is_closed = False
        self._local = LocalChannels()
        self._connections = 0
        self._link = self._open_link()
        with self._lock:
            while not self._link.is_connected and self._link.failure is None:
                self._step(self._link)
        if self._link.failure is not None:
            self.close()
            raise ObjectStorageException(self._link.failure)

    def __enter__(self) -> SyncObjectStorageConnector:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        """Return the server's address."""
        return self._address

    @property
    def is_closed(self) -> bool:
        """Return whether there is no connection: ``close`` was called, or it failed and the next call makes another."""
        return self._is_closed or self._link.failure is not None

    def connection_number(self) -> int:
        """Return which connection of this connector the present one is, from 1 on; 0 when it has ended. Never waits."""
        if not self._lock.acquire(blocking=False):
            return self._connections  # somebody uses it, and will notice its end
        try:
            if not self._is_closed and self._link not in self._reading:
                self._drain(self._link)
            return 0 if self.is_closed else self._connections
        finally:
            self._lock.release()

    def set_object(self, object_id: bytes, payload: Payload, timeout_seconds: float | None = None) -> None:
        """Store an object, in place of what the id named before. Several buffers are stored as one object."""
        timeout = self._timeout(timeout_seconds)
        if not self._set_locally(object_id, payload, timeout):
            self._call([partial(_set, timeout_seconds=timeout, object_id=object_id, payload=payload)])

    def set_objects(self, objects: Iterable[tuple[bytes, Payload]], timeout_seconds: float | None = None) -> None:
        """Store many objects without waiting for each."""
        timeout = self._timeout(timeout_seconds)
        together: list[_Start] = []
        together_bytes = 0
        for object_id, payload in objects:
            size = payload_size(payload)
            if together and (size > INLINE_BYTES or together_bytes >= WINDOW_BYTES):
                self._call(together)
                together, together_bytes = [], 0
            if size <= INLINE_BYTES or not self._set_locally(object_id, payload, timeout):
                together.append(partial(_set, timeout_seconds=timeout, object_id=object_id, payload=payload))
                together_bytes += size
        self._call(together)

    def get_object(
        self, object_id: bytes, maximum_bytes: int = ALL_BYTES, timeout_seconds: float | None = None
    ) -> Bytes:
        """Return an object, or its first bytes; wait for it to exist, at most for the time-out."""
        return self._get((object_id,), maximum_bytes, self._timeout(timeout_seconds))[0]

    def get_objects(self, object_ids: Iterable[bytes], timeout_seconds: float | None = None) -> list[Bytes]:
        """Return many objects, in the order of their ids, without waiting for each."""
        return self._get(list(object_ids), ALL_BYTES, self._timeout(timeout_seconds))

    def delete_object(self, object_id: bytes, timeout_seconds: float | None = None) -> bool:
        """Delete an object and return whether it existed."""
        return self.delete_objects([object_id], timeout_seconds)[0]

    def delete_objects(self, object_ids: Iterable[bytes], timeout_seconds: float | None = None) -> list[bool]:
        """Delete many objects and return whether each existed."""
        timeout = self._timeout(timeout_seconds)
        return self._call(partial(_delete, timeout_seconds=timeout, object_id=object_id) for object_id in object_ids)

    def delete_owner(self, owner_hash: bytes, timeout_seconds: float | None = None) -> bool:
        """Delete every object of one owner, whose ids begin with its hash, and return whether there was one."""
        timeout = self._timeout(timeout_seconds)
        existed: bool = self._call([partial(_delete_owner, timeout_seconds=timeout, owner_hash=owner_hash)])[0]
        return existed

    def duplicate_object_id(self, original: bytes, new: bytes, timeout_seconds: float | None = None) -> None:
        """Give an object a second id; wait for it to exist, at most for the time-out."""
        timeout = self._timeout(timeout_seconds)
        self._call([partial(_duplicate, timeout_seconds=timeout, original=original, new=new)])

    def get_info_total(self, timeout_seconds: float | None = None) -> tuple[int, int, int]:
        """Return how many ids and distinct contents the server holds, and the bytes of the contents."""
        timeout = self._timeout(timeout_seconds)
        result: tuple[int, int, int] = self._call([partial(_count, timeout_seconds=timeout)])[0]
        return result

    def close(self) -> None:
        """Close the connection; calls under way fail, in whichever thread. Idempotent."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._link.fail("the connector was closed")
            self._changed.notify_all()
        self._local.close()
        self._link.socket.close(0)

    def _set_locally(self, object_id: bytes, payload: Payload, timeout_seconds: float) -> bool:
        """Store an object over the local channel and return True, or return False when that can not be."""
        if self._is_closed or not self._local.is_offered(self._link.server_identity):
            return False
        try:
            standstill.put_off(lambda: self._local.set_object(object_id, payload, timeout_seconds))
        except LocalChannelError:
            return False
        return True

    def _get(self, object_ids: Sequence[bytes], maximum_bytes: int, timeout_seconds: float) -> list[Bytes]:
        found: dict[int, Bytes] = {}
        if not self._is_closed and self._local.is_offered(self._link.server_identity):
            with contextlib.suppress(LocalChannelError):
                local = standstill.put_off(lambda: self._local.get_objects(object_ids, maximum_bytes, timeout_seconds))
                found = {index: result for index, result in enumerate(local) if result is not None}
        if len(found) == len(object_ids):
            return list(found.values())
        missing = [index for index in range(len(object_ids)) if index not in found]
        start = partial(_get, timeout_seconds=timeout_seconds, maximum_bytes=maximum_bytes)
        results = self._call(partial(start, object_id=object_ids[index]) for index in missing)
        found.update(zip(missing, results, strict=True))
        return [found[index] for index in range(len(object_ids))]

    def _timeout(self, timeout_seconds: float | None) -> float:
        return self._timeout_seconds if timeout_seconds is None else timeout_seconds

    def _open_link(self) -> StorageLink:
        self._connections += 1
        return StorageLink(
            type(self).__name__, self._address, self._context, time.monotonic(), self._connect_timeout_seconds
        )

    def _live_link(self) -> StorageLink:
        if self._is_closed:
            raise ObjectStorageException(f"the connector to object storage server {self._address} is closed")
        if self._link not in self._reading:
            # Nobody reads between calls, so a connection that ended since the last one is noticed here.
            self._drain(self._link)
        if self._link.failure is not None:
            self._link.socket.close(0)
            self._link = self._open_link()
        return self._link

    def _call(self, starts: Iterable[_Start]) -> list[Any]:
        """Send requests as fast as the window allows, and return their results in order."""
        return standstill.put_off(lambda: self._call_once(starts))

    def _call_once(self, starts: Iterable[_Start]) -> list[Any]:
        caller = threading.get_ident()
        if caller in self._callers and not self._is_closed:
            with SyncObjectStorageConnector(
                self._address,
                timeout_seconds=self._timeout_seconds,
                connect_timeout_seconds=self._connect_timeout_seconds,
                context=self._context,
            ) as another:
                return another._call(starts)
        try:
            self._callers.add(caller)
            return self._call_together(starts)
        finally:
            self._callers.discard(caller)

    def _call_together(self, starts: Iterable[_Start]) -> list[Any]:
        window = Window()
        with self._lock:
            link = self._live_link()
            try:
                for start in starts:
                    if window.add(start(link.protocol, now=time.monotonic())):
                        self._finish(link.send(window.take_unsent()))
                        self._await(link, window.to_await())
                self._finish(link.send(window.take_unsent()))
                self._await(link, window.rest())
            finally:
                for request in window.all():
                    link.protocol.abandon(request)
        return window.outcomes()

    def _await(self, link: StorageLink, requests: Iterable[Request]) -> None:
        for request in requests:
            while not request.is_done:
                self._step(link)

    def _step(self, link: StorageLink) -> None:
        """Wait until something has happened: read, or let another thread read. The lock is held before and after."""
        now = time.monotonic()
        wake = link.next_wake()
        timeout_seconds = None if wake == math.inf else wake - now
        if timeout_seconds is not None and timeout_seconds <= 0:
            self._drain(link)  # for who reads may stand still
            if link in self._reading:
                link.socket.interrupt()  # it shall look whether its own answer was among that
        elif link in self._reading:
            self._changed.wait(timeout_seconds)
        else:
            self._read(link, timeout_seconds)

    def _read(self, link: StorageLink, timeout_seconds: float | None) -> None:
        failure = None
        try:
            self._reading.add(link)
            try:
                self._lock.release()
                link.socket.recv_batch(timeout_seconds, into=link.received)
            except YMQException as error:
                failure = error.message
            finally:
                self._lock.acquire()
        finally:
            self._reading.discard(link)
            self._handle_received(link, failure)
            self._changed.notify_all()

    def _drain(self, link: StorageLink) -> None:
        """Handle what has come without waiting. The lock is held."""
        try:
            link.received += link.socket.drain()
        except BaseException:
            link.fail("some answers were lost")
            raise
        self._handle_received(link, None)

    def _handle_received(self, link: StorageLink, failure: str | None) -> None:
        """Handle what was received, whoever did, then what ended the link, and what took too long."""
        now = time.monotonic()
        received = link.received[:]
        del link.received[: len(received)]  # in place, for a reader adds to this very list without the lock
        try:
            ended = link.take(received, now)
            if failure is not None:
                ended += link.fail(failure)
            self._finish([*ended, *link.on_time(now)])
        except BaseException:  # of a signal handler: what is left of the answers makes no sense without the others
            link.fail("some answers were lost")
            raise

    def _finish(self, ended: Sequence[Request]) -> None:
        if ended:
            self._changed.notify_all()
