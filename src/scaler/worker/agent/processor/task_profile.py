"""Measures what one task costs."""

from __future__ import annotations

import resource
import time

from scaler.utility.metadata.profile_result import ProfileResult

_KIBIBYTE = 1024


class TaskProfile:
    """Started when it is made. CPU seconds are those of the whole process, memory the growth of its peak."""

    __slots__ = ("_started", "_usage")

    def __init__(self) -> None:
        self._usage = resource.getrusage(resource.RUSAGE_SELF)
        self._started = time.monotonic()

    def finish(self) -> bytes:
        """Return the metadata of a TaskResult."""
        duration_seconds = time.monotonic() - self._started
        before, after = self._usage, resource.getrusage(resource.RUSAGE_SELF)
        return ProfileResult(
            duration_s=duration_seconds,
            memory_peak=(after.ru_maxrss - before.ru_maxrss) * _KIBIBYTE,
            cpu_time_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        ).serialize()
