"""The tasks a worker holds: those that wait at the agent and those that were fed to the processor."""

from __future__ import annotations

import heapq
from enum import Enum, auto
from typing import TYPE_CHECKING

from scaler.utility.identifiers import digest_of

if TYPE_CHECKING:
    from scaler.worker.agent.outbox import Frame
    from scaler.worker.agent.processor_seat import ProcessorSeat

_COMPACTION_SLACK = 64


class Place(Enum):
    """Where a held task is. Whether a fed one has started, its gate alone knows."""

    queued = auto()
    fed = auto()
    gone = auto()


class HeldTask:
    """One task that the scheduler has handed to this worker."""

    __slots__ = (
        "attempt",
        "cancel_wanted",
        "frame",
        "level",
        "limit_seconds",
        "lost_results",
        "number",
        "place",
        "priority",
        "ran_seconds",
        "seat",
        "sequence",
        "task_id",
        "timed_out",
    )

    def __init__(self, task_id: bytes, frame: Frame, priority: int, attempt: int, level: int, sequence: int) -> None:
        self.task_id = task_id
        self.frame = frame
        self.priority = priority
        self.attempt = attempt
        self.level = level  # of nesting
        self.sequence = sequence
        self.place = Place.queued
        self.seat: ProcessorSeat | None = None  # of the processor it was fed to
        self.number = -1  # at the gate of that, while fed
        self.cancel_wanted = False  # a forced cancel waits for the end of the processor or for the result
        self.ran_seconds: float | None = None  # since it was first seen running, without what it stood still
        self.limit_seconds = 0.0  # of this run, known once it was seen running; 0 = none
        self.timed_out = False
        self.lost_results = 0  # how often it ran to its end, and its processor died with the result


class HeldTasks:
    """Owns every held task. Those that were fed are listed at the seat of their processor, too.

    The queue gives first what is nested deepest, then the highest priority, then the oldest, also after a return to it.
    """

    def __init__(self) -> None:
        self._tasks: dict[bytes, HeldTask] = {}
        self._fed_count = 0
        self._queue: list[tuple[int, int, int, HeldTask]] = []  # a heap; entries of tasks that are gone are skipped
        self._next_sequence = 0

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, task_id: bytes) -> bool:
        return task_id in self._tasks

    @property
    def fed_count(self) -> int:
        """How many tasks processors were fed and have not answered."""
        return self._fed_count

    @property
    def queued_count(self) -> int:
        """How many tasks wait at the agent."""
        return len(self._tasks) - self._fed_count

    def add(self, task_id: bytes, frame: Frame, priority: int, attempt: int, level: int) -> HeldTask:
        """Take a task that is not held yet into the queue."""
        task = HeldTask(task_id, frame, priority, attempt, level, self._next_sequence)
        self._next_sequence += 1
        self._tasks[task_id] = task
        self._push(task)
        return task

    def find(self, task_id: bytes) -> HeldTask | None:
        """Return the task, or None when it is not held."""
        return self._tasks.get(task_id)

    def first_queued(self) -> HeldTask | None:
        """Return the task to be fed next, and leave it in the queue."""
        while self._queue:
            task = self._queue[0][-1]
            if task.place is Place.queued:
                return task
            heapq.heappop(self._queue)
        return None

    def feed_first(self, seat: ProcessorSeat) -> None:
        """Move the task that ``first_queued`` returned to a processor, as the next at its gate."""
        task = heapq.heappop(self._queue)[-1]
        task.place = Place.fed
        task.seat = seat
        task.number = seat.next_number
        seat.next_number += 1
        seat.fed[task.number] = task
        self._fed_count += 1

    def return_to_queue(self, task: HeldTask) -> None:
        """Let a fed task wait again, at the position it had."""
        self._leave_seat(task)
        task.place = Place.queued
        task.ran_seconds = None
        self._push(task)

    def remove(self, task: HeldTask) -> None:
        """Forget a task that has ended or was given back."""
        del self._tasks[task.task_id]
        if task.place is Place.fed:
            self._leave_seat(task)
        task.place = Place.gone
        if len(self._queue) > 2 * self.queued_count + _COMPACTION_SLACK:
            self._queue = [entry for entry in self._queue if entry[-1].place is Place.queued]
            heapq.heapify(self._queue)

    def clear(self) -> None:
        """Forget every task."""
        for task in list(self._tasks.values()):
            self.remove(task)
        self._queue.clear()

    def digest(self) -> int:
        """Return the digest of all held ids.

        It is computed when a heartbeat asks for it: to keep it up to date would cost two hashes per task.
        """
        return digest_of(self._tasks)

    def check(self) -> None:
        """Raise AssertionError when the containers do not agree."""
        queued = [entry[-1] for entry in self._queue if entry[-1].place is Place.queued]
        assert len(set(map(id, queued))) == len(queued), "a task is queued twice"
        assert len(queued) == self.queued_count
        for task in queued:
            assert task.number == -1 and task.seat is None and self._tasks[task.task_id] is task
        fed = [task for task in self._tasks.values() if task.place is Place.fed]
        assert len(fed) == self._fed_count
        for task in fed:
            assert task.seat is not None and task.seat.fed[task.number] is task
            assert list(task.seat.fed) == sorted(task.seat.fed), "fed tasks are not in order"

    def _leave_seat(self, task: HeldTask) -> None:
        assert task.seat is not None
        del task.seat.fed[task.number]
        task.seat = None
        task.number = -1
        self._fed_count -= 1

    def _push(self, task: HeldTask) -> None:
        heapq.heappush(self._queue, (-task.level, -task.priority, task.sequence, task))
