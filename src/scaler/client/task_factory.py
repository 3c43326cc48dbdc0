"""Makes the message of a task from a function's id and arguments."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from scaler.client.nesting import next_level
from scaler.client.new_object import NewObject
from scaler.client.object_reference import ObjectReference
from scaler.client.serializer.mixins import Serializer
from scaler.client.task_options import TaskOptions
from scaler.protocol.codec import Argument, ArgumentType, Task
from scaler.utility.exceptions import MissingObjects
from scaler.utility.identifiers import ClientID, ObjectID, TaskID, TaskIDGenerator
from scaler.utility.serialization import INLINE_TASK_BYTES, INLINE_VALUE_BYTES, raise_about, serialize, serialize_as

_VALUE = int(ArgumentType.value)
_OBJECT_ID = int(ArgumentType.objectID)


class NewTask:
    """A task that is ready to be sent once its objects are stored."""

    __slots__ = ("frame", "objects", "task_id")

    def __init__(self, task_id: TaskID, frame: bytes, objects: list[NewObject]) -> None:
        self.task_id = task_id
        self.frame = frame
        self.objects = objects


class TaskFactory:
    """Serializes arguments: small ones into the message, large ones as objects that belong to the task alone."""

    def __init__(
        self,
        identity: ClientID,
        serializer: Serializer,
        metadata: bytes,
        is_known_reference: Callable[[ObjectID], bool],
    ) -> None:
        self._identity = identity
        self._serializer = serializer
        self._metadata = metadata
        self._is_known_reference = is_known_reference
        self._next_task_id = TaskIDGenerator()

    def make(
        self,
        function_id: ObjectID,
        arguments: tuple[Any, ...],
        keywords: Mapping[str, Any],
        options: TaskOptions,
    ) -> NewTask:
        """Return the task. Raise MissingObjects for an unknown reference, or the serializer's own error."""
        task_id = self._next_task_id()
        objects: list[NewObject] = []
        task = Task(
            task_id=task_id,
            source=self._identity,
            func_object_id=function_id,
            function_args=self._encode(arguments, keywords, objects),
            metadata=self._metadata,
            level=next_level(),
            keyword_names=tuple(keywords),
            **options.fields,
        )
        return NewTask(task_id, task.encode(), objects)

    def next_id(self) -> TaskID:
        """Return the id of another task."""
        return self._next_task_id()

    def make_node(
        self,
        task_id: TaskID,
        function_id: ObjectID,
        arguments: list[Argument],
        capabilities: dict[str, int] | None,
        level: int,
    ) -> Task:
        """Return a node of a graph; whose it is, the graph says."""
        return Task(
            task_id=task_id,
            source=b"",
            func_object_id=function_id,
            function_args=arguments,
            metadata=self._metadata,
            capabilities=capabilities,
            level=level,
        )

    def make_object(self, value: Any, name: bytes = b"", what: str = "the object") -> NewObject:
        """Serialize one value, which errors call ``what``, as an object of its own."""
        return self._make_object(serialize_as(what, self._serializer, value), name)

    def checked(self, reference: ObjectReference, what: str = "argument") -> ObjectID:
        """Return the id of a sent object. Raise MissingObjects when it was not sent by this client, or was cleared."""
        if not self._is_known_reference(reference.object_id):
            raise MissingObjects(f"unknown object: {reference.object_id!r} ({what})")
        return reference.object_id

    def _encode(
        self, arguments: tuple[Any, ...], keywords: Mapping[str, Any], objects: list[NewObject]
    ) -> list[Argument]:
        encoded: list[Argument] = []
        inline_bytes = 0
        for value in itertools.chain(arguments, keywords.values()) if keywords else arguments:
            if type(value) is ObjectReference:
                encoded.append(Argument(_OBJECT_ID, self.checked(value)))
                continue
            try:
                payload = serialize(self._serializer, value)
            except Exception as error:
                raise_about(_name(len(encoded), arguments, keywords), error)
            if type(payload) is bytes and len(payload) <= min(INLINE_VALUE_BYTES, INLINE_TASK_BYTES - inline_bytes):
                inline_bytes += len(payload)
                encoded.append(Argument(_VALUE, payload))
                continue
            new_object = self._make_object(payload)
            objects.append(new_object)
            encoded.append(Argument(_OBJECT_ID, new_object.object_id))
        return encoded

    def _make_object(self, payload: Any, name: bytes = b"") -> NewObject:
        object_id = ObjectID.generate_object_id(self._identity)
        return NewObject(object_id, name or f"<obj {object_id!r}>".encode(), payload)


def _name(position: int, arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> str:
    """Return what errors call an argument; positions are counted from 1."""
    if position < len(arguments):
        return f"argument {position + 1}"
    return f"argument {list(keywords)[position - len(arguments)]!r}"
