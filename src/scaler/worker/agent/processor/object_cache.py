"""Decoded objects of a processor by id: functions, serializers and shared arguments."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CACHE_BYTES: Final = 512 * 1024 * 1024
_LOOKS: Final = 4
"""So many looks at least in the time for which unused objects are kept."""

_NOT_SEEN: Final = -1.0
ABSENT: Final = object()
"""What ``get`` returns for an object that is not cached; an object may be None."""


class _Entry:
    """An object, its serialized size, and the first look after its last use: when it was used, as far as is known."""

    __slots__ = ("size_bytes", "used_at", "value")

    def __init__(self, value: Any, size_bytes: int) -> None:
        self.value = value
        self.size_bytes = size_bytes
        self.used_at = _NOT_SEEN


class ObjectCache:
    """Keeps the objects used last, bounded by the bytes of their serialized form.

    For one thread only, but for ``in`` and ``release``.

    Tasks share what is cached. Large arrays in it are read-only; a task that changes anything else of an object changes
    it for the later tasks of this processor.

    What no task has used for ``retention_seconds`` is dropped. Tasks may run for long, so the end of a use counts: uses
    get the time of the next look, which is behind the task, and no use asks for the time.
    """

    def __init__(self, maximum_bytes: int = CACHE_BYTES, now: Callable[[], float] = time.monotonic) -> None:
        self._maximum_bytes = maximum_bytes
        self._now = now
        self._objects: OrderedDict[bytes, _Entry] = OrderedDict()  # the oldest use first
        self._bytes = 0
        self._reserved_bytes = 0
        self._look_at = 0.0
        self.retention_seconds = 0.0
        """For how long an object that no task uses is kept, 0 without end."""

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
        entry.used_at = _NOT_SEEN
        return entry.value

    def put(self, object_id: bytes, value: Any, size_bytes: int) -> None:
        """Keep an object, unless it is larger than the cache, and drop those unused for longest to make room."""
        self.discard((object_id,))
        if size_bytes > self._maximum_bytes:
            return
        self._objects[object_id] = _Entry(value, size_bytes)
        self._bytes += size_bytes
        while self._bytes > self._maximum_bytes - self._reserved_bytes and len(self._objects) > 1:
            self._drop_oldest()

    def on_task_end(self) -> None:
        """Drop what was unused for long, when it is time to look for that; between tasks that follow each other."""
        if self.retention_seconds > 0 and self._now() >= self._look_at:
            self.drop_unused()

    def drop_unused(self) -> float | None:
        """Drop what was unused for long, and return after how many seconds to look again; None for never.

        Call it when no task runs.
        """
        if self.retention_seconds <= 0 or not self._objects:
            return None
        now = self._now()
        for entry in reversed(self._objects.values()):
            if entry.used_at != _NOT_SEEN:
                break
            entry.used_at = now
        seconds = self._drop_used_before(now)
        self._look_at = now + self.retention_seconds / _LOOKS
        return seconds

    def _drop_used_before(self, now: float) -> float | None:
        while self._objects:
            left_seconds = next(iter(self._objects.values())).used_at + self.retention_seconds - now
            if left_seconds > 0:
                return max(left_seconds, self.retention_seconds / _LOOKS)
            self._drop_oldest()
        return None

    def _drop_oldest(self) -> None:
        _, entry = self._objects.popitem(last=False)
        self._bytes -= entry.size_bytes

    def size_of(self, object_ids: Iterable[bytes]) -> int:
        """Return the serialized size of those of the objects that are cached."""
        entries = [self._objects.get(object_id) for object_id in set(object_ids)]
        return sum(entry.size_bytes for entry in entries if entry is not None)

    def reserve(self, size_bytes: int, keep: list[bytes]) -> None:
        """Leave so much of the bound free until ``release``, also now, but for what is to be kept."""
        self._reserved_bytes = size_bytes
        if self._bytes > self._maximum_bytes - size_bytes:
            kept = set(keep)
            for object_id in [each for each in self._objects if each not in kept]:
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
                self._bytes -= entry.size_bytes
