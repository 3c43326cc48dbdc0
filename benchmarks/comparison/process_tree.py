"""CPU time, context switches and memory of a process and everything it started, ended children included.

The process at the root should be a child subreaper (``adopt_orphans``): what daemonizes itself, or outlives the process
that started it, stays in the tree then.
"""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import os
import signal
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_SET_CHILD_SUBREAPER = 36
# Positions in /proc/<pid>/stat behind the name of the command, which may contain spaces.
_PARENT = 1
_CPU_TIMES = slice(11, 15)


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a process tree has used so far; differences of two say what was used in between."""

    cpu_seconds: float
    voluntary_switches: int
    involuntary_switches: int

    @staticmethod
    def of_tree(root: int, proc: Path = _PROC) -> Usage:
        """Return the sums over the tree; a process counts its ended children once it has waited for them."""
        cpu, voluntary, involuntary = 0.0, 0, 0
        for pid in tree(root, proc):
            with contextlib.suppress(OSError):  # it ended while it was looked at: its parent counts it from now on
                cpu += cpu_seconds((proc / str(pid) / "stat").read_text())
                for status in (proc / str(pid) / "task").glob("*/status"):
                    switches = context_switches(status.read_text())
                    voluntary += switches[0]
                    involuntary += switches[1]
        return Usage(cpu, voluntary, involuntary)

    def __sub__(self, other: Usage) -> Usage:
        return Usage(
            self.cpu_seconds - other.cpu_seconds,
            self.voluntary_switches - other.voluntary_switches,
            self.involuntary_switches - other.involuntary_switches,
        )


def cpu_seconds(stat: str) -> float:
    """Return user and system time of a process and of its ended children, from the text of its ``stat`` file."""
    fields = stat.rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[_CPU_TIMES]) / _TICKS_PER_SECOND


def context_switches(status: str) -> tuple[int, int]:
    """Return the voluntary and involuntary context switches of a thread, from the text of its ``status`` file."""
    counts = {"voluntary_ctxt_switches": 0, "nonvoluntary_ctxt_switches": 0}
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name in counts:
            counts[name] = int(value)
    return counts["voluntary_ctxt_switches"], counts["nonvoluntary_ctxt_switches"]


def tree(root: int, proc: Path = _PROC) -> list[int]:
    """Return the ids of a process and of all its living descendants."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents(proc):
        children.setdefault(parent, []).append(pid)
    found, position = [root], 0
    while position < len(found):
        found += children.get(found[position], [])
        position += 1
    return found


def _parents(proc: Path) -> Iterator[tuple[int, int]]:
    for folder in proc.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            yield int(folder.name), int(fields[_PARENT])


def memory_bytes(root: int) -> int:
    """Return the memory of a process tree; a page that several processes share counts once."""
    total = 0
    for pid in tree(root):
        with contextlib.suppress(OSError):
            for line in (_PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def end_adopted() -> int:
    """Kill what this process has adopted or started and not waited for, and return how many processes that were."""
    ended = 0
    while len(descendants := tree(os.getpid())[1:]) > 0:
        for pid in descendants:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)
            ended += 1
    return ended


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose parent ends, in place of the system's first process."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
