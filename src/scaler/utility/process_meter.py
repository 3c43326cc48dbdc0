"""What a process uses of the machine, and what the machine has left; read from /proc, without a library."""

from __future__ import annotations

import os
import time
from typing import Final, NamedTuple

_FULL_CPU_PERMILLE: Final = 1000
_HAS_FIGURES: Final = hasattr(os, "sysconf")  # without it, as on Windows, there is no /proc either
_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK") if _HAS_FIGURES else 1
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE") if _HAS_FIGURES else 1
# Positions in /proc/<pid>/stat behind the name of the command, which may contain spaces.
_USER_TICKS: Final = 11
_SYSTEM_TICKS: Final = 12
_RESIDENT_PAGES: Final = 21


class ResourceUsage(NamedTuple):
    """Tenths of a percent of one core, at most 1000, and resident bytes; zeros when they cannot be read."""

    cpu_permille: int
    rss_bytes: int


class ProcessMeter:
    """Measures a process, by default the own one, from one call to the next."""

    def __init__(self, pid: int | None = None) -> None:
        self.pid = os.getpid() if pid is None else pid
        self._measured_at: float | None = None
        self._ticks = 0

    def measure(self) -> ResourceUsage:
        """Return the usage since the last call; no load at the first one."""
        now = time.monotonic()
        try:
            with open(f"/proc/{self.pid}/stat", "rb") as stat:
                fields = stat.read().rpartition(b")")[2].split()
        except OSError:  # it has ended, or the system does not tell: that must not stop a heartbeat
            return ResourceUsage(0, 0)
        ticks = int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])
        load = 0.0
        if self._measured_at is not None and now > self._measured_at:
            load = (ticks - self._ticks) / _TICKS_PER_SECOND / (now - self._measured_at)
        self._measured_at, self._ticks = now, ticks
        return ResourceUsage(min(int(load * 1000), _FULL_CPU_PERMILLE), int(fields[_RESIDENT_PAGES]) * _PAGE_BYTES)


def available_memory_bytes() -> int:
    """Return how much memory programs can still get without swapping; zero when the system does not tell."""
    try:
        with open("/proc/meminfo", "rb") as information:
            for line in information:
                if line.startswith(b"MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # a heartbeat without figures is still a sign of life
    return 0
