"""Measures what one task costs."""

from __future__ import annotations

import resource
import time

from scaler.utility.metadata.profile_result import ProfileResult

_KIBIBYTE = 1024


class TaskProfiler:
    """Measures one task after the other. CPU seconds are those of the whole process, memory the growth of its peak.

    The peak never falls, so the one at the end of a task is that at the start of the next: asking once is enough.
    """

    def __init__(self) -> None:
        self._peak = _peak_kibibytes()
        self._started = 0.0
        self._cpu_started = 0.0

    def start(self) -> None:
        """Begin a task."""
        self._started = time.monotonic()
        self._cpu_started = time.process_time()

    def finish(self) -> bytes:
        """Return the metadata of the TaskResult of the task that was begun last."""
        peak, earlier_peak = _peak_kibibytes(), self._peak
        self._peak = peak
        return ProfileResult(
            duration_s=time.monotonic() - self._started,
            memory_peak=(peak - earlier_peak) * _KIBIBYTE,
            cpu_time_s=time.process_time() - self._cpu_started,
        ).serialize()


def _peak_kibibytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
