"""What a client gives out for an object that it has stored."""

from __future__ import annotations

import dataclasses

from scaler.utility.identifiers import ObjectID


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ObjectReference:
    """Stands for a stored object when it is itself an argument of a task. Two are equal when they name one object."""

    name: bytes
    size: int
    object_id: ObjectID

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ObjectReference):
            return NotImplemented
        return self.object_id == other.object_id

    def __hash__(self) -> int:
        return hash(self.object_id)

    def __repr__(self) -> str:
        return f"ObjectReference(name={self.name!r}, size={self.size} bytes, id={self.object_id!r})"
