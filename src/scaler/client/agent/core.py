"""The client's side of the protocol: what the client knows, and how events change it.

Plain and synchronous: no socket, no clock, no thread. Messages to send are appended to ``outbox``; what happens to
futures is appended to ``endings``, functions that the shell calls when it has left its lock. Each stays there until it
has returned, so that nothing is lost with a thread that is interrupted: they stand being called twice.
"""

from __future__ import annotations

import collections
import copy
import enum
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from scaler.client.agent.object_registry import ObjectRegistry
from scaler.client.agent.pending_graph import PendingGraph
from scaler.client.agent.pending_task import PendingTask
from scaler.client.agent.printed_text import PrintedText
from scaler.client.future import ScalerFuture
from scaler.config.derived_addresses import monitor_taken_for_scheduler
from scaler.protocol import codec
from scaler.utility.exceptions import (
    ClientShutdownException,
    DeserializeObjectError,
    DisconnectedError,
    SchedulerRefusedError,
    WorkerDiedError,
)
from scaler.utility.identifiers import ClientID, ObjectID, TaskID
from scaler.utility.interruption import is_interruption

logger = logging.getLogger(__name__)

_DELETE_BATCH_OBJECTS: Final = 4096
_CLIENT_HAS_LEFT: Final = "its client has left: get results before it is disconnected, or dropped"


class ClientState(enum.Enum):
    """Where a client is in its life. It only ever moves downwards in this list."""

    connecting = enum.auto()
    ready = enum.auto()
    stopped = enum.auto()


class ClientCore:
    """The tasks that have not ended, the objects of the client, and the state of its link to the scheduler."""

    def __init__(
        self,
        identity: ClientID,
        scheduler_address: str,
        timeout_seconds: float,
        heartbeat_interval_seconds: float,
        now_seconds: float,
    ) -> None:
        self.state = ClientState.connecting
        self.failure: BaseException | None = None  # why the client stopped by itself
        self.storage_address: tuple[str, int] | None = None
        self.shutdown_answer: bool | None = None
        self.objects = ObjectRegistry(identity)
        self.outbox: list[bytes] = []
        self.endings: collections.deque[Callable[[], None]] = collections.deque()
        self.counters: collections.Counter[str] = collections.Counter()
        self.latency_seconds = 0.0
        self._identity = identity
        self._scheduler_address = scheduler_address
        self._timeout_seconds = timeout_seconds
        # with fewer heartbeats a scheduler that answers each of them would still be taken for silent
        self._heartbeat_interval_seconds = min(heartbeat_interval_seconds, timeout_seconds / 3)
        self._tasks: dict[bytes, PendingTask] = {}
        self._graphs: dict[bytes, PendingGraph] = {}
        self._ended: dict[bytes, PendingTask] = {}  # since the last batch that was handled completely
        self._is_repeating = False
        self._ended_graphs: dict[bytes, PendingGraph] = {}
        self._unanswered_heartbeats: collections.deque[float] = collections.deque()
        self._last_contact_seconds = self._last_tick_seconds = now_seconds
        self._next_heartbeat_seconds = now_seconds
        self._is_connected = False
        self._is_shutdown_requested = False

    # --- requests of the user

    def on_submit(self, task: PendingTask) -> None:
        """Register a task that is about to be sent."""
        self._tasks[task.future.task_id] = task

    def on_submit_failed(self, task_id: TaskID) -> None:
        """Forget a task that could not be sent."""
        self._finish(task_id)

    def on_graph_submit(self, graph: PendingGraph) -> None:
        """Register a graph that is about to be sent."""
        self._graphs[graph.graph_id] = graph
        for future in graph.futures:
            self._tasks[future.task_id] = PendingTask(future, None, graph=graph)

    def on_graph_submit_failed(self, graph: PendingGraph) -> None:
        """Forget a graph that could not be sent."""
        for future in graph.futures:
            self._finish(future.task_id)
        self._finish_graph(graph)

    def on_cancel_requested(self, task_id: TaskID) -> None:
        """Ask for a cancellation, once. A node of a graph is cancelled with all of its graph."""
        task = self._tasks.get(task_id)
        if task is None:
            return
        wanted: PendingTask | PendingGraph = task if task.graph is None else task.graph
        if not wanted.is_cancel_requested:
            wanted.is_cancel_requested = True
            cancelled_id = task_id if task.graph is None else task.graph.graph_id
            self.outbox.append(codec.TaskCancel(task_id=cancelled_id, force=True).encode())

    def on_cancel_all_requested(self) -> list[PendingTask]:
        """Ask for the cancellation of everything, and return what that is."""
        tasks = list(self._tasks.values())
        for task in tasks:
            self.on_cancel_requested(task.future.task_id)
        return tasks

    def on_cancel_given_up(self, tasks: list[PendingTask]) -> None:
        """Take tasks whose verdict did not come in time for cancelled."""
        for task in tasks:
            if self._finish(task.future.task_id) is not None:
                self.counters["cancels without verdict"] += 1
                self.endings.append(task.future.set_canceled)
            if task.graph is not None:
                self._finish_graph(task.graph)

    def on_clear(self, now_seconds: float) -> None:
        """Delete everything that was sent, and functions once no task calls them."""
        self.objects.clear()
        self.on_tick(now_seconds)

    def on_shutdown_requested(self) -> None:
        """Expect the answer to a request to shut down the cluster."""
        self.shutdown_answer = None
        self._is_shutdown_requested = True

    def on_stop(self) -> None:
        """Stop: what has not ended is cancelled. The scheduler deletes the objects of a client that leaves.

        Another call ends what is left when this was cut off.
        """
        self.state = ClientState.stopped
        self._end_all()

    # --- events of the link

    @property
    def is_connected(self) -> bool:
        """Return whether a session with the scheduler has begun, and not been lost."""
        return self._is_connected

    def on_connected(self, now_seconds: float) -> None:
        """Begin a session: the first heartbeat goes at once, and registers the client."""
        self._is_connected = True
        self._last_contact_seconds = self._next_heartbeat_seconds = now_seconds

    def on_lost(self, reason: str) -> None:
        """End because the session ended; a scheduler that comes back knows nothing of this client."""
        self._is_connected = False
        if self._is_shutdown_requested:  # the answer was lost with the scheduler that gave it
            self.shutdown_answer = True
            self.on_failure(ClientShutdownException("the cluster was shut down"))
            return
        self._fail_disconnected(reason)

    def on_refused(self, reason: str) -> None:
        """End because there will be no session."""
        self._is_connected = False
        address = self._scheduler_address
        self.on_failure(SchedulerRefusedError(f"the scheduler at {address} refused the connection: {reason}"))

    def on_failure(self, failure: BaseException) -> None:
        """End every task with the failure, and stop."""
        if self.state is not ClientState.stopped:
            self.failure = failure
            self.state = ClientState.stopped
            self._end_all()

    def on_monitor_stream(self) -> None:
        """End because what is connected to is not the scheduler, but the stream of its state."""
        self.on_failure(DisconnectedError(monitor_taken_for_scheduler(self._scheduler_address)))

    def on_repetition(self) -> None:
        """Expect the messages of a batch again whose handling was cut off somewhere.

        Until ``forget_ended`` the results and confirmations of tasks that have ended meanwhile are taken for repeated
        ones: they end the future, unless it has ended.
        """
        self._is_repeating = True

    def on_repeated(self) -> None:
        """After the messages, if they were repeated: end what a stop among them that was cut off has left."""
        if self._is_repeating and self.state is ClientState.stopped:
            self._end_all()

    def forget_ended(self) -> None:
        """Note that all messages so far were handled completely."""
        self._is_repeating = False
        if self._ended:
            self._ended = {}
        if self._ended_graphs:
            self._ended_graphs = {}

    def on_tick(self, now_seconds: float) -> None:
        """Notice a scheduler that has gone silent, and send what is due."""
        pause_seconds = now_seconds - self._last_tick_seconds - self._heartbeat_interval_seconds
        if pause_seconds > 0:  # this process stood still, or was slow: that is not the scheduler's silence
            self._last_contact_seconds = min(now_seconds, self._last_contact_seconds + pause_seconds)
        self._last_tick_seconds = now_seconds
        if now_seconds - self._last_contact_seconds > self._timeout_seconds and self.state is not ClientState.stopped:
            limit = f"{self._timeout_seconds:g} seconds"
            self._fail_disconnected(
                f"is lost: it gave no sign of life for {limit}"
                if self._is_connected
                else f"could not be made within {limit}: nothing there answers as a scheduler does"
            )
        self._delete_objects()

    def is_heartbeat_due(self, now_seconds: float) -> bool:
        """Return whether to send a heartbeat now."""
        return (
            self._is_connected and self.state is not ClientState.stopped and now_seconds >= self._next_heartbeat_seconds
        )

    def on_heartbeat_sent(self, now_seconds: float) -> None:
        """Note when, for the latency and for the next one."""
        self._unanswered_heartbeats.append(now_seconds)
        self._next_heartbeat_seconds = now_seconds + self._heartbeat_interval_seconds

    def on_heartbeat_skipped(self, now_seconds: float) -> None:
        """Try again after the interval."""
        self._next_heartbeat_seconds = now_seconds + self._heartbeat_interval_seconds

    def next_event_seconds(self, now_seconds: float) -> float:
        """Return how long from now nothing is due."""
        silence_ends = self._last_contact_seconds + self._timeout_seconds
        due = min(self._next_heartbeat_seconds, silence_ends) if self._is_connected else silence_ends
        return min(max(0.0, due - now_seconds) + 0.001, self._heartbeat_interval_seconds)

    # --- messages of the scheduler

    def on_heartbeat_echo(self, host: str, port: int, now_seconds: float) -> None:
        """Learn the latency and the address of the object storage."""
        self._last_contact_seconds = now_seconds
        if self._unanswered_heartbeats:
            self.latency_seconds = (now_seconds - self._unanswered_heartbeats.popleft()) / 2
        if host:
            self.storage_address = (host, port)
        if self.state is ClientState.connecting and self.storage_address is not None:
            self.state = ClientState.ready

    def on_task_result(self, result: codec.TaskResult) -> None:
        """End a task with its result, which stays undecoded."""
        task = self._finish(result.task_id)
        object_ids = [ObjectID(object_id) for object_id in result.results]
        if task is None and (graph := self._find_graph(result.task_id)) is not None:
            self._on_graph_result(graph, result, object_ids)
            return
        if task is None:  # given up, or told twice
            self.counters["results of unknown tasks"] += 1
            self.objects.release(object_ids)
            return
        future, value = task.future, result.value
        is_failure = result.result_type != codec.TaskResultType.success
        if value is not None:
            self.endings.append(partial(future.set_result_ready, value, is_failure, result.metadata))
        elif len(object_ids) == 1:
            self.endings.append(partial(future.set_result_ready, object_ids[0], is_failure, result.metadata))
        else:
            self.objects.release(object_ids)
            self.endings.append(partial(_fail, future, self._failure_without_value(result)))

    def _on_graph_result(self, graph: PendingGraph, result: codec.TaskResult, object_ids: list[ObjectID]) -> None:
        """End a graph: what has not ended of it fails as its first failed node did."""
        unended = [future for future in graph.futures if self._finish(future.task_id) is not None]
        self._finish_graph(graph)
        if result.value is not None:
            for future in unended:
                self.endings.append(partial(future.set_result_ready, result.value, True, result.metadata))
        elif object_ids and unended:
            self.endings.append(partial(_fail_together, unended, object_ids[0], result.metadata))
        else:
            self.objects.release(object_ids)
            for future in unended:
                self.endings.append(partial(_fail, future, self._failure_without_value(result)))

    def on_task_cancel_confirm(self, confirm: codec.TaskCancelConfirm) -> None:
        """End a task or a graph as cancelled, or leave it running when it could not be."""
        graph = self._find_graph(confirm.task_id)
        if graph is not None:
            unended = [future for future in graph.futures if self._finish(future.task_id) is not None]
            self._finish_graph(graph)
            self.endings += [future.set_canceled for future in unended]
            return
        if confirm.cancel_confirm_type == codec.TaskCancelConfirmType.cancelFailed:
            pending = self._tasks.get(confirm.task_id)
            if pending is not None:
                pending.is_cancel_requested = False
            return
        task = self._finish(confirm.task_id)
        if task is None:
            self.counters["confirmations of unknown tasks"] += 1
            return
        if confirm.cancel_confirm_type == codec.TaskCancelConfirmType.cancelNotFound:
            logger.error("%s: the scheduler did not know task %s", self._identity, confirm.task_id.hex())
        self.endings.append(task.future.set_canceled)

    def on_task_log(self, log: codec.TaskLog) -> None:
        """Write what a task printed, before anything of the task that comes later."""
        self.endings.append(PrintedText(log).write)

    def on_shutdown_response(self, is_accepted: bool) -> None:
        """Learn whether the cluster shuts down."""
        self.shutdown_answer = is_accepted
        self._is_shutdown_requested = False

    # --- parts

    def sizes(self) -> dict[str, int]:
        """Return the size of every table; all are 0 when nothing is going on, but for functions kept for reuse."""
        return {"tasks": len(self._tasks), "graphs": len(self._graphs), **self.objects.sizes()}

    def _finish(self, task_id: bytes) -> PendingTask | None:
        task = self._tasks.get(task_id)
        if task is None:
            return self._ended.get(task_id) if self._is_repeating else None
        self._ended[task_id] = task
        if self._tasks.pop(task_id, None) is None:
            return task  # a signal handler that waits was faster, and has released everything
        if task.function is not None:
            self.objects.release_function(task.function)
        if task.object_ids:
            self.objects.release(task.object_ids)
        return task

    def _find_graph(self, graph_id: bytes) -> PendingGraph | None:
        graph = self._graphs.get(graph_id)
        return self._ended_graphs.get(graph_id) if graph is None and self._is_repeating else graph

    def _finish_graph(self, graph: PendingGraph) -> None:
        if graph.graph_id in self._graphs:
            self._ended_graphs[graph.graph_id] = graph
            del self._graphs[graph.graph_id]
            for function, count in graph.functions:
                self.objects.release_function(function, count)
            self.objects.release(graph.object_ids)

    def _fail_disconnected(self, reason: str) -> None:
        self.on_failure(DisconnectedError(f"the connection to the scheduler at {self._scheduler_address} {reason}"))

    def _end_all(self) -> None:
        for task_id, task in list(self._tasks.items()):
            self.endings.append(partial(_end_as_stopped, task.future, self.failure))  # first: this may be cut off
            self._finish(task_id)
        for graph in list(self._graphs.values()):
            self._finish_graph(graph)

    def _delete_objects(self) -> None:
        if self.objects.deletable_count == 0 or self.state is not ClientState.ready:
            return
        deletable = self.objects.take_deletable()
        for start in range(0, len(deletable), _DELETE_BATCH_OBJECTS):
            batch = deletable[start : start + _DELETE_BATCH_OBJECTS]
            instruction = codec.ObjectInstruction(
                instruction_type=codec.ObjectInstructionType.delete, object_user=self._identity, object_ids=batch
            )
            self.outbox.append(instruction.encode())

    def _failure_without_value(self, result: codec.TaskResult) -> BaseException:
        task, count = result.task_id.hex(), len(result.results)
        if result.result_type == codec.TaskResultType.failedWorkerDied:
            return WorkerDiedError(
                f"worker died when processing task: {task}", task_id=result.task_id, attempt=result.attempt
            )
        return DeserializeObjectError(f"the result of task {task} holds {count} objects, where one was due")


def _fail(future: ScalerFuture, failure: BaseException) -> None:
    if not future.done():
        future.set_exception(failure)


def _fail_together(futures: list[ScalerFuture], failure_id: ObjectID, metadata: bytes) -> None:
    """End the futures with one stored failure, which the first one fetches, elsewhere, for all."""
    first, *others = futures

    def pass_on(fetched: ScalerFuture) -> None:
        failure = fetched.exception()
        assert failure is not None
        for future in others:
            _fail_with_copy(future, failure)

    first.when_fetched(pass_on)
    first.set_result_ready(failure_id, True, metadata)


def _end_as_stopped(future: ScalerFuture, failure: BaseException | None) -> None:
    if failure is None:
        future.set_canceled(_CLIENT_HAS_LEFT)
    else:
        _fail_with_copy(future, failure)


def _fail_with_copy(future: ScalerFuture, failure: BaseException) -> None:
    """Give each future an exception of its own: every ``raise`` of a shared one would lengthen its traceback."""
    try:
        own = copy.copy(failure)
    except Exception as error:  # code of the exception's own class, which may want other arguments
        if is_interruption(error):
            raise
        own = failure
    own.__cause__ = failure.__cause__
    _fail(future, own)
