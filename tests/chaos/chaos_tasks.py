"""What the tasks of these tests do, and what can be read from the history that they write."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path


def note_and_square(path: str, number: int, seconds: float) -> int:
    """Write down that the task starts here, work a little, and return the square."""
    _note(path, number)
    time.sleep(seconds)
    return number * number


def note_and_fill(path: str, number: int, size: int) -> bytes:
    """Write down that the task starts here, and return that many bytes."""
    _note(path, number)
    return bytes([number % 256]) * size


def measure(content: bytes) -> int:
    """Return the size of an argument."""
    return len(content)


def note_and_fill_behind(gate: str, path: str, number: int, size: int) -> bytes:
    """Write down that the task starts here, and return that many bytes once the file of that name is there."""
    _note(path, number)
    while not os.path.exists(gate):
        time.sleep(0.01)
    return bytes(size)


def _note(path: str, number: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, f"{number} {os.getpid()}\n".encode())
    os.close(descriptor)


class History:
    """The file in which tasks write down, each when it starts, their number and their process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "history"
        self._path.touch()

    @property
    def path(self) -> str:
        return str(self._path)

    def __len__(self) -> int:
        """Return how many starts were written down."""
        return self._path.read_bytes().count(b"\n")

    def starts(self) -> dict[int, list[int]]:
        """Return by task the processes that started it, in order."""
        starts = defaultdict(list)
        for line in self._path.read_text().splitlines():
            number, pid = line.split()
            starts[int(number)].append(int(pid))
        return starts

    def check(self, tasks: int, lost_processes: Collection[int] = ()) -> None:
        """Check that every task has started, and at most once outside the processes that were lost.

        A worker that was frozen beyond its time-out may start one of its tasks in the moment between its thaw and the
        news that it was lost, when the task has run elsewhere already: that is a repetition because of a loss, too.
        """
        starts = self.starts()
        assert set(starts) == set(range(tasks))
        kept = {number: [pid for pid in pids if pid not in lost_processes] for number, pids in starts.items()}
        repeated = {number: starts[number] for number, pids in kept.items() if len(pids) > 1}
        assert repeated == {}, f"repeated without a loss: {repeated}"
