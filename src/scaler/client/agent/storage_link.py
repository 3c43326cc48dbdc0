"""The client's connection to the object storage, made anew after it was lost."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector
from scaler.utility.exceptions import ObjectStorageException
from scaler.utility.identifiers import ObjectID

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from scaler.client.new_object import NewObject


class StorageLink:
    """Stores and fetches objects. Thread-safe: requests of several threads share the connection.

    A request that was under way when the connection ended fails; the next one connects again.
    """

    def __init__(self, address: str) -> None:
        """Connect. Raise ObjectStorageException."""
        self._address = address
        self._lock = threading.Lock()
        self._is_closed = False
        self._connector = SyncObjectStorageConnector(address)

    def store(self, objects: Sequence[NewObject]) -> None:
        """Store all objects and return when the storage has them. Raise ObjectStorageException."""
        self._connected().set_objects([(item.object_id, item.payload) for item in objects])

    def fetch(self, object_id: ObjectID, timeout_seconds: float | None) -> Buffer:
        """Return an object's bytes. Raise ObjectStorageException, also when the time is over."""
        return self._connected().get_object(object_id, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        """Fail what is under way and disconnect. Idempotent."""
        with self._lock:
            self._is_closed = True
            self._connector.close()

    def _connected(self) -> SyncObjectStorageConnector:
        with self._lock:
            if self._is_closed:
                raise ObjectStorageException("the client's connection to the object storage is closed")
            if self._connector.is_closed:
                self._connector = SyncObjectStorageConnector(self._address)
            return self._connector
