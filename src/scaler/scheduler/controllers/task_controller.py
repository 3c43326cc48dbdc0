"""Tasks from submit to end: takes what clients, workers and the scheduler itself have to say of them."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from scaler.protocol import codec
from scaler.scheduler.allocate_policy.needs import Needs, offers
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.bad_message import BadMessageError
from scaler.scheduler.controllers.client_controller import ClientRecord
from scaler.scheduler.controllers.live_tasks import LiveTasks
from scaler.scheduler.controllers.object_controller import ObjectController
from scaler.scheduler.controllers.task_endings import CANCEL_CONFIRM, TaskEndings
from scaler.scheduler.controllers.task_reporter import TaskReporter
from scaler.scheduler.graph.graph_record import GraphNode
from scaler.scheduler.outbox import Frame, Outbox
from scaler.scheduler.task import task_end
from scaler.scheduler.task.deadlines import Deadlines
from scaler.scheduler.task.duration_estimator import DurationEstimator
from scaler.scheduler.task.task_record import TaskRecord
from scaler.scheduler.task.task_state_machine import CONFIRM_EVENTS, TABLE, Action, TaskEvent, TaskState
from scaler.utility.metadata.profile_result import ProfileResult

MOST_ATTEMPTS: Final = 2**31
"""The highest number of an attempt that is believed; the runs that may follow do not exhaust its 32 bits."""


class TaskController:
    """The one owner of live tasks: who holds each, and what it waits for.

    Every event goes through the table of states, whose actions are in ``LiveTasks``.
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
        self._max_waiting = max_number_of_tasks_waiting
        self._endings = TaskEndings(outbox, reporter)
        self._live = LiveTasks(outbox, pool, reporter, objects, self._endings)
        self._queue = self._live.queue
        self._durations = DurationEstimator()
        self._deadlines = Deadlines()
        self._departures = 0
        self.stale = self._live.stale

    def __len__(self) -> int:
        return len(self._live)

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
        if task.task_id in self._live:
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
        if task_id in self._live:
            self.stale["duplicate task"] += 1
            return
        if self.is_full:
            self.reject(client, task_id, attempt)
            return
        kind = client.kinds.get(function_id, self._pool.needs(capabilities), priority, level)
        record = TaskRecord(task_id, client, frame, kind, attempt)
        self._live.accept(record)
        if deadline_ms > 0:
            self._deadlines.add(record, now_seconds + deadline_ms / 1000)

    def on_node(self, client: ClientRecord, node: GraphNode, frame: Frame) -> None:
        """Accept a node of a graph, whose frame holds all that it takes from others.

        It fails when its id has become that of a task since the graph came.
        """
        task = node.task
        if task.task_id in self._live:
            self._endings.node_refused(node, f"task {task.task_id.hex()} is known already")
            return
        kind = client.kinds.get(task.func_object_id, self._pool.needs(task.capabilities), task.priority, task.level)
        self._live.accept(TaskRecord(task.task_id, client, frame, kind, task.attempt, node))

    def refuse_node(self, node: GraphNode, reason: str) -> None:
        """Let a node fail that cannot be a task; how it ends is told as that of others."""
        self._endings.node_refused(node, reason)

    def on_node_cancel(self, node: GraphNode) -> None:
        """Cancel a node that was accepted; how it ends is told later, also when it ends at once."""
        record = self._live.get(node.task.task_id)
        if record is not None and record.node is node:
            self._live.apply(record, TaskEvent.cancel)

    def next_ended_node(self) -> tuple[GraphNode, Frame] | None:
        """Return, once, a node that has ended, with its result or the verdict on its cancellation; None without any."""
        return self._endings.next_ended_node()

    def on_cancel(self, client: ClientRecord, task_id: bytes) -> None:
        """Cancel a task that its client wants no more. A node of a graph is cancelled with its graph only."""
        record = self._live.get(task_id)
        if record is None or record.client is not client or record.node is not None:
            confirm = task_end.confirm(task_id, codec.TaskCancelConfirmType.cancelNotFound)
            self._outbox.send(client.client_id, confirm, CANCEL_CONFIRM)
            return
        self._live.apply(record, TaskEvent.cancel)

    def on_client_gone(self, client: ClientRecord) -> None:
        """Drop the tasks of a client that has left or was lost."""
        for record in client.tasks.copy():
            self._live.apply(record, TaskEvent.client_lost)

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
        self._live.end(record)
        return is_wanted

    def _retry(self, record: TaskRecord, attempt: int) -> bool:
        """Let a task run again that has failed, if it may; return whether it does."""
        try:
            task = codec.decode(record.frame)
        except codec.CodecError:  # nobody can read it: the failure that it had says as much
            return False
        assert isinstance(task, codec.Task)
        if record.progress.failures >= task.retries:
            return False
        record.progress.failures += 1
        record.attempt = max(record.attempt, min(attempt, MOST_ATTEMPTS))
        self._live.return_to_queue(record)
        return True

    def on_cancel_confirm(self, worker: WorkerRecord, frame: Frame) -> None:
        """Take note of a worker's verdict on a cancel or retraction."""
        confirm = codec.decode(frame)
        assert isinstance(confirm, codec.TaskCancelConfirm)
        record = worker.tasks.get(confirm.task_id)
        if worker.take_late_verdict(confirm.task_id) or record is None:
            self.stale["confirm"] += 1  # the task's result was faster
            return
        event = CONFIRM_EVENTS.get(confirm.cancel_confirm_type)
        if event is None:
            raise BadMessageError(f"{confirm.cancel_confirm_type} is no verdict on a cancel")
        record.progress.open_cancels = max(0, record.progress.open_cancels - 1)
        if event is TaskEvent.confirm_not_found and record.state is TaskState.retracting:
            record.progress.losses += 1  # its worker lives, and may lose it again and again
        self._live.apply(record, event)

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
            self._live.apply(record, TaskEvent.worker_lost if lost else TaskEvent.worker_left)

    # -- events of the scheduler itself

    def on_tick(self, now_seconds: float) -> None:
        """Fail the tasks whose deadline has passed; a worker that holds one decides whether it has started.

        One that was placed on a worker that is gone may have started there, and has no deadline any more.
        """
        for record in self._deadlines.take_due(now_seconds):
            if record.attempt > 0:
                continue
            if record.state is TaskState.waiting:
                self._live.end_late(record, self._pool.describe_wait(record.needs, record.level))
            elif record.state in (TaskState.placed, TaskState.retracting) and not record.progress.is_started:
                record.progress.is_late = True
                self._live.apply(record, TaskEvent.retract)

    def retract(self, record: TaskRecord) -> None:
        """Ask the worker of a task for it back, if it has not started."""
        self._live.apply(record, TaskEvent.retract)

    def retract_all(self, worker: WorkerRecord) -> int:
        """Ask a worker for all tasks back that it has not started; return how many there may be.

        The newest is asked for first: what comes back goes to the front of its line, so the oldest is first there.
        """
        records = [record for record in reversed(worker.tasks.values()) if not record.progress.is_started]
        for record in records:
            self._live.apply(record, TaskEvent.retract)
        return len(records)

    def probe(self, record: TaskRecord) -> None:
        """Ask the worker of a task about it, again if it was asked before: what it does not hold comes back."""
        if record.state is TaskState.placed:
            self._live.ask_back(record)
        else:
            self._live.send_cancel(record, force=record.state is TaskState.canceling)

    def place_waiting(self) -> None:
        """Place every waiting task for which a worker has room; look at no more when no worker has any."""
        if self._departures != self._pool.departures:
            self._departures = self._pool.departures
            self._park_hopeless()
        for needs in self._queue.active():
            if not self._pool.have_room and self._queue.nested == 0:
                return
            while (record := self._queue.first(needs)) is not None:
                if record.level == 0 and not self._pool.have_room:
                    break
                seconds = self._durations.estimate(record.function_id) * record.calls
                worker = self._pool.find(needs, record.level, seconds)
                if worker is None:
                    worker = self._pool.find_for_parent(needs, record.level)
                if worker is None:
                    if self._pool.is_hopeless(needs, record.level):
                        self._queue.park(needs)
                    break
                self._queue.pop_first(record)
                self._live.place(record, worker, seconds)

    def _park_hopeless(self) -> None:
        """Put aside what those that have gone were the last to offer."""
        for needs in self._queue.active():
            record = self._queue.first(needs)
            if record is not None and self._pool.is_hopeless(needs, record.level):
                self._queue.park(needs)

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
        for record in self._live.records():
            self._endings.shut_down(record, message)
            self._live.end(record)


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
