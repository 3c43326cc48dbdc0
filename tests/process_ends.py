"""Whether processes have ended, also those that nobody has reaped: a container may have no init that does."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process has ended, whoever its parent is."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_ended(processes: Iterable[psutil.Process], seconds: float = 10.0) -> None:
    """Wait until all of them have ended; fail when one has not in time."""
    deadline = time.monotonic() + seconds
    while left := [process for process in processes if not has_ended(process)]:
        assert time.monotonic() < deadline, f"not ended within {seconds} seconds: {left}"
        time.sleep(0.01)
