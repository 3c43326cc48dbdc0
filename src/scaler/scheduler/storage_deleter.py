"""Deletes objects from the object storage in the background, and survives its loss."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from scaler.io.async_object_storage_connector import AsyncObjectStorageConnector
from scaler.io.ymq.ymq import Context

_logger = logging.getLogger(__name__)

_BATCH: Final = 1024
_MOST_PENDING: Final = 1_000_000
_RETRY_SECONDS: Final = 1.0


class Storage(Protocol):
    """What is needed of a connection to the object storage."""

    @property
    def is_closed(self) -> bool: ...
    async def delete_objects(self, object_ids: list[bytes]) -> Any: ...
    async def delete_owner(self, owner_hash: bytes) -> Any: ...
    async def close(self) -> None: ...


async def connect_to_storage(address: str, context: Context) -> Storage:
    """Return a connection. Raise ObjectStorageException, and what else can go wrong without descriptors or memory."""
    connector = AsyncObjectStorageConnector(context=context)
    await connector.connect(address)
    return connector


class StorageDeleter:
    """Owns the scheduler's one connection to the object storage. Used from the event loop only.

    While the storage cannot be reached, up to a million ids and owners are kept; a storage that comes back empty has
    lost the objects anyway, so dropping the oldest beyond that costs only space in one that was merely unreachable.
    """

    def __init__(self, connect: Callable[[], Awaitable[Storage]], retry_seconds: float = _RETRY_SECONDS) -> None:
        self._connect = connect
        self._retry_seconds = retry_seconds
        self._pending: deque[bytes] = deque()
        self._owners: deque[bytes] = deque()
        self._wanted = asyncio.Event()
        self._storage: Storage | None = None

    def __len__(self) -> int:
        return len(self._pending) + len(self._owners)

    def delete(self, object_ids: list[bytes]) -> None:
        """Delete these objects soon."""
        self._add(self._pending, object_ids)

    def delete_owners(self, owner_hashes: list[bytes]) -> None:
        """Delete soon all objects of these owners."""
        self._add(self._owners, owner_hashes)

    async def run(self) -> None:
        """Delete until cancelled, reconnecting as often as needed; say at once when there is no object storage."""
        try:
            await self._find_storage()
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                while self._pending or self._owners:
                    await self._delete_some()
        finally:
            await self._disconnect()

    async def _find_storage(self) -> None:
        """Wait for the storage: without it tasks with large values fail, and nobody else here would notice."""
        was_told = False
        while True:
            try:
                await self._connected()
            except Exception as error:  # of the outermost kind, as below
                if not was_told:
                    _logger.warning("the object storage server cannot be reached, trying again: %s", error)
                was_told = True
                await asyncio.sleep(self._retry_seconds)
                continue
            if was_told:
                _logger.info("the object storage server is reached")
            return

    def _add(self, pending: deque[bytes], new: list[bytes]) -> None:
        pending.extend(new)
        if len(pending) > _MOST_PENDING:
            _logger.warning("the object storage cannot be reached: forgetting the oldest objects to delete")
            _take(pending, len(pending) - _MOST_PENDING)
        self._wanted.set()

    async def _delete_some(self) -> None:
        object_ids, owners = _take(self._pending, _BATCH), _take(self._owners, 1)
        try:
            storage = await self._connected()
            if object_ids:
                await storage.delete_objects(object_ids)
            for owner_hash in owners:
                await storage.delete_owner(owner_hash)
        except ValueError as error:  # no id of an object: it would fail again, and hold up all others
            _logger.error("cannot delete %d object(s) from the object storage: %s", len(object_ids), error)
        except Exception as error:  # of the outermost kind: nothing else ever deletes
            _logger.warning("object storage: %r; trying again", error)
            self._pending.extendleft(reversed(object_ids))
            self._owners.extendleft(reversed(owners))
            await self._disconnect()
            await asyncio.sleep(self._retry_seconds)

    async def _connected(self) -> Storage:
        if self._storage is None or self._storage.is_closed:
            await self._disconnect()
            self._storage = await self._connect()
        return self._storage

    async def _disconnect(self) -> None:
        storage, self._storage = self._storage, None
        if storage is not None:
            try:
                await storage.close()
            except Exception as error:  # it is given up anyway
                _logger.warning("cannot close the connection to the object storage: %r", error)


def _take(pending: deque[bytes], most: int) -> list[bytes]:
    """Return the oldest ones, and forget them."""
    return [pending.popleft() for _ in range(min(most, len(pending)))]
