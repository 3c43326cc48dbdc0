"""Collects garbage now and then, and gives freed memory back to the system."""

from __future__ import annotations

import gc
import os
import threading

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class MemoryTrimmer:
    """A daemon thread that wakes every interval; an interval of 0 or less means never."""

    def __init__(self, interval_seconds: float, trim_threshold_bytes: int) -> None:
        self._interval_seconds = interval_seconds
        self._trim_threshold_bytes = trim_threshold_bytes
        self._stopped = threading.Event()
        self._has_worked = False

    def start(self) -> None:
        """Start the thread."""
        if self._interval_seconds > 0:
            threading.Thread(target=self._run, name="memory-trimmer", daemon=True).start()

    def on_work(self) -> None:
        """Take note that there may be garbage, or memory that is not used any more: an idle processor is left alone."""
        self._has_worked = True

    def stop(self) -> None:
        """Let the thread end soon."""
        self._stopped.set()

    def collect(self) -> None:
        """Collect garbage; give free memory back when the process has become large."""
        gc.collect()
        if resident_bytes() >= self._trim_threshold_bytes:
            import ctypes  # costs milliseconds, and most processors never need it

            trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only the GNU C library has it
            if trim is not None:
                trim(0)

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_seconds):
            if self._has_worked:
                self._has_worked = False
                self.collect()


def resident_bytes() -> int:
    """Return how much memory of this process is resident; 0 when the system does not tell."""
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * _PAGE_BYTES
    except OSError:  # a task may have used up all descriptors
        return 0
