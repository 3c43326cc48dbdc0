"""The object storage client for an event loop; everything happens on the loop that called ``connect``."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from scaler.io.object_storage_header import ALL_BYTES
from scaler.io.object_storage_link import DEFAULT_CONNECT_TIMEOUT_SECONDS, DEFAULT_TIMEOUT_SECONDS, StorageLink
from scaler.io.object_storage_protocol import ObjectStorageProtocol, Request
from scaler.io.object_storage_window import Window
from scaler.io.ymq.ymq import Bytes, Context
from scaler.utility.exceptions import ObjectStorageException

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


class AsyncObjectStorageConnector:
    """Stores, reads and deletes objects; any number of calls may be under way.

    Methods raise as those of ``SyncObjectStorageConnector`` do. After a failure the next call connects anew.
    """

    def __init__(
        self,
        *,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
        connect_timeout_seconds: float = DEFAULT_CONNECT_TIMEOUT_SECONDS,
        context: Context | None = None,
    ) -> None:
        self._timeout_seconds = timeout_seconds
        self._connect_timeout_seconds = connect_timeout_seconds
        self._context = context
        self._address: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: StorageLink | None = None
        self._connected: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def address(self) -> str | None:
        """Return the server's address; None before ``connect``."""
        return self._address

    @property
    def is_closed(self) -> bool:
        """Return whether there is no connection: ``close`` was called, or it failed and the next call makes another."""
        return self._is_closed or (self._link is not None and self._link.failure is not None)

    @property
    def is_connected(self) -> bool:
        """Return whether there is a connection now."""
        return self._link is not None and self._link.is_connected and self._link.failure is None

    async def connect(self, address: str) -> None:
        """Connect, or raise ObjectStorageException; once only, but again after a failure."""
        if self._is_closed:
            raise ObjectStorageException("the connector is closed")
        if self._link is not None:
            raise ObjectStorageException(f"the connector is already connected to {self._address}")
        self._address = address
        self._loop = asyncio.get_running_loop()
        if self._context is None:
            self._context = Context()
        link = self._open_link(self._loop, self._context, address)
        self._connected = self._loop.create_future()
        try:
            await self._connected
        finally:
            self._connected = None
            if not link.is_connected:
                self._drop(link)
        if link.failure is not None:
            raise ObjectStorageException(link.failure)

    async def set_object(self, object_id: bytes, payload: Payload, timeout_seconds: float | None = None) -> None:
        """Store an object, in place of what the id named before. Several buffers are stored as one object."""
        timeout = self._timeout(timeout_seconds)
        await self._call([partial(_set, timeout_seconds=timeout, object_id=object_id, payload=payload)])

    async def set_objects(self, objects: Iterable[tuple[bytes, Payload]], timeout_seconds: float | None = None) -> None:
        """Store many objects without waiting for each."""
        timeout = self._timeout(timeout_seconds)
        await self._call(
            partial(_set, timeout_seconds=timeout, object_id=object_id, payload=payload)
            for object_id, payload in objects
        )

    async def get_object(
        self, object_id: bytes, maximum_bytes: int = ALL_BYTES, timeout_seconds: float | None = None
    ) -> Bytes:
        """Return an object, or its first bytes; wait for it to exist, at most for the time-out."""
        timeout = self._timeout(timeout_seconds)
        results = await self._call(
            [partial(_get, timeout_seconds=timeout, object_id=object_id, maximum_bytes=maximum_bytes)]
        )
        result: Bytes = results[0]
        return result

    async def get_objects(self, object_ids: Iterable[bytes], timeout_seconds: float | None = None) -> list[Bytes]:
        """Return many objects, in the order of their ids, without waiting for each."""
        timeout = self._timeout(timeout_seconds)
        return await self._call(
            partial(_get, timeout_seconds=timeout, object_id=object_id, maximum_bytes=ALL_BYTES)
            for object_id in object_ids
        )

    async def delete_object(self, object_id: bytes, timeout_seconds: float | None = None) -> bool:
        """Delete an object and return whether it existed."""
        return (await self.delete_objects([object_id], timeout_seconds))[0]

    async def delete_objects(self, object_ids: Iterable[bytes], timeout_seconds: float | None = None) -> list[bool]:
        """Delete many objects and return whether each existed."""
        timeout = self._timeout(timeout_seconds)
        return await self._call(
            partial(_delete, timeout_seconds=timeout, object_id=object_id) for object_id in object_ids
        )

    async def delete_owner(self, owner_hash: bytes, timeout_seconds: float | None = None) -> bool:
        """Delete every object of one owner, whose ids begin with its hash, and return whether there was one."""
        timeout = self._timeout(timeout_seconds)
        results = await self._call([partial(_delete_owner, timeout_seconds=timeout, owner_hash=owner_hash)])
        existed: bool = results[0]
        return existed

    async def duplicate_object_id(self, original: bytes, new: bytes, timeout_seconds: float | None = None) -> None:
        """Give an object a second id; wait for it to exist, at most for the time-out."""
        timeout = self._timeout(timeout_seconds)
        await self._call([partial(_duplicate, timeout_seconds=timeout, original=original, new=new)])

    async def get_info_total(self, timeout_seconds: float | None = None) -> tuple[int, int, int]:
        """Return how many ids and distinct contents the server holds, and the bytes of the contents."""
        timeout = self._timeout(timeout_seconds)
        results = await self._call([partial(_count, timeout_seconds=timeout)])
        result: tuple[int, int, int] = results[0]
        return result

    async def close(self) -> None:
        """Write what was sent, at most for a second, and close; calls under way fail. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        link = self._link
        if link is None:
            return
        was_busy = len(link.protocol) > 0 and link.failure is None
        self._finish(link, link.fail("the connector was closed"))
        self._detach(link)
        if was_busy:
            await asyncio.get_running_loop().run_in_executor(None, link.socket.close, 1.0)
        else:
            link.socket.close(0)

    def _timeout(self, timeout_seconds: float | None) -> float:
        return self._timeout_seconds if timeout_seconds is None else timeout_seconds

    def _now(self) -> float:
        assert self._loop is not None
        return self._loop.time()

    def _open_link(self, loop: asyncio.AbstractEventLoop, context: Context, address: str) -> StorageLink:
        link = StorageLink(type(self).__name__, address, context, loop.time(), self._connect_timeout_seconds)
        self._link = link
        loop.add_reader(link.socket, self._on_readable, link)
        self._arm_timer(link)
        return link

    def _live_link(self) -> StorageLink:
        if self._is_closed:
            raise ObjectStorageException("the connector is closed")
        if self._loop is None or self._context is None or self._address is None or self._connected is not None:
            raise ObjectStorageException("the connector is not connected")
        if self._link is not None and self._link.failure is not None:
            self._drop(self._link)
        if self._link is None:
            return self._open_link(self._loop, self._context, self._address)
        return self._link

    async def _call(self, starts: Iterable[_Start]) -> list[Any]:
        """Send requests as fast as the window allows, and return their results in order."""
        window = Window()
        link = self._live_link()
        try:
            for start in starts:
                if window.add(start(link.protocol, now=self._now())):
                    self._send(link, window.take_unsent())
                    await self._ended(link, window.to_await())
            self._send(link, window.take_unsent())
            await self._ended(link, window.rest())
        finally:
            for request in window.all():
                link.protocol.abandon(request)
        return window.outcomes()

    def _send(self, link: StorageLink, requests: list[Request]) -> None:
        self._finish(link, link.send(requests))
        self._arm_timer(link)

    async def _ended(self, link: StorageLink, requests: Iterable[Request]) -> None:
        for request in requests:
            if not request.is_done:
                request.waiter = asyncio.get_running_loop().create_future()
                try:
                    await request.waiter
                finally:
                    link.protocol.abandon(request)

    def _on_readable(self, link: StorageLink) -> None:
        self._finish(link, link.take(link.socket.drain(), self._now()))

    def _arm_timer(self, link: StorageLink) -> None:
        """Look after deadlines, as long as there are any."""
        wake = link.next_wake()
        if self._loop is None or wake == math.inf or link.failure is not None:
            return
        if self._timer is not None:
            if self._timer.when() <= wake:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(wake, self._on_timer, link)

    def _on_timer(self, link: StorageLink) -> None:
        self._timer = None
        self._finish(link, link.on_time(self._now()))
        self._arm_timer(link)

    def _finish(self, link: StorageLink, ended: Iterable[Request]) -> None:
        """Wake those who wait for requests that ended, or for the connection."""
        for request in ended:
            if request.waiter is not None and not request.waiter.done():
                request.waiter.set_result(None)
        if link.failure is not None:
            self._detach(link)
        is_decided = link.is_connected or link.failure is not None
        if is_decided and self._connected is not None and not self._connected.done():
            self._connected.set_result(None)

    def _detach(self, link: StorageLink) -> None:
        if self._loop is not None and link is self._link:
            self._loop.remove_reader(link.socket)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _drop(self, link: StorageLink) -> None:
        self._detach(link)
        link.socket.close(0)
        if self._link is link:
            self._link = None
