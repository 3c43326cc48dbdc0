"""A processor's connection to the object storage: made when it is first needed, and made again when it was lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from scaler.utility.exceptions import ObjectStorageException

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Buffer

Result = TypeVar("Result")

_CONNECT_SECONDS: Final = 4.0
_RETRY_SECONDS: Final = 2.0
_IMPATIENT_SECONDS: Final = 5.0


class Connector(Protocol):
    """What is needed of a connector to the object storage."""

    @property
    def is_closed(self) -> bool: ...
    def get_object(self, object_id: bytes, maximum_bytes: int) -> Buffer: ...
    def get_objects(self, object_ids: Sequence[bytes]) -> Sequence[Buffer]: ...
    def set_object(self, object_id: bytes, payload: Buffer | Sequence[Buffer]) -> object: ...
    def close(self) -> None: ...


def connect(address: str) -> Connector:
    """Return a connector. Raise ObjectStorageException."""
    # Imported here because many tasks never need the storage once their function is cached.
    from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector

    return SyncObjectStorageConnector(address, connect_timeout_seconds=_CONNECT_SECONDS)


def connect_impatiently(address: str) -> Connector:
    """Return a connector for requests that had better fail than wait for long. Raise ObjectStorageException."""
    from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector

    return SyncObjectStorageConnector(
        address, connect_timeout_seconds=_CONNECT_SECONDS, timeout_seconds=_IMPATIENT_SECONDS
    )


class Storage:
    """Gets and sets objects. Every failure is an ObjectStorageException.

    When the storage cannot be reached, calls fail at once for a while, then one tries anew: a line of tasks that need a
    lost storage must not wait for it one after the other, nor keep healthy tasks behind them waiting.
    """

    def __init__(
        self,
        address: str,
        make_connector: Callable[[str], Connector] = connect,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = address
        self._make_connector = make_connector
        self._now = now
        self._retry_at_seconds = 0.0
        self._connector: Connector | None = None

    def get_objects(self, object_ids: Sequence[bytes]) -> Sequence[Buffer]:
        """Return the payloads of objects, and wait for those that do not exist yet."""
        return self._call(lambda connector: connector.get_objects(object_ids))

    def get_object(self, object_id: bytes, maximum_bytes: int) -> Buffer:
        """Return the first bytes of an object, and wait for it to exist."""
        return self._call(lambda connector: connector.get_object(object_id, maximum_bytes))

    def set_object(self, object_id: bytes, payload: Buffer | Sequence[Buffer]) -> None:
        """Store an object."""
        self._call(lambda connector: connector.set_object(object_id, payload))

    def close(self) -> None:
        """Close the connection."""
        connector, self._connector = self._connector, None
        if connector is not None:
            connector.close()

    def _call(self, request: Callable[[Connector], Result]) -> Result:
        """Make a request. One that fails with its connection is repeated once: all are idempotent."""
        fresh = self._connector is None
        try:
            return request(self._connected())
        except ObjectStorageException:
            if fresh or not self._connected_is_closed():
                raise
            self.close()
            return request(self._connected())
        finally:
            if self._connected_is_closed():
                self.close()

    def _connected(self) -> Connector:
        if self._connector is None:
            if self._now() < self._retry_at_seconds:
                raise ObjectStorageException(f"object storage {self._address} could not be reached a moment ago")
            try:
                self._connector = self._make_connector(self._address)
            except Exception as error:
                self._retry_at_seconds = self._now() + _RETRY_SECONDS
                if isinstance(error, ObjectStorageException):
                    raise
                # The system gives no memory, threads or descriptors, which a task may have used up.
                raise ObjectStorageException(f"cannot connect to object storage {self._address}: {error}") from error
        return self._connector

    def _connected_is_closed(self) -> bool:
        return self._connector is not None and self._connector.is_closed
