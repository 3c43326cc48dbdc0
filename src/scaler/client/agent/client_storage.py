"""The client's side of the object storage."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from scaler.client.new_object import NewObject
from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector
from scaler.protocol import codec
from scaler.utility.exceptions import ObjectStorageException, ObjectStorageTimeoutError
from scaler.utility.identifiers import ClientID, ObjectID
from scaler.utility.network_util import join_host_and_port

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from scaler.io.ymq.ymq import Context

logger = logging.getLogger(__name__)

_CLEAN_UP_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 2.0


class ClientStorage:
    """Stores and fetches the objects of one client once it is connected. Thread-safe."""

    def __init__(self, identity: ClientID) -> None:
        self._identity = identity
        self._connector: SyncObjectStorageConnector | None = None
        self._is_closed = False

    def connect(self, host: str, port: int, context: Context) -> None:
        """Connect to the server. Raise ObjectStorageException."""
        self._connector = SyncObjectStorageConnector(f"tcp://{join_host_and_port(host, port)}", context=context)

    def announcement(self, objects: Sequence[NewObject]) -> bytes:
        """Return the message to the scheduler that goes before the objects are stored."""
        return codec.ObjectInstruction(
            instruction_type=codec.ObjectInstructionType.create,
            object_user=self._identity,
            object_ids=[item.object_id for item in objects],
            object_types=[item.content_type for item in objects],
            object_names=[item.name for item in objects],
        ).encode()

    def store(self, objects: Sequence[NewObject]) -> None:
        """Store objects, and return when they are there. Raise ObjectStorageException."""
        self._connected().set_objects((item.object_id, item.payload) for item in objects)

    def fetch(self, object_id: ObjectID, timeout_seconds: float | None) -> Buffer:
        """Return the bytes of an object. Raise ObjectStorageException, or its subclass that is a TimeoutError."""
        try:
            return self._connected().get_object(object_id, timeout_seconds=timeout_seconds)
        except ObjectStorageException as error:
            if not self._is_closed:
                raise
            raise ObjectStorageException(
                f"{self._identity!r} has left, and its objects are deleted: large results are fetched by result(), "
                "which has to be called before"
            ) from error

    def connection_number(self) -> int:
        """Return the number of the present connection, 0 when it has ended; does not wait."""
        return self._connected().connection_number()

    def connect_again(self) -> int:
        """Return the number of a connection that answers, if need be a new one. Raise ObjectStorageException."""
        connector = self._connected()
        connector.get_info_total(timeout_seconds=_LOOK_SECONDS)
        return connector.connection_number()

    def lacks(self, object_id: ObjectID) -> bool:
        """Return whether the server answers, but not for an object, twice. Raise ObjectStorageException."""
        return self._lacks(object_id) and self._lacks(object_id)

    def close(self, *, has_to_delete: bool) -> None:
        """Close the connection; before that, delete everything of the client if the scheduler may not do it."""
        self._is_closed = True
        if self._connector is None:
            return
        if has_to_delete:
            try:
                self._connector.delete_owner(self._identity.owner_hash(), timeout_seconds=_CLEAN_UP_SECONDS)
            except ObjectStorageException as error:
                logger.warning("%r: its objects could not be deleted: %s", self._identity, error)
        self._connector.close()

    def _lacks(self, object_id: ObjectID) -> bool:
        connector = self._connected()
        try:
            connector.get_object(object_id, maximum_bytes=1, timeout_seconds=_LOOK_SECONDS)
        except ObjectStorageTimeoutError:
            connector.get_info_total(timeout_seconds=_LOOK_SECONDS)  # otherwise it may just be slow
            return True
        return False

    def _connected(self) -> SyncObjectStorageConnector:
        if self._connector is None:
            raise ObjectStorageException("the client is not connected to an object storage")
        return self._connector
