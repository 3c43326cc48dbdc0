"""What has just changed in the model of a cluster: for viewers that show a history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from scaler.monitor.records import EndedTask, RunningTask, Worker


@dataclass(frozen=True)
class SnapshotBegan:
    """All was forgotten; what follows is the present state anew. Bars that are open end here."""


@dataclass(frozen=True)
class Reported:
    """The figures of the scheduler, all workers and all clients are new."""


@dataclass(frozen=True)
class WorkerConnected:
    """A worker has connected, or is told of for the first time."""

    worker: Worker


@dataclass(frozen=True)
class WorkerDisconnected:
    """A worker has left or was lost; what becomes of its tasks is told separately."""

    worker_id: bytes


@dataclass(frozen=True)
class TaskPlaced:
    """A task was placed on a worker."""

    task: RunningTask


@dataclass(frozen=True)
class TaskReturned:
    """A task has left its worker and waits again: it moves to another one, or its worker has gone. This is no end.

    ``task`` is None when the viewer did not know that it was placed.
    """

    task_id: bytes
    task: RunningTask | None


@dataclass(frozen=True)
class TaskEnded:
    """A task has ended."""

    task: EndedTask


@dataclass(frozen=True)
class TasksAskedBack:
    """Balancing asks a worker for tasks back that it has not started."""

    worker_id: bytes
    task_ids: tuple[bytes, ...]


@dataclass(frozen=True)
class GraphNodeKnown:
    """A node of a graph has arrived at the scheduler. Nodes in a row run as one task, under the id of the last."""

    graph_id: bytes
    task_id: bytes
    is_target: bool
    parent_ids: tuple[bytes, ...]


Event: TypeAlias = (
    SnapshotBegan
    | Reported
    | WorkerConnected
    | WorkerDisconnected
    | TaskPlaced
    | TaskReturned
    | TaskEnded
    | TasksAskedBack
    | GraphNodeKnown
)
