"""What travels in a task's metadata."""

from __future__ import annotations

import dataclasses
import struct
from typing import Final

_LAYOUT: Final = struct.Struct("!?i?")


@dataclasses.dataclass(frozen=True)
class TaskFlags:
    """How a task is to be run.

    ``profiling`` and ``priority`` have no effect, and are there for the layout: what a task costs is always measured,
    and the priority that counts is a field of the task's message.
    """

    profiling: bool = True
    priority: int = 0
    stream_output: bool = False

    def serialize(self) -> bytes:
        """Return the 6 bytes of the flags. Raise ValueError when the priority has more than 32 bits."""
        try:
            return _LAYOUT.pack(self.profiling, self.priority, self.stream_output)
        except struct.error as error:
            raise ValueError(f"a priority must be a 32-bit integer, but got {self.priority!r}") from error

    @staticmethod
    def deserialize(data: bytes) -> TaskFlags:
        """Return the flags; no bytes stand for the defaults. Raise ValueError for other sizes than 0 and 6."""
        if len(data) == 0:
            return TaskFlags()
        if len(data) != _LAYOUT.size:
            raise ValueError(f"task flags have {_LAYOUT.size} bytes, but got {len(data)}")
        return TaskFlags(*_LAYOUT.unpack(data))
