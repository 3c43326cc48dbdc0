"""What each worker has run: bars over time, in as many lanes as it had tasks at once, bounded in number.

The monitor stream tells when a task was placed on a worker and when it ended, not when it began; the end carries how
long it ran. So a bar of the past is exact. Of the tasks that a worker holds now those are drawn as running that it has
had for longest: one, and one more for each processor that is suspended in the midst of its task. A task that ends
before one that has run for longer has interrupted it, and has a lane below.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from scaler.monitor.records import Capabilities, EndedTask, RunningTask, Worker
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.ui.lane import Bar, Lane
from scaler.ui.memory_history import HISTORY_SECONDS

SHORT_GAP_SECONDS: Final = 0.1
_BARS_ACROSS: Final = 400
"""Bars of one lane that a screen can tell apart."""
_MOST_GONE: Final = 1000


@dataclass(frozen=True)
class StreamRow:
    """One lane of a worker in a window; bars are in the order of time."""

    worker_id: bytes
    lane: int
    is_gone: bool
    capabilities: Capabilities
    bars: tuple[Bar, ...]


class _Held:
    """A task that is placed on a worker, and since when it counts as running there."""

    __slots__ = ("running_since", "task")

    def __init__(self, task: RunningTask) -> None:
        self.task = task
        self.running_since: float | None = None


class _WorkerStream:
    """One worker: the tasks it holds, oldest first, and its lanes."""

    def __init__(self, worker: Worker) -> None:
        self.worker_id = worker.worker_id
        self.capabilities = worker.capabilities
        self.suspended = 0
        self.gone_since: float | None = None
        self.held: dict[bytes, _Held] = {}
        self.lanes: list[Lane] = []

    def start_next(self, now_seconds: float) -> None:
        """Let the tasks that are held for longest count as running."""
        for held in islice(self.held.values(), 1 + self.suspended):
            if held.running_since is None:
                held.running_since = now_seconds

    def depth_of(self, task_id: bytes) -> int:
        """Return how many tasks that run have been held for longer: those of one level end in order."""
        depth = 0
        for held_id, held in self.held.items():
            if held_id == task_id or held.running_since is None:
                break
            depth += 1
        return depth

    def put(self, bar: Bar, number: int) -> None:
        """Add a bar to a lane."""
        while len(self.lanes) <= number:
            self.lanes.append(Lane(SHORT_GAP_SECONDS))
        self.lanes[number].add(bar)

    def open_bars(self, now_seconds: float) -> list[Bar]:
        """Return what runs now, one for each lane from the first on."""
        return [
            Bar(held.running_since, now_seconds, MonitorState.running, held.task.capabilities)
            for held in islice(self.held.values(), 1 + self.suspended)
            if held.running_since is not None
        ]

    def trim(self, oldest_seconds: float) -> None:
        """Forget bars that are too old, and lanes at the end that have none."""
        for lane in self.lanes:
            lane.trim(oldest_seconds)
        while self.lanes and self.lanes[-1].is_empty:
            self.lanes.pop()


class TaskStream:
    """The bars of all workers of the last half hour, also of those that have gone. Not thread-safe."""

    def __init__(self) -> None:
        self._workers: dict[bytes, _WorkerStream] = {}

    def forget_placements(self) -> None:
        """Forget which tasks are placed: what is known begins anew."""
        for stream in self._workers.values():
            stream.held.clear()

    def set_workers(self, workers: Mapping[bytes, Worker], now_seconds: float) -> None:
        """Take the workers that are connected; the others have gone."""
        for worker in workers.values():
            stream = self._stream_of(worker)
            stream.capabilities = worker.capabilities
            stream.suspended = worker.status.suspended
            stream.gone_since = None
            stream.start_next(now_seconds)
        for worker_id, stream in self._workers.items():
            if worker_id not in workers and stream.gone_since is None:
                stream.gone_since = now_seconds  # what becomes of its tasks is told next
        self._trim(now_seconds)

    def on_placed(self, task: RunningTask, now_seconds: float) -> None:
        """Take note that a task was placed; its worker may be told of later."""
        stream = self._stream_of(Worker(task.worker_id))
        stream.held[task.task_id] = _Held(task)
        stream.start_next(now_seconds)

    def on_returned(self, task: RunningTask, now_seconds: float) -> None:
        """Take note that a task has left its worker without an end. It did not run there, so no bar is left."""
        stream = self._workers.get(task.worker_id)
        if stream is not None:
            stream.held.pop(task.task_id, None)
            stream.start_next(now_seconds)

    def on_ended(self, task: EndedTask, now_seconds: float) -> None:
        """Take the end of a task."""
        if not task.worker_id:
            return
        stream = self._stream_of(Worker(task.worker_id))
        depth = stream.depth_of(task.task_id) if task.task_id in stream.held else 0
        held = stream.held.pop(task.task_id, None)
        began = held.running_since if held is not None else None
        if task.profile is not None:
            began = now_seconds - task.profile.duration_s
        if began is not None:
            stream.put(Bar(began, now_seconds, task.state, task.capabilities), depth)
        stream.start_next(now_seconds)

    def worker_count(self, now_seconds: float, window_seconds: float) -> int:
        """Return how many workers have rows in a window."""
        return sum(1 for _ in self._shown(now_seconds - window_seconds))

    def rows(self, now_seconds: float, window_seconds: float, first: int, count: int) -> list[StreamRow]:
        """Return the rows of ``count`` workers beginning with number ``first``, those that have gone last.

        Bars that nobody could tell apart at that scale are one.
        """
        oldest = now_seconds - window_seconds
        rows: list[StreamRow] = []
        for stream in islice(self._shown(oldest), first, first + count):
            rows += _rows_of(stream, now_seconds, oldest, window_seconds / _BARS_ACROSS)
        return rows

    def _stream_of(self, worker: Worker) -> _WorkerStream:
        stream = self._workers.get(worker.worker_id)
        if stream is None:
            stream = self._workers[worker.worker_id] = _WorkerStream(worker)
        return stream

    def _shown(self, oldest_seconds: float) -> Iterable[_WorkerStream]:
        for stream in self._workers.values():
            if stream.gone_since is None:
                yield stream
        for stream in self._workers.values():
            if stream.gone_since is not None and any(lane.ends_after(oldest_seconds) for lane in stream.lanes):
                yield stream

    def _trim(self, now_seconds: float) -> None:
        for stream in self._workers.values():
            stream.trim(now_seconds - HISTORY_SECONDS)
        gone = [stream.worker_id for stream in self._workers.values() if stream.gone_since is not None]
        too_many = len(gone) - _MOST_GONE
        for number, worker_id in enumerate(gone):
            stream = self._workers[worker_id]
            if number < too_many or not (stream.lanes or stream.held):
                del self._workers[worker_id]


def _rows_of(stream: _WorkerStream, now_seconds: float, oldest: float, gap_seconds: float) -> Iterable[StreamRow]:
    bars = [lane.shown(oldest, gap_seconds) for lane in stream.lanes]
    for number, bar in enumerate(stream.open_bars(now_seconds)):
        while len(bars) <= number:
            bars.append([])
        bars[number].append(bar)
    while len(bars) > 1 and not bars[-1]:
        bars.pop()
    for number, lane in enumerate(bars or [[]]):
        yield StreamRow(stream.worker_id, number, stream.gone_since is not None, stream.capabilities, tuple(lane))
