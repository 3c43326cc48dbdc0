"""Balancing: takes unstarted tasks back from loaded workers for idle ones."""

from __future__ import annotations

import itertools
from typing import Final

from scaler.scheduler.allocate_policy.needs import Needs
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.controllers.task_controller import TaskController
from scaler.scheduler.outbox import Outbox
from scaler.scheduler.task.task_record import TaskRecord
from scaler.scheduler.task.task_state_machine import TaskState

WORTH_MOVING_SECONDS: Final = 0.02
"""A worker that gets through its tasks faster than this keeps them."""
_LEAST_SECONDS: Final = 1e-6
"""Time of idle workers that is left by rounding only."""


class BalanceController:
    """Retracts the newest tasks of loaded workers while others have nothing to do, and nothing waits for those.

    Only unstarted tasks move, and each only once its worker has given it up; a task that is asked for is not asked for
    again. A worker counts as loaded when its tasks are expected to take long, or when it has ended none for long: then
    it may never end the one that runs, and short tasks may lie behind it, so all of these move.

    Every tick is a look at what should move; looking costs little, moving a message and the time until its answer. So a
    task moves when ``trigger_times`` looks in a row have found that it should, and rounds in which tasks move are at
    least ``period_seconds`` apart; none are made when that is not positive.
    """

    def __init__(
        self, outbox: Outbox, pool: WorkerPool, tasks: TaskController, period_seconds: float, trigger_times: int
    ) -> None:
        self._outbox = outbox
        self._pool = pool
        self._tasks = tasks
        self._period_seconds = period_seconds
        self._trigger_times = trigger_times
        self._progress: dict[bytes, tuple[int, float]] = {}
        self._advised: dict[bytes, int] = {}  # by task, how many looks in a row
        self._next_round_seconds = 0.0
        self._asked_seconds: float | None = None  # known once a look has asked

    def __len__(self) -> int:
        return len(self._progress)

    def balance(self, now_seconds: float) -> None:
        """Ask for as many tasks as idle workers may run until the next round, one each at least, if it is time to."""
        if self._period_seconds <= 0:
            return
        advice = self._advise(now_seconds)
        self._advised = {
            record.task_id: self._advised.get(record.task_id, 0) + 1 for _, records in advice for record in records
        }
        if now_seconds < self._next_round_seconds:
            return
        for worker, records in advice:
            moved = [record for record in records if self._advised[record.task_id] >= self._trigger_times]
            if moved:
                self._next_round_seconds = now_seconds + self._period_seconds
                self._move(worker, moved)

    def _advise(self, now_seconds: float) -> list[tuple[WorkerRecord, list[TaskRecord]]]:
        """Return which tasks should leave which workers."""
        loaded = self._pool.loaded()
        self._note_progress(loaded, now_seconds)
        loaded.sort(key=lambda worker: len(worker.tasks), reverse=True)
        idle_seconds: dict[Needs, float] = {}
        self._asked_seconds = None
        advice = []
        for worker in loaded:
            if self._is_slow(worker, now_seconds):
                movable = self._movable(worker, now_seconds)
                records = [record for record in movable if self._take(record, worker, now_seconds, idle_seconds)]
                if records:
                    advice.append((worker, records))
        return advice

    def _move(self, worker: WorkerRecord, records: list[TaskRecord]) -> None:
        for record in records:
            self._tasks.retract(record)
        if self._outbox.monitored:
            task_ids = [record.task_id for record in records]
            self._outbox.report("stateBalanceAdvice", {"workerId": worker.worker_id, "taskIds": task_ids})

    def _note_progress(self, loaded: list[WorkerRecord], now_seconds: float) -> None:
        """Remember for each loaded worker since when its oldest task has been its oldest."""
        progress = {}
        for worker in loaded:
            oldest = hash(next(iter(worker.tasks)))
            known = self._progress.get(worker.worker_id)
            progress[worker.worker_id] = known if known is not None and known[0] == oldest else (oldest, now_seconds)
        self._progress = progress

    def _stuck_seconds(self, worker: WorkerRecord, now_seconds: float) -> float:
        """Return for how long a loaded worker has not ended its oldest task."""
        return now_seconds - self._progress[worker.worker_id][1]

    def _is_slow(self, worker: WorkerRecord, now_seconds: float) -> bool:
        return max(self._stuck_seconds(worker, now_seconds), worker.estimated_seconds) >= WORTH_MOVING_SECONDS

    def _movable(self, worker: WorkerRecord, now_seconds: float) -> list[TaskRecord]:
        """Return the newest tasks, newest first: half of those behind the oldest, or all when that does not end.

        One that runs would be refused.
        """
        behind = len(worker.tasks) - 1
        is_stuck = self._stuck_seconds(worker, now_seconds) >= WORTH_MOVING_SECONDS
        newest = itertools.islice(reversed(worker.tasks.values()), behind if is_stuck else (behind + 1) // 2)
        return [record for record in newest if record.state is TaskState.placed and not record.progress.is_started]

    def _take(
        self, record: TaskRecord, worker: WorkerRecord, now_seconds: float, idle_seconds: dict[Needs, float]
    ) -> bool:
        """Return whether an idle worker has time left for a task, and use it up."""
        needs = record.needs
        if needs not in idle_seconds:
            idle_seconds[needs] = self._period_seconds * self._pool.idle(needs) - self._asked(now_seconds)
        if idle_seconds[needs] < _LEAST_SECONDS:
            return False
        idle_seconds[needs] -= self._share(record, worker, now_seconds)
        return True

    def _asked(self, now_seconds: float) -> float:
        """Return how much of the time of idle workers is for what was asked for; the same for all of one look."""
        if self._asked_seconds is None:
            self._asked_seconds = sum(
                self._share(asked, holder, now_seconds)
                for holder in self._pool.loaded()
                for asked in holder.tasks.values()
                if asked.state is TaskState.retracting
            )
        return self._asked_seconds

    def _share(self, record: TaskRecord, worker: WorkerRecord, now_seconds: float) -> float:
        """Return how much of an idle worker's time until the next round a task of a worker is expected to take."""
        seconds = record.progress.estimated_seconds
        if record.function_id == next(iter(worker.tasks.values())).function_id:
            # Others of the function that runs for so long will not be faster.
            seconds = max(seconds, self._stuck_seconds(worker, now_seconds))
        return min(seconds, self._period_seconds)
