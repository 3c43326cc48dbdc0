"""System calls of a whole local cluster, client included, for one no-op task; counted by strace.

How many tasks share a call depends on how busy the machine is, so these figures are bounds with a wide margin: they
find further calls per task, not a further tenth of one.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from comparison import work
from comparison.process_tree import tree

from scaler import Client, SchedulerClusterCombo

_TASKS = 2000
_CALLS = 200
_SECONDS = 30.0
_TRUE = "/bin/true"


def missing() -> str | None:
    """Return what is missing for a measurement, or None."""
    if shutil.which("strace") is None:
        return "strace"
    trial = subprocess.run(["strace", "-o", "/dev/null", _TRUE], capture_output=True, timeout=_SECONDS)
    return None if trial.returncode == 0 else "the permission to trace processes"


def measure() -> dict[str, float]:
    """Return the calls per task, for ``submit``, for ``map``, and for single calls one after the other."""
    with (
        SchedulerClusterCombo(n_workers=2, logging_level="WARNING") as cluster,
        Client(cluster.get_address()) as client,
    ):
        cluster.wait_for_workers()
        return {
            "submit.system_calls": _count(
                lambda: [each.result() for each in [client.submit(work.no_op, 1) for _ in range(_TASKS)]], _TASKS
            ),
            "map.system_calls": _count(lambda: client.map(work.no_op, [(1,)] * _TASKS), _TASKS),
            "call.system_calls": _count(lambda: [client.submit(work.no_op, 1).result() for _ in range(_CALLS)], _CALLS),
        }


def _count(run: Callable[[], list[int]], tasks: int) -> float:
    run()  # processors and caches are warm
    with tempfile.TemporaryDirectory() as folder:
        with _traced(Path(folder)):
            assert run() == [1] * tasks
        return sum(_total(summary.read_text()) for summary in Path(folder).iterdir()) / tasks


def _total(summary: str) -> int:
    """Return the sum of a summary of strace; there is none of a process that made no call."""
    found = re.search(r"^\s*(\d+)\s+total\s*$", summary, re.MULTILINE)
    return int(found[1]) if found else 0


@contextlib.contextmanager
def _traced(folder: Path) -> Iterator[None]:
    """Count the calls of every process of this tree, each into a file of the folder."""
    pids = tree(os.getpid())[::-1]  # this process last: what it starts while it is traced is traced too
    command = ["strace", "-f", "-c", "-U", "calls,name"]
    tracers = [
        subprocess.Popen([*command, "-o", str(folder / str(pid)), "-p", str(pid)], stderr=subprocess.DEVNULL)
        for pid in pids
    ]
    try:
        _wait_until_traced(pids)
        yield
    finally:
        for tracer in tracers:
            tracer.send_signal(signal.SIGINT)
        for tracer in tracers:
            tracer.wait(_SECONDS)


def _wait_until_traced(pids: list[int]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not all(_is_traced(pid) for pid in pids):
        if time.monotonic() > deadline:
            raise TimeoutError(f"strace did not attach to every thread within {_SECONDS:g} seconds")
        time.sleep(0.01)


def _is_traced(pid: int) -> bool:
    statuses = (status.read_text() for status in Path(f"/proc/{pid}/task").glob("*/status"))
    return not any("TracerPid:\t0\n" in status for status in statuses)
