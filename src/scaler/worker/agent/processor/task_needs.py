"""Which objects a task needs."""

from __future__ import annotations

from typing import Final

from scaler.protocol import codec
from scaler.utility.identifiers import ClientID, ObjectID

_OBJECT_ID: Final = int(codec.ArgumentType.objectID)
_SERIALIZER_IDS_BOUND: Final = 1024


class TaskNeeds:
    """Names the objects of tasks. For one thread."""

    def __init__(self) -> None:
        self._serializer_ids: dict[bytes, bytes] = {}  # by client; an id costs two hashes

    def of(self, task: codec.Task) -> list[bytes]:
        """Return the ids of what a task needs: the serializer of its client, its function, the others in order."""
        needed = [self._serializer_id(task.source), task.func_object_id]
        needed += [argument.data for argument in task.function_args if argument.type == _OBJECT_ID]
        for step in task.steps:
            needed.append(step.func_object_id)
            needed += [argument.data for argument in step.function_args if argument.type == _OBJECT_ID]
        return needed

    def _serializer_id(self, source: bytes) -> bytes:
        serializer_id = self._serializer_ids.get(source)
        if serializer_id is None:
            if len(self._serializer_ids) >= _SERIALIZER_IDS_BOUND:
                self._serializer_ids.clear()
            serializer_id = bytes(ObjectID.generate_serializer_object_id(ClientID(source)))
            self._serializer_ids[source] = serializer_id
        return serializer_id
