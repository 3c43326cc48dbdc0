"""Measures what one task costs."""

from __future__ import annotations

import resource
import time
from typing import Final

from scaler.utility.metadata.profile_result import ProfileResult
from scaler.utility.standstill import standstill

_KIBIBYTE: Final = 1024
_SAME_MOMENT_SECONDS: Final = 0.0001
"""Also the shortest life of a child process, which the system has to make first."""

_LONG_PAUSE_SECONDS: Final = 0.05


def running_seconds() -> float:
    """Return a time that only goes on while the processor does not stand still."""
    return time.monotonic() - standstill.seconds


class TaskProfiler:
    """Measures one task after the other.

    The duration is without the time in which the task stood still, and without that of fetching objects. CPU seconds
    are those of the whole process and of the children that have ended and were waited for. The memory is the growth of
    the peak that the kernel keeps.

    Asking the system costs a microsecond, as much as a short task does. So it is asked once a task when tasks follow
    each other at once: the end of one is the start of the next. The peak only rises, and memory may have been freed
    since: it begins anew behind a task that has raised it, and after a pause.
    """

    def __init__(self) -> None:
        self._started = self._ended = 0.0
        self._profile: bytes | None = None  # of the task that has been finished last
        self._peak_has_grown = False
        self._cpu, self._peak = _used()
        self._children_cpu = _used_by_children()

    def start(self) -> None:
        """Begin a task."""
        self._started = running_seconds()
        self._profile = None
        pause_seconds = self._started - self._ended
        if self._peak_has_grown or pause_seconds > _LONG_PAUSE_SECONDS:
            begin_peak_anew()
            self._cpu, self._peak = _used()
        elif pause_seconds > _SAME_MOMENT_SECONDS:
            self._cpu, _ = _used()

    def finish(self, fetch_seconds: float = 0.0) -> bytes:
        """Return the metadata of the TaskResult of the task that was begun last, the same when asked again.

        ``fetch_seconds``, by ``running_seconds``, are left out of the duration.
        """
        if self._profile is None:
            self._profile = self._measure(fetch_seconds)
        return self._profile

    def _measure(self, fetch_seconds: float) -> bytes:
        earlier_cpu, earlier_peak = self._cpu, self._peak
        self._cpu, self._peak = _used()
        self._ended = running_seconds()
        elapsed_seconds = self._ended - self._started
        cpu_seconds = self._cpu - earlier_cpu
        if elapsed_seconds > _SAME_MOMENT_SECONDS:
            earlier_children, self._children_cpu = self._children_cpu, _used_by_children()
            cpu_seconds += self._children_cpu - earlier_children
        growth_kibibytes = max(0, self._peak - earlier_peak)
        self._peak_has_grown = growth_kibibytes > 0
        duration_seconds = max(0.0, elapsed_seconds - fetch_seconds)
        return ProfileResult(duration_seconds, growth_kibibytes * _KIBIBYTE, cpu_seconds).serialize()


def begin_peak_anew() -> None:
    """Let the kernel count the peak of this process's memory from what is in use now; where it can not, it goes on."""
    try:
        with open("/proc/self/clear_refs", "wb", buffering=0) as control:
            control.write(b"5")
    except OSError:  # a kernel without it, or a container that does not allow it
        return


def _used() -> tuple[float, int]:
    """Return the CPU seconds of this process and the peak of its memory in KiB, so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def _used_by_children() -> float:
    """Return the CPU seconds of the children of this process that were waited for, and of theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
