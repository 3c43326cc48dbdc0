"""Deletes objects from the object storage in the background, and survives its loss."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from scaler.io.async_object_storage_connector import AsyncObjectStorageConnector
from scaler.io.ymq.ymq import Context
from scaler.utility.exceptions import ObjectStorageException
from scaler.utility.identifiers import ObjectID

_logger = logging.getLogger(__name__)

_BATCH: Final = 1024
_MOST_PENDING: Final = 1_000_000
_RETRY_SECONDS: Final = 1.0


class StorageDeleter:
    """Owns the scheduler's one connection to the object storage. Used from the event loop only.

    While the storage cannot be reached, up to a million ids and owners are kept; a storage that comes back empty has
    lost the objects anyway, so dropping the oldest beyond that costs only space in one that was merely unreachable.
    """

    def __init__(self, address: str, context: Context) -> None:
        self._context = context
        self._address = address
        self._pending: list[bytes] = []
        self._owners: list[bytes] = []
        self._wanted = asyncio.Event()
        self._connector: AsyncObjectStorageConnector | None = None

    def __len__(self) -> int:
        return len(self._pending) + len(self._owners)

    def delete(self, object_ids: list[bytes]) -> None:
        """Delete these objects soon."""
        self._add(self._pending, object_ids)

    def delete_owners(self, owner_hashes: list[bytes]) -> None:
        """Delete soon all objects of these owners."""
        self._add(self._owners, owner_hashes)

    async def run(self) -> None:
        """Delete until cancelled, reconnecting as often as needed."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                await self._delete_pending()
        finally:
            await self._disconnect()

    def _add(self, pending: list[bytes], new: list[bytes]) -> None:
        pending.extend(new)
        if len(pending) > _MOST_PENDING:
            _logger.warning("the object storage cannot be reached: forgetting the oldest objects to delete")
            del pending[: len(pending) - _MOST_PENDING]
        self._wanted.set()

    async def _delete_pending(self) -> None:
        while self._pending or self._owners:
            batch, owner = self._pending[:_BATCH], self._owners[:1]
            try:
                connector = await self._connected()
                if batch:
                    await connector.delete_objects([ObjectID(object_id) for object_id in batch])
                for owner_hash in owner:
                    await connector.delete_owner(owner_hash)
            except (ObjectStorageException, OSError) as error:
                _logger.warning("object storage %s: %s; trying again", self._address, error)
                await self._disconnect()
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            del self._pending[: len(batch)]
            del self._owners[: len(owner)]

    async def _connected(self) -> AsyncObjectStorageConnector:
        if self._connector is None or self._connector.is_closed:
            await self._disconnect()
            connector = AsyncObjectStorageConnector(context=self._context)
            await connector.connect(self._address)
            self._connector = connector
        return self._connector

    async def _disconnect(self) -> None:
        connector, self._connector = self._connector, None
        if connector is not None:
            await connector.close()
