"""The connected workers, and which of them takes the next task of a capability set."""

from __future__ import annotations

from typing import Final

from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.scheduler.allocate_policy.load_buckets import LoadBuckets
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.task.task_record import TaskRecord

PREFETCH_SECONDS: Final = 0.002
"""Work that a worker may hold ahead of need: enough to hide the round trip to the scheduler."""
LEAST_PREFETCH: Final = 2
MOST_PREFETCH: Final = 64
_NO_CAPABILITIES: Final[frozenset[str]] = frozenset()
_MOST_CLASSES: Final = 256


class WorkerPool:
    """All connected workers. Each capability set that was ever asked for has its own buckets of eligible workers.

    A worker that cannot take another task is left out of the buckets until it lost one, so that placing never scans
    full workers. ``changed`` must be called whenever the tasks of a worker have changed.
    """

    def __init__(self, policy: AllocatePolicy = AllocatePolicy.even) -> None:
        self._policy = policy
        self._workers: dict[bytes, WorkerRecord] = {}
        self._classes: dict[frozenset[str], LoadBuckets] = {}
        self._interned: dict[frozenset[str], frozenset[str]] = {}
        self._loaded: dict[bytes, WorkerRecord] = {}  # with a task behind the one that runs

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
        self.changed(worker)

    def remove(self, worker: WorkerRecord) -> None:
        """Forget a worker; its tasks are the caller's business."""
        del self._workers[worker.worker_id]
        self._loaded.pop(worker.worker_id, None)
        for buckets in self._classes.values():
            buckets.remove(worker)

    def changed(self, worker: WorkerRecord) -> None:
        """Take note of the present number of tasks of a worker."""
        if worker.worker_id not in self._workers:
            return
        if len(worker.tasks) >= LEAST_PREFETCH:
            self._loaded[worker.worker_id] = worker
        else:
            self._loaded.pop(worker.worker_id, None)
        if worker.draining:
            return
        for capabilities, buckets in self._classes.items():
            if not capabilities or capabilities <= worker.capabilities.keys():
                buckets.put(worker)

    def drain(self, worker: WorkerRecord) -> None:
        """Give a worker no more tasks."""
        worker.draining = True
        for buckets in self._classes.values():
            buckets.remove(worker)

    def needs(self, capabilities: dict[str, int] | None) -> frozenset[str]:
        """Return the capabilities of a task that matter for its placement; equal sets are one object."""
        if not capabilities or self._policy is AllocatePolicy.even:
            return _NO_CAPABILITIES
        wanted = frozenset(capabilities)
        return self._interned.setdefault(wanted, wanted)

    def find(self, capabilities: frozenset[str], estimated_seconds: float) -> WorkerRecord | None:
        """Return the least loaded worker that may take a task which is expected to run that long, or None."""
        buckets = self._buckets(capabilities)
        while (worker := buckets.least_loaded()) is not None:
            if _has_room(worker, estimated_seconds):
                return worker
            buckets.remove(worker)  # until it changes
        return None

    def forget_classes(self, needed: list[frozenset[str]]) -> None:
        """Forget capability sets that nobody asks for at present, once there are many."""
        if len(self._classes) + len(self._interned) > _MOST_CLASSES:
            self._classes = {key: buckets for key, buckets in self._classes.items() if key in needed}
            self._interned = {key: key for key in needed}

    def is_eligible(self, capabilities: frozenset[str]) -> bool:
        """Return whether any connected worker offers the capabilities, busy or not."""
        return any(capabilities <= worker.capabilities.keys() for worker in self._workers.values())

    def idle(self, capabilities: frozenset[str]) -> list[WorkerRecord]:
        """Return the workers without any task that may run tasks of the class."""
        return self._buckets(capabilities).idle()

    def loaded(self) -> list[WorkerRecord]:
        """Return the workers that hold more than one task."""
        return list(self._loaded.values())

    def _buckets(self, capabilities: frozenset[str]) -> LoadBuckets:
        buckets = self._classes.get(capabilities)
        if buckets is None:
            buckets = self._classes[capabilities] = LoadBuckets()
            for worker in self._workers.values():
                if capabilities <= worker.capabilities.keys() and not worker.draining:
                    buckets.put(worker)
        return buckets


def _has_room(worker: WorkerRecord, estimated_seconds: float) -> bool:
    """Return whether a worker may take one more task: two hide the round trip, more only of short ones."""
    held = len(worker.tasks)
    if held >= worker.queue_size or worker.draining:
        return False
    if held < LEAST_PREFETCH:
        return True
    return held < MOST_PREFETCH and worker.estimated_seconds + estimated_seconds <= PREFETCH_SECONDS


def hold(worker: WorkerRecord, record: TaskRecord) -> None:
    """Book a task on a worker."""
    worker.tasks[record.task_id] = record
    worker.estimated_seconds += record.estimated_seconds
    worker.version += 1
    record.worker = worker


def let_go(worker: WorkerRecord, record: TaskRecord) -> None:
    """Take a task off a worker's book."""
    del worker.tasks[record.task_id]
    # Sums of floats drift; an empty worker is exactly at rest.
    worker.estimated_seconds = worker.estimated_seconds - record.estimated_seconds if worker.tasks else 0.0
    worker.version += 1
    record.worker = None
