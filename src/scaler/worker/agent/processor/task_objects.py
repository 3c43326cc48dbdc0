"""Finds what a task needs: the serializer of its client, its function, its arguments."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Final

from scaler.protocol import codec
from scaler.utility.exceptions import DeserializeObjectError
from scaler.utility.identifiers import ClientID, ObjectID
from scaler.utility.serialization import deserialize, payload_size
from scaler.worker.agent.processor.object_cache import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from scaler.client.serializer.mixins import Serializer
    from scaler.worker.agent.processor.object_cache import ObjectCache
    from scaler.worker.agent.processor.storage import Storage

_OBJECT_ID: Final = int(codec.ArgumentType.objectID)
_VALUE: Final = int(codec.ArgumentType.value)
_SERIALIZER_IDS_BOUND: Final = 1024


class LoadedTask:
    """A task ready to be called, and the serializer for its result."""

    __slots__ = ("arguments", "function", "keywords", "serializer")

    def __init__(
        self, serializer: Serializer, function: Callable[..., Any], arguments: list[Any], keywords: dict[str, Any]
    ) -> None:
        self.serializer = serializer
        self.function = function
        self.arguments = arguments
        self.keywords = keywords


class TaskObjects:
    """Loads tasks by means of the cache and the storage."""

    def __init__(self, cache: ObjectCache, storage: Storage) -> None:
        self._cache = cache
        self._storage = storage
        self._serializer_ids: dict[bytes, bytes] = {}  # by client; an id costs two hashes

    def load(self, task: codec.Task) -> LoadedTask:
        """Return the loaded task. Raise ObjectStorageException or DeserializeObjectError."""
        serializer_id = self._serializer_id(task.source)
        function_id = task.func_object_id
        arguments = task.function_args
        needed = [serializer_id, function_id]
        needed += [argument.data for argument in arguments if argument.type == _OBJECT_ID]
        fetched = self._fetch(needed)

        serializer = self._object(serializer_id, "serializer", fetched, pickle.loads)

        def decode(payload: Buffer) -> Any:
            return deserialize(serializer, payload)

        function = self._object(function_id, "function", fetched, decode)
        values = [self._argument(position, each, fetched, decode) for position, each in enumerate(arguments)]
        names = task.keyword_names
        if not names:
            return LoadedTask(serializer, function, values, {})
        first_keyword = len(values) - len(names)
        if first_keyword < 0:
            raise DeserializeObjectError(
                f"the task names {len(names)} keyword arguments, but has {len(values)} arguments"
            )
        keywords = dict(zip(names, values[first_keyword:], strict=True))
        return LoadedTask(serializer, function, values[:first_keyword], keywords)

    def _argument(
        self, position: int, argument: codec.Argument, fetched: dict[bytes, Buffer], decode: Callable[[Buffer], Any]
    ) -> Any:
        if argument.type == _VALUE:
            return _decoded(decode, argument.data, f"argument {position}")
        if argument.type == _OBJECT_ID:
            return self._object(argument.data, f"argument {position}", fetched, decode)
        raise DeserializeObjectError(f"argument {position} is neither an object nor a value (type {argument.type})")

    def _object(
        self, object_id: bytes, what: str, fetched: dict[bytes, Buffer], decode: Callable[[Buffer], Any]
    ) -> Any:
        payload = fetched.get(object_id)
        value = self._cache.get(object_id)
        if value is ABSENT:
            if payload is None:  # an object larger than its share pushed it out of the cache a moment ago
                payload = self._storage.get_objects([object_id])[0]
            size_bytes = payload_size(payload)
            value = _decoded(decode, payload, f"{what} {object_id.hex()}")
            self._cache.put(object_id, value, size_bytes)
        return value

    def _fetch(self, object_ids: list[bytes]) -> dict[bytes, Buffer]:
        """Get all objects that are not cached in one go."""
        missing = list(dict.fromkeys(each for each in object_ids if self._cache.get(each) is ABSENT))
        if not missing:
            return {}
        return dict(zip(missing, self._storage.get_objects(missing), strict=True))

    def _serializer_id(self, source: bytes) -> bytes:
        serializer_id = self._serializer_ids.get(source)
        if serializer_id is None:
            if len(self._serializer_ids) >= _SERIALIZER_IDS_BOUND:
                self._serializer_ids.clear()
            serializer_id = bytes(ObjectID.generate_serializer_object_id(ClientID(source)))
            self._serializer_ids[source] = serializer_id
        return serializer_id


def _decoded(decode: Callable[[Buffer], Any], payload: Buffer, what: str) -> Any:
    """Return the decoded object. Loading runs code of users: whatever it raises must not end the processor."""
    try:
        return decode(payload)
    except BaseException as error:
        text = f"{what} could not be decoded: {type(error).__name__}: {_text(error)}"
        raise DeserializeObjectError(text) from error


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception whose text cannot be made is the user's code, too
        return "(its text cannot be made)"
