"""What travels in a task result's metadata."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_LAYOUT: Final = struct.Struct("!fQf")


class ProfileResult(NamedTuple):
    """What a task has cost. Seconds travel as 32-bit floats; the layout has no room for more figures."""

    duration_s: float = 0.0
    """Seconds on the clock, without those in which objects were fetched or stored, or the task stood still."""

    memory_peak: int = 0
    """By how many bytes the peak of the processor's memory was above what it used before."""

    cpu_time_s: float = 0.0
    """Seconds of CPU time, of the processor and of its children that have ended and were waited for."""

    def serialize(self) -> bytes:
        """Return the 16 bytes of the result. Raise ValueError when a figure is out of its range."""
        try:
            return _LAYOUT.pack(self.duration_s, self.memory_peak, self.cpu_time_s)
        except (struct.error, OverflowError) as error:
            raise ValueError(f"{self} does not fit: {error}") from error

    @staticmethod
    def deserialize(data: bytes) -> ProfileResult:
        """Return the result. Raise ValueError for other sizes than 16; no bytes mean that nothing was measured."""
        if len(data) != _LAYOUT.size:
            raise ValueError(f"a profile result has {_LAYOUT.size} bytes, but got {len(data)}")
        return ProfileResult(*_LAYOUT.unpack(data))
