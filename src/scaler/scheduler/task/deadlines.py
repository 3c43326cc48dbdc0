"""Tasks that must have started by a certain time."""

from __future__ import annotations

import heapq
import itertools

from scaler.scheduler.task.task_record import TaskRecord
from scaler.scheduler.task.task_state_machine import TaskState


class Deadlines:
    """Keeps tasks in the order of their deadlines; those that have ended are dropped when they are due, or are many."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, TaskRecord]] = []
        self._numbers = itertools.count()
        self._compact_at = 1024

    def add(self, record: TaskRecord, deadline_seconds: float) -> None:
        """Watch a task until then."""
        heapq.heappush(self._heap, (deadline_seconds, next(self._numbers), record))
        if len(self._heap) > self._compact_at:
            self._heap = [entry for entry in self._heap if entry[2].state is not TaskState.ended]
            heapq.heapify(self._heap)
            self._compact_at = max(1024, 2 * len(self._heap))

    def take_due(self, now_seconds: float) -> list[TaskRecord]:
        """Return, once, the live tasks whose deadline has passed."""
        due = []
        while self._heap and self._heap[0][0] <= now_seconds:
            record = heapq.heappop(self._heap)[2]
            if record.state is not TaskState.ended:
                due.append(record)
        return due
