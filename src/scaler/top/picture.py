"""What is known of a cluster at one moment: values that no thread changes any more."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from scaler.monitor.cluster_model import ClusterModel
from scaler.monitor.records import SchedulerReport, Worker


@dataclass(frozen=True)
class Picture:
    """The last report, the clients with the number of their live tasks, and the workers in the order of their ids."""

    report: SchedulerReport
    clients: tuple[tuple[bytes, int], ...]
    workers: tuple[Worker, ...]

    @classmethod
    def of(cls, model: ClusterModel) -> Picture:
        """Return what a model knows now; later changes of the model do not reach it."""
        return cls(
            report=model.report,
            clients=tuple(sorted(model.clients.items())),
            workers=tuple(dataclasses.replace(model.workers[worker_id]) for worker_id in sorted(model.workers)),
        )

    def group_of_workers(self) -> dict[bytes, bytes]:
        """Return the group of each worker that is in one."""
        groups = self.report.worker_groups.items()
        return {worker_id: group_id for group_id, worker_ids in groups for worker_id in worker_ids}


@dataclass(frozen=True)
class Contact:
    """How the stream is: whether there is a connection, how long it has been silent, and how long it may be."""

    address: str
    is_connected: bool
    silent_seconds: float
    timeout_seconds: float
