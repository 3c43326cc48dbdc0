"""CPU time and memory of this process and everything it started, children that have ended included."""

from __future__ import annotations

import contextlib
import dataclasses

import psutil


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a process tree has used so far."""

    cpu_seconds: float
    rss_bytes: int

    @staticmethod
    def measure() -> Usage:
        """Return the sums over the tree; a process counts its ended children once it has waited for them."""
        root = psutil.Process()
        cpu, rss = 0.0, 0
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                cpu += times.user + times.system + times.children_user + times.children_system
                rss += process.memory_info().rss
        return Usage(cpu, rss)
