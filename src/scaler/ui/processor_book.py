"""The processors of all workers, and the most memory that each was seen to have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scaler.monitor.records import ProcessorStatus, Worker


@dataclass(frozen=True)
class Processor:
    """A processor at the last heartbeat of its worker, and the most memory that any report has said of it."""

    worker_id: bytes
    status: ProcessorStatus
    most_rss_bytes: int


class ProcessorBook:
    """Keeps what is there; a processor that has gone is forgotten with its peak."""

    def __init__(self) -> None:
        self._processors: dict[tuple[bytes, int], Processor] = {}

    def set_workers(self, workers: Mapping[bytes, Worker]) -> None:
        """Take what the last report says."""
        known, self._processors = self._processors, {}
        for worker in workers.values():
            for status in worker.status.processors:
                key = worker.worker_id, status.pid
                most = known[key].most_rss_bytes if key in known else 0
                self._processors[key] = Processor(worker.worker_id, status, max(most, status.load.rss_bytes))

    def all(self) -> list[Processor]:
        """Return the processors, those of a worker side by side, by process id."""
        return sorted(self._processors.values(), key=lambda processor: (processor.worker_id, processor.status.pid))
