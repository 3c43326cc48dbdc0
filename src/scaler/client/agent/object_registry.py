"""The one owner of what a client has stored: which objects exist, who still needs them, which may be deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from scaler.client.function_record import FunctionRecord
from scaler.utility.identifiers import ClientID, ObjectID
from scaler.utility.serialization import payload_size

_MAXIMUM_IDLE_FUNCTIONS: Final = 256
_MAXIMUM_FUNCTION_BYTES: Final = 256 * 1024 * 1024


class StoredFunction:
    """One function in the object storage, shared by all tasks that call it."""

    __slots__ = ("digest", "is_stored", "name", "object_id", "references", "size_bytes")

    def __init__(self, digest: bytes, object_id: ObjectID, name: bytes, size_bytes: int) -> None:
        self.digest = digest
        self.object_id = object_id
        self.name = name
        self.size_bytes = size_bytes
        self.is_stored = False
        self.references = 0


class ObjectRegistry:
    """Counts references to functions, knows the sent objects, and collects the ids of what is needed no more.

    Not thread-safe: its owner calls it under a lock.
    """

    def __init__(self, owner: ClientID) -> None:
        self._owner = owner
        self._functions: dict[bytes, StoredFunction] = {}  # by digest, oldest first
        self._function_bytes = 0
        self._sent: dict[ObjectID, int] = {}  # with the connection over which it was stored
        self._deletable: list[ObjectID] = []
        self._generation = 0

    def acquire_function(self, record: FunctionRecord, references: int = 1) -> StoredFunction:
        """Return the function's place in the storage with more references. New ones are not stored yet."""
        function = self._functions.get(record.digest)
        if function is None:
            function = self._add_function(record)
        function.references += references
        return function

    def release_function(self, function: StoredFunction, references: int = 1) -> None:
        """Take back references. What nobody uses stays for later calls, within bounds."""
        function.references -= references
        if self._functions.get(function.digest) is not function:  # cleared meanwhile
            if function.references == 0:
                self._deletable.append(function.object_id)
        elif len(self._functions) > _MAXIMUM_IDLE_FUNCTIONS or self._function_bytes > _MAXIMUM_FUNCTION_BYTES:
            self._evict_functions()

    def add_sent(self, object_id: ObjectID, connection: int) -> None:
        """Record an object that references may name until ``clear``, and over which connection it was stored."""
        self._sent[object_id] = connection

    def is_sent(self, object_id: ObjectID) -> bool:
        """Return whether a reference to the object is valid."""
        return object_id in self._sent

    def release(self, object_ids: Iterable[ObjectID]) -> None:
        """Note that nobody needs these objects any more."""
        self._deletable.extend(object_ids)

    def on_store_failed(self, object_ids: Iterable[ObjectID], functions: Sequence[StoredFunction]) -> None:
        """Let objects be deleted of which some may be stored. ``functions`` are those whose code is among them.

        A function is deleted when its references end, and never stored again under its id, which the deletion may meet.
        """
        function_ids = {function.object_id for function in functions}
        self.release(object_id for object_id in object_ids if object_id not in function_ids)
        for function in functions:
            if not function.is_stored and self._functions.get(function.digest) is function:
                self._remove_function(function)

    def clear(self) -> None:
        """Forget every sent object and function; those in use are deleted when their last task ends."""
        self._deletable.extend(self._sent)
        self._sent.clear()
        for function in list(self._functions.values()):
            self._remove_function(function)
            if function.references == 0:
                self._deletable.append(function.object_id)

    def on_storage_lost(self, connection: int) -> None:
        """Let functions be stored again when they are called, under their ids; what was sent is known no more.

        ``connection`` is the first one to the new server: what was sent over it is there.
        """
        lost = [object_id for object_id, number in self._sent.items() if number < connection]
        self._deletable.extend(lost)
        for object_id in lost:
            del self._sent[object_id]
        for function in self._functions.values():
            function.is_stored = False

    def take_deletable(self) -> list[ObjectID]:
        """Return, once, the ids of the objects to delete."""
        deletable, self._deletable = self._deletable, []
        return deletable

    @property
    def deletable_count(self) -> int:
        """Return how many ids wait for ``take_deletable``."""
        return len(self._deletable)

    def sizes(self) -> dict[str, int]:
        """Return the size of every table."""
        return {"functions": len(self._functions), "sent": len(self._sent), "deletable": len(self._deletable)}

    def _add_function(self, record: FunctionRecord) -> StoredFunction:
        # An id must not come again after its deletion, which may still be on its way to the storage.
        content = record.digest if self._generation == 0 else record.digest + self._generation.to_bytes(8, "little")
        object_id = ObjectID.generate_content_object_id(self._owner, content)
        name = record.name or f"<func {object_id!r}>".encode()
        function = StoredFunction(record.digest, object_id, name, payload_size(record.payload))
        self._functions[record.digest] = function
        self._function_bytes += function.size_bytes
        return function

    def _remove_function(self, function: StoredFunction) -> None:
        del self._functions[function.digest]
        self._function_bytes -= function.size_bytes
        self._generation += 1

    def _evict_functions(self) -> None:
        idle = [function for function in self._functions.values() if function.references == 0]
        for function in idle[:-1]:  # the youngest is the likeliest to be called again
            if len(self._functions) <= _MAXIMUM_IDLE_FUNCTIONS // 2 and self._function_bytes <= _MAXIMUM_FUNCTION_BYTES:
                break
            self._remove_function(function)
            self._deletable.append(function.object_id)
