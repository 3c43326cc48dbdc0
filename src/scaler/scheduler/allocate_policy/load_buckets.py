"""Workers by the number of tasks they hold, so that the least loaded one is found without a scan."""

from __future__ import annotations

from scaler.scheduler.allocate_policy.needs import Needs, offers
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord


class LoadBuckets:
    """The workers that may run the tasks of some needs, of one level of nesting; their loads move by small steps.

    A worker that cannot take another task is left out until its tasks have changed. ``is_used`` says whether anybody
    has asked since it was last set to False.
    """

    def __init__(self, needs: Needs, level: int) -> None:
        self._needs = needs
        self._level = level
        self._eligible: set[bytes] = set()
        self._buckets: list[dict[bytes, WorkerRecord]] = [{}]
        self._load_of: dict[bytes, int] = {}
        self._lowest = 0
        self.is_used = True

    def __len__(self) -> int:
        return len(self._load_of)

    @property
    def has_workers(self) -> bool:
        """Return whether any worker may run these tasks, busy ones included."""
        return bool(self._eligible)

    def add(self, worker: WorkerRecord) -> None:
        """Know a worker from now on, if it offers what is needed."""
        if offers(worker.capabilities, self._needs):
            self._eligible.add(worker.worker_id)
            self.changed(worker)

    def changed(self, worker: WorkerRecord) -> None:
        """Move a worker to the bucket of its present load."""
        worker_id = worker.worker_id
        if worker_id not in self._eligible:
            return
        load = worker.load(self._level)
        known = self._load_of.get(worker_id)
        if known == load:
            return
        if known is not None:
            del self._buckets[known][worker_id]
        while len(self._buckets) <= load:
            self._buckets.append({})
        self._buckets[load][worker_id] = worker
        self._load_of[worker_id] = load
        if load < self._lowest:
            self._lowest = load

    def leave_out(self, worker: WorkerRecord) -> None:
        """Do not return a worker any more until it has changed."""
        load = self._load_of.pop(worker.worker_id, None)
        if load is not None:
            del self._buckets[load][worker.worker_id]

    def remove(self, worker: WorkerRecord) -> None:
        """Forget a worker."""
        self._eligible.discard(worker.worker_id)
        self.leave_out(worker)

    def least_loaded(self) -> WorkerRecord | None:
        """Return a worker of the least load, the one that has been at that load the longest; None without any."""
        if not self._load_of:
            return None
        while not self._buckets[self._lowest]:
            self._lowest += 1
        return next(iter(self._buckets[self._lowest].values()))
