"""Many workers in one process, as the benchmarks simulate them: to the scheduler they are workers, and nothing runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

_BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
_END_SECONDS = 20.0


@contextmanager
def simulated_workers(address: str, count: int, *options: str) -> Iterator[psutil.Process]:
    """Connect so many workers, which live in the process that is returned, and let all of them go in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "monitored.workers", address, str(count), *options],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_BENCHMARKS,
    )  # fmt: skip
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield psutil.Process(process.pid)
    finally:
        if process.poll() is None:
            process.communicate(timeout=_END_SECONDS)
