"""What the scheduler knows of one connected worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaler.scheduler.allocate_policy.worker_kinds import FULL
from scaler.utility.identifiers import digest_of

if TYPE_CHECKING:
    from scaler.scheduler.task.task_record import TaskRecord


class WorkerRecord:
    """One connected worker.

    ``tasks`` holds what was placed on it and has not ended, in the order of placing. That is the order of starting for
    tasks of one level and priority; what is nested deeper starts first. ``version`` changes with it.
    ``estimated_seconds`` is the time its tasks are expected to take. A task that waits for tasks of its own lends them
    its place: what is nested deeper does not find the worker full of what is not.
    ``placements`` counts all tasks that were ever placed on it. ``announced`` are the objects that it is about to store
    and that no result has named yet: with their owners, and how many placements there had been by then.
    ``late_verdicts`` counts, by task, the verdicts on cancels that it still owes for an earlier placement of the task.
    One that is ``draining`` gets no new tasks; it is ``dismissed``, told to leave, when it holds none any more.
    ``number`` is the lowest that no other connected worker has: a place for it where there is one for each worker.
    """

    __slots__ = (
        "announced",
        "capabilities",
        "digest_mismatches",
        "dismissed",
        "draining",
        "estimated_seconds",
        "heartbeat",
        "judged_seconds",
        "last_heartbeat_seconds",
        "late_verdicts",
        "nested",
        "number",
        "placements",
        "queue_size",
        "room",
        "seen_version",
        "tasks",
        "version",
        "worker_id",
    )

    def __init__(self, worker_id: bytes, queue_size: int, capabilities: dict[str, int]) -> None:
        self.worker_id = worker_id
        self.queue_size = queue_size
        self.capabilities = capabilities
        self.tasks: dict[bytes, TaskRecord] = {}
        self.placements = 0
        self.announced: dict[bytes, tuple[bytes, int]] = {}
        self.late_verdicts: dict[bytes, int] = {}
        self.room = FULL  # WorkerKinds alone sets it
        self.number = -1  # until it is in the pool
        self.nested: dict[int, int] = {}  # how many tasks there are of each level above 0
        self.estimated_seconds = 0.0
        self.version = 0
        self.seen_version = -1
        self.digest_mismatches = 0
        self.judged_seconds = 0.0  # when its view was compared last
        self.draining = False
        self.dismissed = False
        self.heartbeat: dict[str, Any] = {}
        self.last_heartbeat_seconds = 0.0

    def owe_verdicts(self, task_id: bytes, count: int) -> None:
        """Note that a task goes while so many cancels of it are not answered."""
        if count > 0:
            self.late_verdicts[task_id] = self.late_verdicts.get(task_id, 0) + count

    def take_late_verdict(self, task_id: bytes) -> bool:
        """Return whether a verdict is about an earlier placement of a task: they come in the order of the cancels."""
        count = self.late_verdicts.get(task_id, 0)
        if count > 1:
            self.late_verdicts[task_id] = count - 1
        elif count == 1:
            del self.late_verdicts[task_id]
        return count > 0

    def first_placement(self) -> int:
        """Return which placement that of its oldest task was, counted from 0; without tasks that of the next one."""
        for record in self.tasks.values():
            return record.progress.placement
        return self.placements

    def held(self, level: int) -> int:
        """Return how many tasks of the level, or nested deeper, there are."""
        if level == 0:
            return len(self.tasks)
        return sum(count for other, count in self.nested.items() if other >= level)

    def load(self, level: int) -> int:
        """Return a figure to compare workers by, for a task of the level; an idle worker has 0."""
        if level == 0:
            return len(self.tasks)
        held = self.held(level)
        return 2 * held + (len(self.tasks) > held)

    def held_digest(self) -> int:
        """Return the digest that the worker reports when it holds the same tasks."""
        return digest_of(self.tasks)

    def __repr__(self) -> str:
        return f"WorkerRecord({self.worker_id!r}, {len(self.tasks)}/{self.queue_size} tasks)"
