"""Everything that the pages show, made of batches of events; without browser, socket and clock.

It belongs to one thread, that of the pages. The thread that reads the monitor stream makes the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scaler.monitor.cluster_model import ClusterModel
from scaler.monitor.events import (
    Event,
    GraphNodeKnown,
    Reported,
    SnapshotBegan,
    TaskEnded,
    TaskPlaced,
    TaskReturned,
    WorkerConnected,
    WorkerDisconnected,
)
from scaler.monitor.records import SchedulerReport, Worker
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.ui.graph_book import GraphBook
from scaler.ui.memory_history import MemoryHistory
from scaler.ui.processor_book import ProcessorBook
from scaler.ui.task_log import TaskLog
from scaler.ui.task_stream import TaskStream

_CHANGE_FIGURES = (SnapshotBegan, Reported, WorkerConnected, WorkerDisconnected)


@dataclass(frozen=True)
class Figures:
    """The present state behind a batch. Nothing of it changes any more."""

    report: SchedulerReport = field(default_factory=SchedulerReport)
    workers: Mapping[bytes, Worker] = field(default_factory=dict)
    clients: Mapping[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Events in their order, and when they were read; ``figures`` is None when they are what they were."""

    events: tuple[Event, ...]
    now_seconds: float
    figures: Figures | None
    is_complete: bool
    lost_messages: int


def make_batch(events: list[Event], model: ClusterModel, now_seconds: float) -> Batch:
    """Return what a model has just learnt, as values that stay what they are."""
    figures = None
    if any(isinstance(event, _CHANGE_FIGURES) for event in events):
        workers = {worker_id: replace(worker) for worker_id, worker in model.workers.items()}
        figures = Figures(model.report, workers, dict(model.clients))
    return Batch(tuple(events), now_seconds, figures, model.is_complete, model.lost_messages)


class ClusterView:
    """What is shown: the present figures, and histories of bounded length."""

    def __init__(self) -> None:
        self.figures = Figures()
        self.is_complete = False
        self.lost_messages = 0
        self.log = TaskLog()
        self.stream = TaskStream()
        self.memory = MemoryHistory()
        self.processors = ProcessorBook()
        self.graphs = GraphBook()
        self._handlers: dict[type, Callable[[Any, Batch], None]] = {
            SnapshotBegan: self._on_snapshot,
            TaskPlaced: self._on_placed,
            TaskReturned: self._on_returned,
            TaskEnded: self._on_ended,
            GraphNodeKnown: self._on_node_known,
        }

    def take(self, batch: Batch) -> None:
        """Show what a batch says."""
        self.is_complete = batch.is_complete
        self.lost_messages = batch.lost_messages
        for event in batch.events:
            handler = self._handlers.get(type(event))
            if handler is not None:
                handler(event, batch)
        if batch.figures is not None:
            self.figures = batch.figures
            self.stream.set_workers(batch.figures.workers, batch.now_seconds)
            self.processors.set_workers(batch.figures.workers)

    def _on_snapshot(self, _event: SnapshotBegan, _batch: Batch) -> None:
        self.stream.forget_placements()
        self.graphs.forget_unended()

    def _on_placed(self, event: TaskPlaced, batch: Batch) -> None:
        self.stream.on_placed(event.task, batch.now_seconds)
        self.graphs.on_task(event.task.task_id, MonitorState.running)

    def _on_returned(self, event: TaskReturned, batch: Batch) -> None:
        if event.task is not None:
            self.stream.on_returned(event.task, batch.now_seconds)
        self.graphs.on_task(event.task_id, MonitorState.inactive)

    def _on_ended(self, event: TaskEnded, batch: Batch) -> None:
        task, now = event.task, batch.now_seconds
        self.log.add(task, now)
        self.stream.on_ended(task, now)
        self.graphs.on_ended(task, now)
        if task.profile is not None and task.profile.memory_peak > 0:
            self.memory.add(now - task.profile.duration_s, now, task.profile.memory_peak)

    def _on_node_known(self, event: GraphNodeKnown, batch: Batch) -> None:
        self.graphs.on_node_known(event, batch.now_seconds)
