"""The connected workers, and which of them takes the next task of a capability set."""

from __future__ import annotations

import heapq
from typing import Final

from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.scheduler.allocate_policy.load_buckets import LoadBuckets
from scaler.scheduler.allocate_policy.needs import NO_NEEDS, Needs, describe, needs_of, offers
from scaler.scheduler.allocate_policy.worker_kinds import AHEAD, FULL, IDLE, ROOMY, WorkerKinds
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.task.task_record import TaskRecord

PREFETCH_SECONDS: Final = 0.002
"""Work that a worker may hold ahead of need: enough to hide the round trip to the scheduler."""
LEAST_PREFETCH: Final = 2
MOST_PREFETCH: Final = 64
_MOST_INTERNED: Final = 256
_MOST_CLASSES: Final = 256
_MOST_BITS: Final = 256


class WorkerPool:
    """All connected workers. What is needed has, for each level of nesting, its buckets of eligible workers.

    Each change of a worker's tasks, of which ``changed`` must be told, costs a step per pair of needs and level. So the
    pairs that nobody has asked for since the last tick are forgotten, and further needs than some hundred do without
    buckets, but for nested tasks: any worker of theirs that has room will do, one without tasks if there is one.
    """

    def __init__(self, policy: AllocatePolicy = AllocatePolicy.even) -> None:
        self._policy = policy
        self._workers: dict[bytes, WorkerRecord] = {}
        self._classes: dict[tuple[Needs, int], LoadBuckets] = {}
        self._interned: dict[Needs, Needs] = {}
        self._loaded: dict[bytes, WorkerRecord] = {}  # with a task behind the one that runs
        self._draining: dict[bytes, WorkerRecord] = {}
        self._kinds = WorkerKinds()  # of all but those
        self.departures = 0
        """How many workers have left, or begun to drain."""
        self._numbered: list[WorkerRecord | None] = []  # by number
        self._free_numbers: list[int] = []  # a heap

    def __len__(self) -> int:
        return len(self._workers)

    def get(self, worker_id: bytes) -> WorkerRecord | None:
        """Return the worker of that identity, or None."""
        return self._workers.get(worker_id)

    def workers(self) -> list[WorkerRecord]:
        """Return all workers."""
        return list(self._workers.values())

    def add(self, worker: WorkerRecord) -> None:
        """Let a worker take tasks."""
        self._workers[worker.worker_id] = worker
        self._give_number(worker)
        self._kinds.add(worker)
        for buckets in self._classes.values():
            buckets.add(worker)
        self.changed(worker)

    def remove(self, worker: WorkerRecord) -> None:
        """Forget a worker; its tasks are the caller's business."""
        del self._workers[worker.worker_id]
        self._numbered[worker.number] = None
        heapq.heappush(self._free_numbers, worker.number)
        self._loaded.pop(worker.worker_id, None)
        self._draining.pop(worker.worker_id, None)
        self._kinds.remove(worker)
        self.departures += 1
        for buckets in self._classes.values():
            buckets.remove(worker)

    def numbered(self, numbers: int) -> list[WorkerRecord]:
        """Return the workers with the numbers whose bits are set, in their order.

        The bits are looked at in short parts: each step takes a time by the length of what it works with.
        """
        workers: list[WorkerRecord] = []
        parts = [(0, numbers)]
        while parts:
            first, bits = parts.pop()
            length = bits.bit_length()
            if length > _MOST_BITS:
                half = length // 2
                parts.append((first + half, bits >> half))
                parts.append((first, bits & ((1 << half) - 1)))
                continue
            while bits:
                lowest = bits & -bits
                bits ^= lowest
                number = first + lowest.bit_length() - 1
                worker = self._numbered[number] if number < len(self._numbered) else None
                if worker is not None:
                    workers.append(worker)
        return workers

    def changed(self, worker: WorkerRecord) -> None:
        """Take note of the present tasks of a worker."""
        if worker.worker_id not in self._workers:
            return
        if len(worker.tasks) >= LEAST_PREFETCH:
            self._loaded[worker.worker_id] = worker
        else:
            self._loaded.pop(worker.worker_id, None)
        room = _room(worker)
        if room != worker.room:
            self._kinds.changed(worker, room)
        for buckets in self._classes.values():
            buckets.changed(worker)

    def drain(self, worker: WorkerRecord) -> None:
        """Give a worker no more tasks, but for those of ``find_for_parent``."""
        worker.draining = True
        self._draining[worker.worker_id] = worker
        self._kinds.remove(worker)
        self.departures += 1
        for buckets in self._classes.values():
            buckets.remove(worker)

    def needs(self, capabilities: dict[str, int] | None) -> Needs:
        """Return what of the capabilities of a task matters for its placement; equal needs are one object."""
        if not capabilities or self._policy is AllocatePolicy.even:
            return NO_NEEDS
        needs = needs_of(capabilities)
        return self._interned.setdefault(needs, needs)

    def find(self, needs: Needs, level: int, estimated_seconds: float) -> WorkerRecord | None:
        """Return the least loaded worker that may take a task which is expected to run that long, or None."""
        if level == 0 and len(self._classes) >= _MOST_CLASSES and (needs, level) not in self._classes:
            roomy = self._kinds.with_room(needs)
            return next((worker for worker in roomy if _has_room(worker, level, estimated_seconds)), None)
        buckets = self._buckets(needs, level)
        buckets.is_used = True
        while (worker := buckets.least_loaded()) is not None:
            if _has_room(worker, level, estimated_seconds):
                return worker
            buckets.leave_out(worker)
        return None

    def find_for_parent(self, needs: Needs, level: int) -> WorkerRecord | None:
        """Return a draining worker for a nested task that no other worker may ever run, or None.

        It runs a task that is nested less deep, which may be waiting for just this one, and would never end otherwise.
        """
        if level == 0 or not self._draining or self.is_offered(needs, level):
            return None
        for worker in self._draining.values():
            if (
                offers(worker.capabilities, needs)
                and worker.held(level) < min(worker.queue_size, LEAST_PREFETCH)
                and any(record.progress.is_started and record.level < level for record in worker.tasks.values())
            ):
                return worker
        return None

    def is_offered(self, needs: Needs, level: int) -> bool:
        """Return whether a worker that stays may run tasks with the needs, now or when it has room."""
        buckets = self._classes.get((needs, level))
        return self._kinds.offer(needs) if buckets is None else buckets.has_workers

    @property
    def have_room(self) -> bool:
        """Return whether any worker has room for a task that is not nested."""
        return self._kinds.have_room

    def is_hopeless(self, needs: Needs, level: int) -> bool:
        """Return whether only a worker that is yet to come can ever run tasks with the needs."""
        return not self._draining and not self.is_offered(needs, level)

    def draining(self) -> list[WorkerRecord]:
        """Return the workers that get no more tasks."""
        return list(self._draining.values())

    @property
    def classes(self) -> list[tuple[Needs, int]]:
        """Return the pairs of needs and level that there are buckets for."""
        return list(self._classes)

    def forget_classes(self, waiting: list[Needs]) -> None:
        """Forget what no task was placed by since the last call, and needs that no task waits with once they are many.

        What waits is asked for after every batch, with the level of the task that is next, while any worker has room.
        """
        if any(not buckets.is_used for buckets in self._classes.values()):
            self._classes = {key: buckets for key, buckets in self._classes.items() if buckets.is_used}
        for buckets in self._classes.values():
            buckets.is_used = False
        if len(self._interned) > _MOST_INTERNED:
            self._interned = {needs: needs for needs in waiting}

    def describe_wait(self, needs: Needs, level: int) -> str:
        """Return, in words, what a task with the needs waits for."""
        if self.is_offered(needs, level):
            return "all workers that may run it were busy"
        return self.describe_shortage(needs)

    def describe_shortage(self, needs: Needs) -> str:
        """Return, in words, why no worker may ever run a task with the needs."""
        if not self._workers:
            return "no worker is connected"
        if len(self._draining) == len(self._workers):
            return "every connected worker is about to leave"
        return f"no connected worker offers what it needs: {describe(needs)}"

    def idle(self, needs: Needs) -> int:
        """Return how many workers without any task may run tasks with the needs."""
        return self._kinds.idle(needs)

    def loaded(self) -> list[WorkerRecord]:
        """Return the workers that hold more than one task."""
        return list(self._loaded.values())

    def _give_number(self, worker: WorkerRecord) -> None:
        if self._free_numbers:
            worker.number = heapq.heappop(self._free_numbers)
            self._numbered[worker.number] = worker
        else:
            worker.number = len(self._numbered)
            self._numbered.append(worker)

    def _buckets(self, needs: Needs, level: int) -> LoadBuckets:
        buckets = self._classes.get((needs, level))
        if buckets is None:
            buckets = self._classes[needs, level] = LoadBuckets(needs, level)
            for worker in self._workers.values():
                if not worker.draining:
                    buckets.add(worker)
        return buckets


def _room(worker: WorkerRecord) -> int:
    """Return how much room a worker has, at most, for tasks that are not nested; see ``_has_room`` for one of them."""
    held = len(worker.tasks)
    if worker.draining or held >= worker.queue_size:
        return FULL
    if held == 0:
        return IDLE
    if held < LEAST_PREFETCH:
        return ROOMY
    return AHEAD if held < MOST_PREFETCH and worker.estimated_seconds < PREFETCH_SECONDS else FULL


def _has_room(worker: WorkerRecord, level: int, estimated_seconds: float) -> bool:
    """Return whether a worker may take one more task: two hide the round trip, more only of short ones."""
    held = worker.held(level)
    if held >= worker.queue_size or worker.draining:
        return False
    if held < LEAST_PREFETCH:
        return True
    return held < MOST_PREFETCH and worker.estimated_seconds + estimated_seconds <= PREFETCH_SECONDS


def hold(worker: WorkerRecord, record: TaskRecord, estimated_seconds: float) -> None:
    """Book a task on a worker that is expected to run it for that long."""
    worker.tasks[record.task_id] = record
    if record.level > 0:
        worker.nested[record.level] = worker.nested.get(record.level, 0) + 1
    worker.estimated_seconds += estimated_seconds
    worker.version += 1
    progress = record.progress
    progress.worker = worker
    progress.placement = worker.placements
    worker.placements += 1
    progress.estimated_seconds = estimated_seconds


def let_go(worker: WorkerRecord, record: TaskRecord) -> None:
    """Take a task off a worker's book."""
    del worker.tasks[record.task_id]
    if record.level > 0:
        worker.nested[record.level] -= 1
        if worker.nested[record.level] == 0:
            del worker.nested[record.level]
    progress = record.progress
    # Sums of floats drift; an empty worker is exactly at rest.
    worker.estimated_seconds = worker.estimated_seconds - progress.estimated_seconds if worker.tasks else 0.0
    worker.version += 1
    progress.worker = None
