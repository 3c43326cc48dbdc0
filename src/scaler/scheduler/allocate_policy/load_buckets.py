"""Workers by the number of tasks they hold, so that the least loaded one is found without a scan."""

from __future__ import annotations

from scaler.scheduler.allocate_policy.worker_record import WorkerRecord


class LoadBuckets:
    """The workers that may run the tasks of one capability set; the load of a worker moves by small steps."""

    def __init__(self) -> None:
        self._buckets: list[dict[bytes, WorkerRecord]] = [{}]
        self._load_of: dict[bytes, int] = {}
        self._lowest = 0

    def __len__(self) -> int:
        return len(self._load_of)

    def put(self, worker: WorkerRecord) -> None:
        """Add a worker, or move it to the bucket of its present load."""
        worker_id = worker.worker_id
        load = len(worker.tasks)
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

    def remove(self, worker: WorkerRecord) -> None:
        """Forget a worker."""
        load = self._load_of.pop(worker.worker_id, None)
        if load is not None:
            del self._buckets[load][worker.worker_id]

    def least_loaded(self) -> WorkerRecord | None:
        """Return a worker with the fewest tasks, the one that has been at that load the longest; None without any."""
        if not self._load_of:
            return None
        while not self._buckets[self._lowest]:
            self._lowest += 1
        return next(iter(self._buckets[self._lowest].values()))

    def idle(self) -> list[WorkerRecord]:
        """Return the workers without any task."""
        return list(self._buckets[0].values())
