"""Decoded objects of a processor by id: functions, serializers and shared arguments."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

CACHE_BYTES: Final = 512 * 1024 * 1024
ABSENT: Final = object()
"""What ``get`` returns for an object that is not cached; an object may be None."""


class ObjectCache:
    """Keeps the objects used last, bounded by the bytes of their serialized form.

    For one thread only, but for ``in`` and ``release``.

    Tasks share what is cached. Large arrays in it are read-only; a task that changes anything else of an object changes
    it for the later tasks of this processor.
    """

    def __init__(self, maximum_bytes: int = CACHE_BYTES) -> None:
        self._maximum_bytes = maximum_bytes
        self._objects: OrderedDict[bytes, tuple[Any, int]] = OrderedDict()  # the oldest use first
        self._bytes = 0
        self._reserved_bytes = 0

    def __len__(self) -> int:
        return len(self._objects)

    def __contains__(self, object_id: bytes) -> bool:
        return object_id in self._objects

    @property
    def maximum_bytes(self) -> int:
        """The bound of all that is cached."""
        return self._maximum_bytes

    @property
    def size_bytes(self) -> int:
        """The serialized size of everything that is cached."""
        return self._bytes

    def get(self, object_id: bytes) -> Any:
        """Return the object, or ABSENT."""
        entry = self._objects.get(object_id)
        if entry is None:
            return ABSENT
        self._objects.move_to_end(object_id)
        return entry[0]

    def put(self, object_id: bytes, value: Any, size_bytes: int) -> None:
        """Keep an object, unless it is larger than the cache, and drop those unused for longest to make room."""
        self.discard((object_id,))
        if size_bytes > self._maximum_bytes:
            return
        self._objects[object_id] = (value, size_bytes)
        self._bytes += size_bytes
        while self._bytes > self._maximum_bytes - self._reserved_bytes and len(self._objects) > 1:
            _, (_, dropped_bytes) = self._objects.popitem(last=False)
            self._bytes -= dropped_bytes

    def size_of(self, object_ids: Iterable[bytes]) -> int:
        """Return the serialized size of those of the objects that are cached."""
        entries = [self._objects.get(object_id) for object_id in set(object_ids)]
        return sum(entry[1] for entry in entries if entry is not None)

    def reserve(self, size_bytes: int, keep: list[bytes]) -> None:
        """Leave so much of the bound free until ``release``, also now, but for what is to be kept."""
        self._reserved_bytes = size_bytes
        if self._bytes > self._maximum_bytes - size_bytes:
            for object_id in [each for each in self._objects if each not in keep]:
                self.discard((object_id,))
                if self._bytes <= self._maximum_bytes - size_bytes:
                    return

    def release(self) -> None:
        """Leave nothing free any more. Any thread may call it."""
        self._reserved_bytes = 0

    def discard(self, object_ids: Iterable[bytes]) -> None:
        """Drop objects; those that are not cached do not matter."""
        for object_id in object_ids:
            entry = self._objects.pop(object_id, None)
            if entry is not None:
                self._bytes -= entry[1]
