"""Measures what one task costs."""

from __future__ import annotations

import resource
import time
from typing import Final

from scaler.utility.metadata.profile_result import ProfileResult

_KIBIBYTE: Final = 1024
_SAME_MOMENT_SECONDS: Final = 0.0001


class TaskProfiler:
    """Measures one task after the other. CPU seconds are those of the whole process, memory the growth of its peak.

    Asking the system costs a microsecond, as much as a short task does. So it is asked once a task when tasks follow
    each other at once: the end of one is the start of the next. The peak never falls, so for it that always holds.
    """

    def __init__(self) -> None:
        self._started = self._ended = 0.0
        self._cpu, self._peak = _used()

    def start(self) -> None:
        """Begin a task."""
        self._started = time.monotonic()
        if self._started - self._ended > _SAME_MOMENT_SECONDS:
            self._cpu, _ = _used()

    def finish(self) -> bytes:
        """Return the metadata of the TaskResult of the task that was begun last."""
        earlier_cpu, earlier_peak = self._cpu, self._peak
        self._cpu, self._peak = _used()
        self._ended = time.monotonic()
        return ProfileResult(
            self._ended - self._started, (self._peak - earlier_peak) * _KIBIBYTE, self._cpu - earlier_cpu
        ).serialize()


def _used() -> tuple[float, int]:
    """Return the CPU seconds of this process and the peak of its memory in KiB, so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss
