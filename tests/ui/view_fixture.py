"""Builds what a view learns, without a stream: workers, tasks, their ends, and the time between them."""

from __future__ import annotations

from collections.abc import Mapping

from scaler.monitor.events import Event, Reported, TaskEnded, TaskPlaced, TaskReturned
from scaler.monitor.records import EndedTask, RunningTask, SchedulerReport, Worker, WorkerStatus
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.ui.cluster_view import Batch, ClusterView, Figures
from scaler.ui.task_stream import StreamRow
from scaler.utility.metadata.profile_result import ProfileResult

WINDOW_SECONDS = 300


def worker_id(name: str, unique: str = "0") -> bytes:
    """Return an id of a worker; the name may be that of many."""
    return f"Worker|{name}|{unique * 32}".encode()


def task_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


class ViewFixture:
    """A view, and a clock that moves when it is told to."""

    def __init__(self) -> None:
        self.view = ClusterView()
        self.now = 10_000.0
        self.workers: dict[bytes, Worker] = {}
        self.report = SchedulerReport()
        self.clients: dict[bytes, int] = {}
        self._running: dict[int, RunningTask] = {}

    def after(self, seconds: float) -> ViewFixture:
        self.now += seconds
        return self

    def connect(self, *ids: bytes, suspended: int = 0, capabilities: Mapping[str, int] | None = None) -> ViewFixture:
        for identity in ids:
            self.workers[identity] = Worker(identity, capabilities or {}, WorkerStatus(suspended=suspended))
        return self.take(Reported())

    def lose(self, *ids: bytes) -> ViewFixture:
        for identity in ids:
            del self.workers[identity]
        return self.take(Reported())

    def place(self, number: int, on: bytes, capabilities: Mapping[str, int] | None = None) -> ViewFixture:
        task = RunningTask(task_id(number), "square", on, capabilities or {}, self.now)
        self._running[number] = task
        return self.take(TaskPlaced(task))

    def give_back(self, number: int) -> ViewFixture:
        return self.take(TaskReturned(task_id(number), self._running.pop(number)))

    def end(
        self,
        number: int,
        state: MonitorState = MonitorState.success,
        duration: float | None = None,
        memory_bytes: int = 0,
    ) -> ViewFixture:
        """End a task that was placed; without a duration nothing was measured."""
        task = self._running.pop(number)
        ended = EndedTask(
            task_id=task.task_id,
            function_name=task.function_name,
            worker_id=task.worker_id,
            capabilities=task.capabilities,
            state=state,
            profile=None if duration is None else ProfileResult(duration, memory_bytes, 0.0),
            since_seconds=task.since_seconds,
        )
        return self.take(TaskEnded(ended))

    def run(
        self, number: int, on: bytes, seconds: float, state: MonitorState = MonitorState.success, memory_bytes: int = 0
    ) -> ViewFixture:
        """Place a task, let the time pass, and end it."""
        return self.place(number, on).after(seconds).end(number, state, seconds, memory_bytes)

    def take(self, *events: Event, is_complete: bool = True) -> ViewFixture:
        figures = None
        if any(not isinstance(event, TaskPlaced | TaskReturned | TaskEnded) for event in events):
            figures = Figures(self.report, dict(self.workers), dict(self.clients))
        self.view.take(Batch(events, self.now, figures, is_complete, 0))
        return self

    def rows(self, window_seconds: float = WINDOW_SECONDS, first: int = 0, count: int = 1000) -> list[StreamRow]:
        return self.view.stream.rows(self.now, window_seconds, first, count)

    def bars(self, identity: bytes) -> list[tuple[int, float, float, str, int]]:
        """Return lane, begin, end, state and tasks of each bar of a worker, times relative to now."""
        return [
            (
                row.lane,
                round(bar.began_seconds - self.now, 3),
                round(bar.ended_seconds - self.now, 3),
                bar.state.name,
                bar.tasks,
            )
            for row in self.rows()
            if row.worker_id == identity
            for bar in row.bars
        ]
