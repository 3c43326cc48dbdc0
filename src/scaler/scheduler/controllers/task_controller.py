"""Tasks from submit to end: carries out the actions of the task state table."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Final

from scaler.protocol import codec
from scaler.scheduler.allocate_policy.needs import Needs, offers
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool, hold, let_go
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.bad_message import BadMessageError
from scaler.scheduler.controllers.client_controller import ClientRecord
from scaler.scheduler.controllers.object_controller import ObjectController
from scaler.scheduler.controllers.task_endings import CANCEL_CONFIRM, TaskEndings
from scaler.scheduler.controllers.task_reporter import TaskReporter
from scaler.scheduler.graph.graph_record import GraphNode
from scaler.scheduler.outbox import Frame, Outbox
from scaler.scheduler.task import task_end
from scaler.scheduler.task.deadlines import Deadlines
from scaler.scheduler.task.duration_estimator import DurationEstimator
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.scheduler.task.task_record import TaskRecord
from scaler.scheduler.task.task_state_machine import CONFIRM_EVENTS, TABLE, Action, TaskEvent, TaskState
from scaler.scheduler.task.waiting_queue import WaitingQueue
from scaler.utility.metadata.profile_result import ProfileResult

MOST_LOSSES: Final = 3
"""Workers that may be lost under one task before it is given up."""
MOST_ATTEMPTS: Final = 2**31
"""The highest number of an attempt that is believed; the runs that may follow do not exhaust its 32 bits."""

_TASK: Final = int(codec.MessageKind.task)
_TASK_CANCEL: Final = int(codec.MessageKind.taskCancel)


class TaskController:
    """The one owner of live tasks: who holds each, and what it waits for.

    Every event goes through the table; ``stale`` counts what came too late, by event.
    """

    def __init__(
        self,
        outbox: Outbox,
        pool: WorkerPool,
        reporter: TaskReporter,
        objects: ObjectController,
        max_number_of_tasks_waiting: int = -1,
    ) -> None:
        self._outbox = outbox
        self._pool = pool
        self._reporter = reporter
        self._objects = objects
        self._max_waiting = max_number_of_tasks_waiting
        self._tasks: dict[bytes, TaskRecord] = {}
        self._queue = WaitingQueue()
        self._durations = DurationEstimator()
        self._deadlines = Deadlines()
        self._endings = TaskEndings(outbox, reporter)
        self.stale: Counter[str] = Counter()
        self.actions: dict[Action, Callable[[TaskRecord], None]] = {
            Action.ignore: lambda record: None,
            Action.ask_back: self._ask_back,
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
            Action.return_to_queue: self._return_to_queue,
        }

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def waiting(self) -> int:
        """Return how many tasks wait in the central queue."""
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Return whether as many tasks wait as are allowed to."""
        return 0 <= self._max_waiting <= len(self._queue)

    def reject(self, client: ClientRecord, task_id: bytes, attempt: int = 0) -> None:
        """End a task, or a graph, that would wait beyond the limit."""
        self._endings.rejected(client, task_id, attempt, self._max_waiting)

    def check_node(self, task: codec.Task) -> None:
        """Raise BadMessageError when a node of a graph cannot be a task."""
        if task.task_id in self._tasks:
            raise BadMessageError(f"task {task.task_id.hex()} is known already")
        _check_attempt(task.task_id, task.attempt)

    def state_counts(self) -> Counter[TaskState]:
        """Return how many live tasks are in each state. What waits is not looked at: it may be millions."""
        counts = Counter(record.state for worker in self._pool.workers() for record in worker.tasks.values())
        counts[TaskState.waiting] = len(self._queue)
        return counts

    def unplaceable(self) -> dict[Needs, int]:
        """Return what waits although no worker may ever run it: by needs, the number of tasks."""
        counts = {needs: self._queue.count(needs) for needs in self._queue.parked()}
        for needs in self._queue.active():
            record = self._queue.first(needs)
            if record is not None and not self._pool.is_offered(needs, record.level):
                counts[needs] = self._queue.count(needs)
        return {needs: count for needs, count in counts.items() if count > 0}

    # -- events from clients

    def on_task(self, client: ClientRecord, frame: Frame, now_seconds: float) -> None:
        """Accept a task of a client. Raise BadMessageError for one of somebody else, or that cannot be."""
        task_id, source, function_id, priority, capabilities, attempt, level, deadline_ms = codec.peek_task(frame)
        if source != client.client_id:
            raise BadMessageError(f"task {task_id.hex()} names {source!r} as its source")
        _check_attempt(task_id, attempt)
        if task_id in self._tasks:
            self.stale["duplicate task"] += 1
            return
        if self.is_full:
            self.reject(client, task_id, attempt)
            return
        kind = client.kinds.get(function_id, self._pool.needs(capabilities), priority, level)
        record = TaskRecord(task_id, client, frame, kind, attempt)
        self._accept(record)
        if deadline_ms > 0:
            self._deadlines.add(record, now_seconds + deadline_ms / 1000)

    def on_node(self, client: ClientRecord, node: GraphNode, frame: Frame) -> None:
        """Accept a node of a graph, whose frame holds all that it takes from others.

        It fails when its id has become that of a task since the graph came.
        """
        task = node.task
        if task.task_id in self._tasks:
            self._endings.node_refused(node, f"task {task.task_id.hex()} is known already")
            return
        kind = client.kinds.get(task.func_object_id, self._pool.needs(task.capabilities), task.priority, task.level)
        self._accept(TaskRecord(task.task_id, client, frame, kind, task.attempt, node))

    def on_node_cancel(self, node: GraphNode) -> None:
        """Cancel a node that was accepted; how it ends is told later, also when it ends at once."""
        record = self._tasks.get(node.task.task_id)
        if record is not None and record.node is node:
            self._apply(record, TaskEvent.cancel)

    def next_ended_node(self) -> tuple[GraphNode, Frame] | None:
        """Return, once, a node that has ended, with its result or the verdict on its cancellation; None without any."""
        return self._endings.next_ended_node()

    def on_cancel(self, client: ClientRecord, task_id: bytes) -> None:
        """Cancel a task that its client wants no more. A node of a graph is cancelled with its graph only."""
        record = self._tasks.get(task_id)
        if record is None or record.client is not client or record.node is not None:
            confirm = task_end.confirm(task_id, codec.TaskCancelConfirmType.cancelNotFound)
            self._outbox.send(client.client_id, confirm, CANCEL_CONFIRM)
            return
        self._apply(record, TaskEvent.cancel)

    def on_client_gone(self, client: ClientRecord) -> None:
        """Drop the tasks of a client that has left or was lost."""
        for record in client.tasks.copy():
            self._apply(record, TaskEvent.client_lost)

    # -- events from workers

    def on_result(self, worker: WorkerRecord, frame: Frame) -> bool:
        """End a task with the result of the worker that holds it; return whether anybody wants it.

        Raise BadMessageError for a result that is not understood; the task does not end by it.
        """
        task_id, result_type, metadata, _, attempt, cause = codec.peek_result(frame)
        record = worker.tasks.get(task_id)
        if record is None or attempt < record.attempt:
            self.stale["result"] += 1
            return False
        if TABLE[record.state, TaskEvent.result] is not Action.deliver_result:
            self.stale["result"] += 1
            return False
        if cause in task_end.RETRYABLE and record.state is not TaskState.canceling and self._retry(record, attempt):
            return False
        state = task_end.result_state(result_type)
        if record.node is not None:
            codec.validate(frame)  # its graph looks into it, at a time when the worker is not to blame any more
        if metadata:
            self._durations.observe(record.function_id, _seconds_of(metadata) / record.calls)
        is_wanted = record.client is not None
        self._endings.succeeded_or_failed(record, frame, state, metadata)
        self._end(record)
        return is_wanted

    def _retry(self, record: TaskRecord, attempt: int) -> bool:
        """Let a task run again that has failed, if it may; return whether it does."""
        task = codec.decode(record.frame)
        assert isinstance(task, codec.Task)
        if record.progress.failures >= task.retries:
            return False
        record.progress.failures += 1
        record.attempt = max(record.attempt, min(attempt, MOST_ATTEMPTS))
        self._return_to_queue(record)
        return True

    def on_cancel_confirm(self, worker: WorkerRecord, frame: Frame) -> None:
        """Take note of a worker's verdict on a cancel or retraction."""
        confirm = codec.decode(frame)
        assert isinstance(confirm, codec.TaskCancelConfirm)
        record = worker.tasks.get(confirm.task_id)
        if record is None:
            self.stale["confirm"] += 1  # the task's result was faster
            return
        event = CONFIRM_EVENTS.get(confirm.cancel_confirm_type)
        if event is None:
            raise BadMessageError(f"{confirm.cancel_confirm_type} is no verdict on a cancel")
        record.progress.open_cancels = max(0, record.progress.open_cancels - 1)
        self._apply(record, event)

    def owner_of(self, task_id: bytes, worker: WorkerRecord) -> ClientRecord | None:
        """Return the client of a task that the worker holds, or None."""
        record = worker.tasks.get(task_id)
        return record.client if record is not None else None

    def on_worker_gone(self, worker: WorkerRecord, *, lost: bool) -> None:
        """Place the tasks of a worker elsewhere. A loss is charged to the one that it most likely ran.

        That is the oldest of those that are nested deepest: a worker lets what is nested less deep stand still.
        """
        records = list(worker.tasks.values())
        ran = max(records, key=lambda record: record.level, default=None)  # the first one of several
        for record in reversed(records):  # each goes to the front of its line, so the oldest comes first again
            if lost and record is ran:
                record.progress.losses += 1
            self._apply(record, TaskEvent.worker_lost if lost else TaskEvent.worker_left)

    # -- events of the scheduler itself

    def on_tick(self, now_seconds: float) -> None:
        """Fail the tasks whose deadline has passed; a worker that holds one decides whether it has started.

        One that was placed on a worker that is gone may have started there, and has no deadline any more.
        """
        for record in self._deadlines.take_due(now_seconds):
            if record.attempt > 0:
                continue
            if record.state is TaskState.waiting:
                self._fail_late(record, self._pool.describe_wait(record.needs, record.level))
                self._queue.removed(record)
            elif record.state in (TaskState.placed, TaskState.retracting) and not record.progress.is_started:
                record.progress.is_late = True
                self._apply(record, TaskEvent.retract)

    def retract(self, record: TaskRecord) -> None:
        """Ask the worker of a task for it back, if it has not started."""
        self._apply(record, TaskEvent.retract)

    def retract_all(self, worker: WorkerRecord) -> int:
        """Ask a worker for all tasks back that it has not started; return how many there may be.

        The newest is asked for first: what comes back goes to the front of its line, so the oldest is first there.
        """
        records = [record for record in reversed(worker.tasks.values()) if not record.progress.is_started]
        for record in records:
            self._apply(record, TaskEvent.retract)
        return len(records)

    def probe(self, record: TaskRecord) -> None:
        """Ask the worker of a task about it, again if it was asked before: what it does not hold comes back."""
        if record.state is TaskState.placed:
            self._ask_back(record)
        else:
            self._send_cancel(record, force=record.state is TaskState.canceling)

    def place_waiting(self) -> None:
        """Place every waiting task for which a worker has room."""
        for needs in self._queue.active():
            while (record := self._queue.first(needs)) is not None:
                seconds = self._durations.estimate(record.function_id) * record.calls
                worker = self._pool.find(needs, record.level, seconds)
                if worker is None:
                    worker = self._pool.find_for_parent(needs, record.level)
                if worker is None:
                    if self._pool.is_hopeless(needs, record.level):
                        self._queue.park(needs)
                    break
                self._queue.pop_first(record)
                self._place(record, worker, seconds)

    def on_worker_joined(self, worker: WorkerRecord) -> None:
        """Try again to place what nobody has offered so far."""
        for needs in self._queue.parked():
            if offers(worker.capabilities, needs):
                self._queue.unpark(needs)

    def waiting_classes(self) -> list[Needs]:
        """Return the needs of the tasks that wait."""
        return self._queue.classes()

    def fail_everything(self, message: str) -> None:
        """End every live task with a failure, before the cluster stops."""
        for record in list(self._tasks.values()):
            self._endings.shut_down(record, message)
            if record.state is TaskState.waiting:
                self._end_waiting(record)
            else:
                self._end(record)

    # -- actions of the table

    def _apply(self, record: TaskRecord, event: TaskEvent) -> None:
        action = TABLE[record.state, event]
        if action is Action.stale:
            self.stale[event.name] += 1
            return
        self.actions[action](record)

    def _place(self, record: TaskRecord, worker: WorkerRecord, estimated_seconds: float) -> None:
        record.state = TaskState.placed
        record.progress.is_started = False
        hold(worker, record, estimated_seconds)
        self._pool.changed(worker)
        self._outbox.send(worker.worker_id, record.frame, _TASK)
        self._objects.on_placed(record, worker)
        self._reporter.placed(record, worker)

    def _ask_back(self, record: TaskRecord) -> None:
        record.state = TaskState.retracting
        self._send_cancel(record, force=False)

    def _ask_cancel(self, record: TaskRecord) -> None:
        record.state = TaskState.canceling
        self._send_cancel(record, force=True)

    def _send_cancel(self, record: TaskRecord, *, force: bool) -> None:
        worker = record.worker
        assert worker is not None
        record.progress.open_cancels += 1
        frame = codec.TaskCancel(task_id=record.task_id, force=force).encode()
        self._outbox.send(worker.worker_id, frame, _TASK_CANCEL)

    def _cancel_waiting(self, record: TaskRecord) -> None:
        self._endings.confirmed(record, codec.TaskCancelConfirmType.canceled)
        self._end_waiting(record)

    def _abandon_waiting(self, record: TaskRecord) -> None:
        self._reporter.ended(record, MonitorState.canceled, b"")
        self._end_waiting(record)

    def _end_waiting(self, record: TaskRecord) -> None:
        self._end(record)
        self._queue.removed(record)

    def _abandon_placed(self, record: TaskRecord) -> None:
        self._forget_client(record)
        if record.state is not TaskState.canceling:
            self._ask_cancel(record)

    def _end_canceled(self, record: TaskRecord) -> None:
        self._endings.confirmed(record, codec.TaskCancelConfirmType.canceled)
        self._end(record)

    def _end_not_found(self, record: TaskRecord) -> None:
        self._endings.confirmed(record, codec.TaskCancelConfirmType.cancelNotFound)
        self._end(record)

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
        if record.progress.is_late:
            worker = record.worker
            assert worker is not None
            name = worker.worker_id.decode(errors="replace")
            self._fail_late(record, f"it waited behind other tasks of worker {name}")
            return
        self._leave_worker(record)
        record.state = TaskState.waiting
        self._queue.put_back(record)
        self._reporter.returned(record)

    def _return_to_queue(self, record: TaskRecord) -> None:
        record.progress.is_late = False  # it may have started
        record.attempt += 1
        record.frame = codec.with_attempt(record.frame, record.attempt)
        record.progress.open_cancels = 0
        self._wait_again(record)

    def _place_again(self, record: TaskRecord) -> None:
        if record.progress.losses < MOST_LOSSES:
            self._return_to_queue(record)
            return
        self._endings.worker_died(record)
        self._end(record)

    def _fail_late(self, record: TaskRecord, waited_for: str) -> None:
        self._endings.too_late(record, waited_for)
        self._end(record)

    # -- bookkeeping

    def _accept(self, record: TaskRecord) -> None:
        assert record.client is not None
        self._tasks[record.task_id] = record
        record.client.add_task(record)
        self._queue.append(record)

    def _end(self, record: TaskRecord) -> None:
        if record.worker is not None:
            self._leave_worker(record)
        self._forget_client(record)
        record.state = TaskState.ended
        del self._tasks[record.task_id]

    def _leave_worker(self, record: TaskRecord) -> None:
        worker = record.worker
        assert worker is not None
        let_go(worker, record)
        self._pool.changed(worker)

    def _forget_client(self, record: TaskRecord) -> None:
        if record.client is not None:
            record.client.remove_task(record)
            record.client = None


def _seconds_of(metadata: bytes) -> float:
    """Return how long a task took. Raise BadMessageError for figures that cannot be."""
    try:
        seconds = ProfileResult.deserialize(metadata).duration_s
    except ValueError as error:
        raise BadMessageError(str(error)) from error
    if not 0.0 <= seconds < math.inf:  # NaN is not, either
        raise BadMessageError(f"a task cannot take {seconds!r} seconds")
    return seconds


def _check_attempt(task_id: bytes, attempt: int) -> None:
    if attempt > MOST_ATTEMPTS:
        raise BadMessageError(f"task {task_id.hex()} claims to have been run {attempt} times")
