"""The tasks a worker holds: those that wait at the agent and those that were fed to the processor."""

from __future__ import annotations

import hashlib
import heapq
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaler.worker.agent.outbox import Frame

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
        "limit_seconds",
        "number",
        "place",
        "priority",
        "seen_running_at",
        "sequence",
        "task_id",
        "timed_out",
    )

    def __init__(self, task_id: bytes, frame: Frame, priority: int, attempt: int, sequence: int) -> None:
        self.task_id = task_id
        self.frame = frame
        self.priority = priority
        self.attempt = attempt
        self.sequence = sequence
        self.place = Place.queued
        self.number = -1  # at the gate, while fed
        self.cancel_wanted = False  # a forced cancel waits for the end of the processor or for the result
        self.seen_running_at: float | None = None
        self.limit_seconds = 0.0  # of this run, known once it was seen running; 0 = none
        self.timed_out = False


class HeldTasks:
    """Owns every held task. The queue gives the highest priority first, then the oldest, also after a return to it."""

    def __init__(self) -> None:
        self._tasks: dict[bytes, HeldTask] = {}
        self._fed: dict[int, HeldTask] = {}  # by number at the gate, oldest first
        self._queue: list[tuple[int, int, HeldTask]] = []  # a heap; entries of tasks that are gone are skipped
        self._next_sequence = 0

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, task_id: bytes) -> bool:
        return task_id in self._tasks

    @property
    def fed_count(self) -> int:
        """How many tasks the processor was fed and has not answered."""
        return len(self._fed)

    @property
    def queued_count(self) -> int:
        """How many tasks wait at the agent."""
        return len(self._tasks) - len(self._fed)

    def add(self, task_id: bytes, frame: Frame, priority: int, attempt: int) -> HeldTask:
        """Take a task that is not held yet into the queue."""
        task = HeldTask(task_id, frame, priority, attempt, self._next_sequence)
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
            task = self._queue[0][2]
            if task.place is Place.queued:
                return task
            heapq.heappop(self._queue)
        return None

    def feed_first(self, number: int) -> None:
        """Move the task that ``first_queued`` returned to the fed ones."""
        task = heapq.heappop(self._queue)[2]
        task.place = Place.fed
        task.number = number
        self._fed[number] = task

    def return_to_queue(self, task: HeldTask) -> None:
        """Let a fed task wait again, at the position it had."""
        del self._fed[task.number]
        task.number = -1
        task.place = Place.queued
        task.seen_running_at = None
        self._push(task)

    def remove(self, task: HeldTask) -> None:
        """Forget a task that has ended or was given back."""
        del self._tasks[task.task_id]
        if task.place is Place.fed:
            del self._fed[task.number]
        task.place = Place.gone
        if len(self._queue) > 2 * self.queued_count + _COMPACTION_SLACK:
            self._queue = [entry for entry in self._queue if entry[2].place is Place.queued]
            heapq.heapify(self._queue)

    def clear(self) -> None:
        """Forget every task."""
        for task in self._tasks.values():
            task.place = Place.gone
        self._tasks.clear()
        self._fed.clear()
        self._queue.clear()

    def fed(self) -> list[HeldTask]:
        """Return the fed tasks in the order in which the processor runs them."""
        return list(self._fed.values())

    def iterate_fed(self) -> Iterator[HeldTask]:
        """Go over the fed tasks in order; nothing may be fed or removed meanwhile."""
        return iter(self._fed.values())

    def digest(self) -> int:
        """Return the exclusive or of the first 8 bytes of the hash of every held id, see docs/protocol.md.

        It is computed when a heartbeat asks for it: to keep it up to date would cost two hashes per task.
        """
        digest = 0
        for task_id in self._tasks:
            digest ^= int.from_bytes(hashlib.blake2b(task_id, digest_size=8).digest(), "little")
        return digest

    def check(self) -> None:
        """Raise AssertionError when the containers do not agree."""
        queued = [entry[2] for entry in self._queue if entry[2].place is Place.queued]
        assert len(set(map(id, queued))) == len(queued), "a task is queued twice"
        assert len(queued) == self.queued_count
        assert list(self._fed) == sorted(self._fed), "fed tasks are not in order"
        for number, task in self._fed.items():
            assert task.number == number and task.place is Place.fed and self._tasks[task.task_id] is task
        for task in queued:
            assert task.number == -1 and self._tasks[task.task_id] is task

    def _push(self, task: HeldTask) -> None:
        heapq.heappush(self._queue, (-task.priority, task.sequence, task))
