"""The central queue: tasks that wait for a worker, first in first out per needs and rank."""

from __future__ import annotations

import heapq
from collections import deque
from typing import Final

from scaler.scheduler.allocate_policy.needs import Needs
from scaler.scheduler.task.task_record import TaskRecord
from scaler.scheduler.task.task_state_machine import TaskState

_COMPACT_AT = 1024
_MOST_STALE_RANKS: Final = 64


class WaitingQueue:
    """All waiting tasks. What nobody offers to some never holds up others.

    Removal is lazy: a task that ended while it waited stays in its line until it comes to the front, or until ended
    tasks are more than half of a line. Each task may have a rank of its own, so the highest one is not searched for.

    Needs that no worker offers are put aside by ``park``: they are not to be tried again with every batch, however many
    kinds of them there are.
    """

    def __init__(self) -> None:
        self._lines: dict[Needs, _Lines] = {}
        self._active: dict[Needs, None] = {}
        self._parked: dict[Needs, None] = {}  # of all needs in _lines, those that are not active
        self._count = 0
        self.nested = 0
        """How many of the tasks are nested."""

    def __len__(self) -> int:
        return self._count

    def classes(self) -> list[Needs]:
        """Return the needs of the tasks that wait."""
        return list(self._lines)

    def active(self) -> list[Needs]:
        """Return the needs of the tasks that wait, without those that were put aside."""
        return list(self._active)

    def parked(self) -> list[Needs]:
        """Return the needs that were put aside."""
        return list(self._parked)

    def park(self, needs: Needs) -> None:
        """Put needs of waiting tasks aside, with what is still to come."""
        del self._active[needs]
        self._parked[needs] = None

    def unpark(self, needs: Needs) -> None:
        """Take needs back that were put aside."""
        del self._parked[needs]
        self._active[needs] = None

    def count(self, needs: Needs) -> int:
        """Return how many tasks with the needs wait."""
        lines = self._lines.get(needs)
        return 0 if lines is None else lines.waiting

    def append(self, record: TaskRecord) -> None:
        """Add a new task behind all others of its needs and rank."""
        self._line(record).records.append(record)

    def put_back(self, record: TaskRecord) -> None:
        """Add a task that was placed before, ahead of all others of its needs and rank."""
        self._line(record).records.appendleft(record)

    def first(self, needs: Needs) -> TaskRecord | None:
        """Return the task with the needs that is next, or None."""
        lines = self._lines.get(needs)
        while lines is not None and lines.by_rank:
            rank = lines.highest()
            line = lines.by_rank[rank]
            records = line.records
            while records:
                if records[0].state is TaskState.waiting:
                    return records[0]
                records.popleft()
                line.ended -= 1
            del lines.by_rank[rank]
        self._forget(needs)
        return None

    def pop_first(self, record: TaskRecord) -> None:
        """Take out the task that ``first`` has just returned."""
        lines = self._lines[record.needs]
        lines.by_rank[record.rank].records.popleft()
        lines.waiting -= 1
        self._count -= 1
        self.nested -= record.level > 0

    def removed(self, record: TaskRecord) -> None:
        """Note that a waiting task has ended; its state says so already."""
        lines = self._lines[record.needs]
        line = lines.by_rank[record.rank]
        lines.waiting -= 1
        self._count -= 1
        self.nested -= record.level > 0
        line.ended += 1
        if line.ended == len(line.records):
            del lines.by_rank[record.rank]
            if not lines.by_rank:
                self._forget(record.needs)
        elif line.ended > _COMPACT_AT and 2 * line.ended > len(line.records):
            line.records = deque(entry for entry in line.records if entry.state is TaskState.waiting)
            line.ended = 0

    def _forget(self, needs: Needs) -> None:
        """Forget needs that nothing waits with."""
        self._lines.pop(needs, None)
        self._active.pop(needs, None)
        self._parked.pop(needs, None)

    def _line(self, record: TaskRecord) -> _Line:
        """Return the line for one more task."""
        lines = self._lines.get(record.needs)
        if lines is None:
            lines = self._lines[record.needs] = _Lines()
            self._active[record.needs] = None
        lines.waiting += 1
        self._count += 1
        self.nested += record.level > 0
        line = lines.by_rank.get(record.rank)
        return line if line is not None else lines.add(record.rank)


class _Lines:
    """The lines of some needs. All their ranks are in a heap, beside some of lines that are gone."""

    __slots__ = ("_ranks", "by_rank", "waiting")

    def __init__(self) -> None:
        self.waiting = 0  # in all of them
        self.by_rank: dict[int, _Line] = {}
        self._ranks: list[int] = []  # negative, so that the highest comes first

    def add(self, rank: int) -> _Line:
        """Begin a line."""
        line = self.by_rank[rank] = _Line()
        if len(self._ranks) > 2 * len(self.by_rank) + _MOST_STALE_RANKS:
            self._ranks = [-each for each in self.by_rank]
            heapq.heapify(self._ranks)
        else:
            heapq.heappush(self._ranks, -rank)
        return line

    def highest(self) -> int:
        """Return the highest rank; there must be a line."""
        if len(self.by_rank) == 1:
            return next(iter(self.by_rank))
        while -self._ranks[0] not in self.by_rank:
            heapq.heappop(self._ranks)
        return -self._ranks[0]


class _Line:
    """Tasks of one needs and rank, with the number of those among them that have ended."""

    __slots__ = ("ended", "records")

    def __init__(self) -> None:
        self.records: deque[TaskRecord] = deque()
        self.ended = 0
