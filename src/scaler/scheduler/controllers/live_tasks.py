"""The live tasks, and what each action of the task state table does to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from scaler.protocol import codec
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool, hold, let_go
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.controllers.object_controller import ObjectController
from scaler.scheduler.controllers.task_endings import TaskEndings
from scaler.scheduler.controllers.task_reporter import TaskReporter
from scaler.scheduler.outbox import Outbox
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.scheduler.task.task_record import TaskRecord
from scaler.scheduler.task.task_state_machine import TABLE, Action, TaskEvent, TaskState
from scaler.scheduler.task.waiting_queue import WaitingQueue

MOST_LOSSES: Final = 3
"""Workers that may be lost under one task before it is given up."""

_TASK: Final = int(codec.MessageKind.task)
_TASK_CANCEL: Final = int(codec.MessageKind.taskCancel)


class LiveTasks:
    """Holds the tasks from their submit to their end, and the queue of those that wait.

    ``stale`` counts, by event, what came too late.
    """

    def __init__(
        self,
        outbox: Outbox,
        pool: WorkerPool,
        reporter: TaskReporter,
        objects: ObjectController,
        endings: TaskEndings,
    ) -> None:
        self.queue: Final = WaitingQueue()
        self.stale: Final[Counter[str]] = Counter()
        self._outbox = outbox
        self._pool = pool
        self._reporter = reporter
        self._objects = objects
        self._endings = endings
        self._tasks: dict[bytes, TaskRecord] = {}
        self.actions: Final[dict[Action, Callable[[TaskRecord], None]]] = {
            Action.ignore: lambda record: None,
            Action.ask_back: self.ask_back,
            Action.cancel_waiting: self._cancel_waiting,
            Action.ask_cancel: self._ask_cancel,
            Action.abandon_waiting: self._abandon_waiting,
            Action.abandon_placed: self._abandon_placed,
            Action.end_canceled: self._end_canceled,
            Action.end_not_found: self._end_not_found,
            Action.wait_again: self._wait_again,
            Action.stay_placed: self._stay_placed,
            Action.refuse_cancel: self._refuse_cancel,
            Action.place_again: self._place_again,
            Action.return_to_queue: self.return_to_queue,
        }

    def __len__(self) -> int:
        return len(self._tasks)

    def __contains__(self, task_id: bytes) -> bool:
        return task_id in self._tasks

    def get(self, task_id: bytes) -> TaskRecord | None:
        """Return the task of that id, or None."""
        return self._tasks.get(task_id)

    def records(self) -> list[TaskRecord]:
        """Return all tasks."""
        return list(self._tasks.values())

    def accept(self, record: TaskRecord) -> None:
        """Let a new task wait."""
        assert record.client is not None
        self._tasks[record.task_id] = record
        record.client.add_task(record)
        self.queue.append(record)

    def place(self, record: TaskRecord, worker: WorkerRecord, estimated_seconds: float) -> None:
        """Send a task, which has been taken from the queue, to a worker."""
        record.state = TaskState.placed
        record.progress.is_started = False
        hold(worker, record, estimated_seconds)
        self._pool.changed(worker)
        self._outbox.send(worker.worker_id, record.frame, _TASK)
        self._objects.on_placed(record, worker)
        self._reporter.placed(record, worker)

    def apply(self, record: TaskRecord, event: TaskEvent) -> None:
        """Do what the table says of an event in the state of the task."""
        action = TABLE[record.state, event]
        if action is Action.stale:
            self.stale[event.name] += 1
            return
        self.actions[action](record)

    def ask_back(self, record: TaskRecord) -> None:
        """Ask the worker of a task for it, if it has not started."""
        record.state = TaskState.retracting
        self.send_cancel(record, force=False)

    def send_cancel(self, record: TaskRecord, *, force: bool) -> None:
        """Ask the worker of a task to let go of it; with force also when it has started."""
        worker = record.worker
        assert worker is not None
        record.progress.open_cancels += 1
        frame = codec.TaskCancel(task_id=record.task_id, force=force).encode()
        self._outbox.send(worker.worker_id, frame, _TASK_CANCEL)

    def return_to_queue(self, record: TaskRecord) -> None:
        """Let a task that may have started run anew, as its next attempt; one that nobody can read ends instead."""
        try:
            frame = codec.with_attempt(record.frame, record.attempt + 1)
        except codec.CodecError as error:  # malformed where nobody has looked before
            self._endings.malformed(record, str(error))
            self.end(record)
            return
        record.progress.is_late = False  # it may have started
        record.attempt += 1
        record.frame = frame
        self._wait_again(record)

    def end_late(self, record: TaskRecord, waited_for: str) -> None:
        """End a task that has not started by its deadline."""
        self._endings.too_late(record, waited_for)
        self.end(record)

    def end(self, record: TaskRecord) -> None:
        """Forget a task; how it has ended was told before."""
        if record.worker is not None:
            self._leave_worker(record)
        self._forget_client(record)
        was_waiting = record.state is TaskState.waiting
        record.state = TaskState.ended
        if was_waiting:
            self.queue.removed(record)
        del self._tasks[record.task_id]

    # -- what else the table asks for

    def _ask_cancel(self, record: TaskRecord) -> None:
        record.state = TaskState.canceling
        self.send_cancel(record, force=True)

    def _cancel_waiting(self, record: TaskRecord) -> None:
        self._endings.confirmed(record, codec.TaskCancelConfirmType.canceled)
        self.end(record)

    def _abandon_waiting(self, record: TaskRecord) -> None:
        self._reporter.ended(record, MonitorState.canceled, b"")
        self.end(record)

    def _abandon_placed(self, record: TaskRecord) -> None:
        self._forget_client(record)
        if record.state is not TaskState.canceling:
            self._ask_cancel(record)

    def _end_canceled(self, record: TaskRecord) -> None:
        self._endings.confirmed(record, codec.TaskCancelConfirmType.canceled)
        self.end(record)

    def _end_not_found(self, record: TaskRecord) -> None:
        self._endings.confirmed(record, codec.TaskCancelConfirmType.cancelNotFound)
        self.end(record)

    def _stay_placed(self, record: TaskRecord) -> None:
        record.state = TaskState.placed
        record.progress.is_started = True
        record.progress.is_late = False

    def _refuse_cancel(self, record: TaskRecord) -> None:
        if record.progress.open_cancels > 0:
            return  # this was the verdict on an earlier retraction; the one on the cancel follows
        record.state = TaskState.placed
        self._endings.cancel_refused(record)

    def _wait_again(self, record: TaskRecord) -> None:
        worker, progress = record.worker, record.progress
        assert worker is not None
        if progress.is_late:
            name = worker.worker_id.decode(errors="replace")
            self.end_late(record, f"it waited behind other tasks of worker {name}")
            return
        worker.owe_verdicts(record.task_id, progress.open_cancels)
        progress.open_cancels = 0
        self._leave_worker(record)
        record.state = TaskState.waiting
        self.queue.put_back(record)
        self._reporter.returned(record)

    def _place_again(self, record: TaskRecord) -> None:
        if record.progress.losses < MOST_LOSSES:
            self.return_to_queue(record)
            return
        self._endings.worker_died(record)
        self.end(record)

    def _leave_worker(self, record: TaskRecord) -> None:
        worker = record.worker
        assert worker is not None
        let_go(worker, record)
        self._pool.changed(worker)

    @staticmethod
    def _forget_client(record: TaskRecord) -> None:
        if record.client is not None:
            record.client.remove_task(record)
            record.client = None
