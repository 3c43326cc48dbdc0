"""What must be known of the machine to judge figures."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe() -> dict[str, str | int]:
    """Return the facts of this machine."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "load": " ".join(f"{value:.1f}" for value in os.getloadavg()),
    }


def steal_ticks() -> int:
    """Return for how many clock ticks the host has kept processors from this machine."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8])


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
