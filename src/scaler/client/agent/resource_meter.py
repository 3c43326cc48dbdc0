"""What this process uses of the machine."""

from __future__ import annotations

from typing import Final, NamedTuple

import psutil

_MAXIMUM_CPU_PERMILLE: Final = 1000


class ResourceUsage(NamedTuple):
    """Tenths of a percent of one core, at most 1000, and resident bytes; zeros when they cannot be read."""

    cpu_permille: int
    rss_bytes: int


class ResourceMeter:
    """Measures the process that makes it, from one call to the next."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    def measure(self) -> ResourceUsage:
        """Return the usage since the last call."""
        try:
            cpu_permille = int(self._process.cpu_percent() * 10)
            return ResourceUsage(min(max(cpu_permille, 0), _MAXIMUM_CPU_PERMILLE), self._process.memory_info().rss)
        except (psutil.Error, OSError):  # some systems refuse; a heartbeat without figures is still a sign of life
            return ResourceUsage(0, 0)
