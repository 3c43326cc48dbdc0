"""The client's shell around its core: socket, clock and threads.

Whoever waits for a future receives: it waits for messages (without the GIL), lets the core handle the batch, and ends
futures. A daemon thread does that while nobody waits (``reception.py``). Callers' threads send directly through the
socket, which is thread-safe. ``_lock`` guards the core; it is never held while something is sent, fetched or stored,
nor while futures end, since these take their own locks. User code (callbacks) and fetches run on a small pool that is
made when it is first needed.

A step of receiving may be cut off anywhere by an exception of a signal handler, such as KeyboardInterrupt or that of an
alarm, when the main thread takes it (``utility/interruption.py``). So a batch stays in ``_received`` until it has been
handled completely, and an ending in the core until it has run; the next step, of whatever thread, repeats one that was
cut off, which the core is prepared for.

Order of a stop: the core stops and ends all futures; the disconnect message is queued; the thread leaves its loop,
repeats a step that was cut off, ends what has still not ended, closes the socket (which writes what is queued within a
second) and the storage link. ``abandon`` does the same without taking a lock, because the garbage collector may call it
anywhere.
"""

from __future__ import annotations

import atexit
import collections
import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from scaler.client.agent.client_storage import ClientStorage
from scaler.client.agent.core import ClientCore, ClientState
from scaler.client.agent.core_outlet import CoreOutlet
from scaler.client.agent.dispatcher import Dispatcher
from scaler.client.agent.job_pool import JobPool
from scaler.client.agent.object_registry import StoredFunction
from scaler.client.agent.pending_graph import PendingGraph
from scaler.client.agent.pending_task import PendingTask
from scaler.client.agent.scheduler_link import SchedulerLink
from scaler.client.agent.storage_watch import StorageWatch
from scaler.client.function_record import FunctionRecord
from scaler.client.future import ScalerFuture
from scaler.client.new_object import NewObject
from scaler.client.serializer.mixins import Serializer
from scaler.client.task_factory import NewTask
from scaler.io.ymq.reception import Reception
from scaler.protocol import message
from scaler.utility.exceptions import ClientQuitException, DisconnectedError
from scaler.utility.identifiers import ClientID, ObjectID, TaskID
from scaler.utility.interruption import is_interruption
from scaler.utility.process_mark import ProcessMark
from scaler.utility.process_meter import ProcessMeter
from scaler.utility.standstill import standstill

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from scaler.io.ymq._ymq import Received

logger = logging.getLogger(__name__)

_STOP_SECONDS: Final = 5.0
_CANCEL_SECONDS: Final = 10.0


class ClientAgent:
    """Holds the session of one client with the scheduler, and ends the client's futures."""

    def __init__(
        self,
        identity: ClientID,
        link: SchedulerLink,
        serializer: Serializer,
        timeout_seconds: float,
        heartbeat_interval_seconds: float,
    ) -> None:
        """Connect to scheduler and object storage. Raise DisconnectedError when no scheduler answers in time."""
        # Both can be entered again by their holder: the garbage collector may call users' finalizers anywhere.
        self.future_lock: AbstractContextManager[bool] = threading.RLock()
        self.serializer = serializer
        self._identity = identity
        self._link = link
        self._timeout_seconds = timeout_seconds
        self._process = ProcessMark()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._core = ClientCore(identity, link.address, timeout_seconds, heartbeat_interval_seconds, time.monotonic())
        self._released: collections.deque[ObjectID] = collections.deque()  # appended to by finalizers, without a lock
        self._is_abandoned = False
        self._fetches = JobPool("scaler client fetches")
        self._callbacks = JobPool("scaler client callbacks")
        self._storage = ClientStorage(identity)
        self._watch = StorageWatch(
            repr(identity), self._storage, self._announce_and_store, self._forget_stored, self._fetches.run
        )
        self._meter = ProcessMeter()
        self._dispatcher = Dispatcher(self._core, repr(identity), timeout_seconds, link.connect_failure)
        self._outlet = CoreOutlet(self._core, self._lock, link.send, repr(identity))
        self._received: list[Received] = []
        self._is_handling = False
        self._reception = Reception(self._receive, link.interrupt, self._is_stopping)
        self._thread = threading.Thread(target=self._run, name="scaler client", daemon=True)
        self._thread.start()
        atexit.register(self.stop)
        self._open_storage()

    # --- tasks and objects, called by users' threads

    @property
    def is_stopped(self) -> bool:
        """Return whether the client can not be used any more."""
        return self._core.state is ClientState.stopped

    def check_usable(self) -> None:
        """Raise ClientQuitException after a stop, and RuntimeError in a forked child."""
        self._check_process()
        self._check_running()

    def prepare_wait(self) -> None:
        """Send what still waits for company. Raise RuntimeError in a forked child, where nothing receives."""
        self._check_process()
        self._link.flush()

    def wait_until(
        self, is_done: Callable[[], bool], sleep: Callable[[float | None], object], timeout_seconds: float | None
    ) -> bool:
        """Wait for the end of a future, and return whether it has ended: receive, or ``sleep`` while others do."""
        return self._reception.wait(is_done, sleep, timeout_seconds)

    def wake_waiting(self) -> None:
        """Let the thread that waits in ``wait_until`` and receives notice that its future has ended."""
        self._reception.wake()

    def keep_receiving(self) -> None:
        """Let messages be received although no thread waits in ``wait_until``."""
        self._reception.call_thread()

    def acquire_function(self, record: FunctionRecord, references: int = 1) -> StoredFunction:
        """Return the function's place in the storage, with references for so many tasks."""
        with self._lock:
            return self._core.objects.acquire_function(record, references)

    def release_function(self, function: StoredFunction, references: int = 1) -> None:
        """Take back references of tasks that were not started."""
        with self._lock:
            self._core.objects.release_function(function, references)

    def store(self, objects: Sequence[NewObject], functions: Sequence[StoredFunction] = ()) -> None:
        """Announce objects to the scheduler, then store them, and return when they are there.

        ``functions`` are those whose code is among them. Raise ObjectStorageException; nothing of them is left then.
        """
        self._announce(objects)
        try:
            self._storage.store(objects)
        except BaseException:
            with self._lock:
                self._core.objects.on_store_failed([item.object_id for item in objects], functions)
            raise

    def store_first(self, item: NewObject) -> None:
        """Store an object that lives as long as the session. Raise ObjectStorageException.

        It is not given up when it cannot be stored: its id comes again, and the deletion may be on its way until then.
        """
        self._watch.begin(item)

    def store_sent(self, item: NewObject) -> None:
        """Store an object that lives until ``clear``."""
        self.store([item])
        connection = self._storage.connection_number()
        with self._lock:
            self._core.objects.add_sent(item.object_id, connection)

    def is_known_reference(self, object_id: ObjectID) -> bool:
        """Return whether the object was sent by this client and not cleared."""
        return self._core.objects.is_sent(object_id)

    def start(self, function: StoredFunction, tasks: Sequence[NewTask]) -> list[ScalerFuture]:
        """Register tasks, whose objects are stored, and send them. Raise ClientQuitException or DisconnectedError.

        Takes over one reference to the function for each task, also when it raises.
        """
        pending = [
            PendingTask(ScalerFuture(task.task_id, self), function, tuple([item.object_id for item in task.objects]))
            for task in tasks
        ]
        try:
            with self._lock:
                for task in pending:
                    self._core.on_submit(task)
            self._check_running()  # after the registration, so that a stop meanwhile ends these tasks too
            self._link.send_all([task.frame for task in tasks], self._is_stopping, may_wait=True)
        except BaseException:
            with self._lock:
                for task in pending:
                    self._core.on_submit_failed(task.future.task_id)
            raise
        return [task.future for task in pending]

    def start_graph(self, graph: PendingGraph, frames: Sequence[bytes]) -> None:
        """Register a graph, whose objects are stored, and send it. Raise ClientQuitException or DisconnectedError.

        Takes over the references to its functions, also when it raises.
        """
        try:
            with self._lock:
                self._core.on_graph_submit(graph)
            self._check_running()  # after the registration, so that a stop meanwhile ends this graph too
            for frame in frames:
                self._link.send_all([frame], self._is_stopping)
        except BaseException:
            with self._lock:
                self._core.on_graph_submit_failed(graph)
            raise

    def request_cancel(self, task_id: TaskID) -> None:
        """Ask for the cancellation of a task. Does not wait."""
        self._check_process()
        self._change(lambda core: core.on_cancel_requested(task_id))

    def fetch(self, object_id: ObjectID, timeout_seconds: float | None) -> Buffer:
        """Return the bytes of a result. Raise ObjectStorageException, or its subclass that is a TimeoutError."""
        self._check_process()
        return self._storage.fetch(object_id, timeout_seconds)

    def release(self, object_id: ObjectID) -> None:
        """Let a result be deleted with the next batch. Takes no lock."""
        self._released.append(object_id)

    def run_elsewhere(self, job: Callable[[], None]) -> None:
        """Run the job, a fetch, on the pool for these."""
        self._fetches.run(job)

    def call_back(self, job: Callable[[], None]) -> None:
        """Run the job, users' callbacks, on the pool for these."""
        self._callbacks.run(job)

    # --- the client's life, called by users' threads

    def clear(self) -> None:
        """Cancel all tasks, wait for the verdicts within a bound, and delete all objects."""
        self.check_usable()
        with self._lock:
            tasks = self._core.on_cancel_all_requested()
        self._outlet.flush()
        self._reception.call_thread()
        concurrent.futures.wait([task.future for task in tasks], min(_CANCEL_SECONDS, self._timeout_seconds))
        self._change(lambda core: core.on_cancel_given_up(tasks))
        self._change(lambda core: core.on_clear(time.monotonic()))

    def request_shutdown(self) -> bool:
        """Ask the scheduler to end the cluster, and return whether it does.

        Raise DisconnectedError when it does not answer.
        """
        self.check_usable()
        limit = min(_CANCEL_SECONDS, self._timeout_seconds)
        with self._lock:
            self._core.on_shutdown_requested()
        self._link.send_all([message.encode("clientDisconnect", disconnectType="shutdown")], self._is_stopping)
        self._reception.call_thread()
        with self._lock:
            self._changed.wait_for(lambda: self._core.shutdown_answer is not None or self.is_stopped, limit)
            answer = self._core.shutdown_answer
        if answer is None:
            raise DisconnectedError(
                f"the scheduler at {self._link.address} did not answer a request to shut down within {limit:g} seconds"
            ) from self._core.failure
        return answer

    def stop(self) -> None:
        """Cancel what has not ended, tell the scheduler, and close everything. Bounded in time and idempotent."""
        if not self._process.is_own:
            return
        self._leave()
        deadline = time.monotonic() + _STOP_SECONDS
        while self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._reception.call_thread()
            self._link.interrupt()  # again and again: it only reaches a thread that waits already
            self._thread.join(0.05)
            if time.monotonic() > deadline:
                logger.error("%r: the client's thread did not end within %g seconds", self._identity, _STOP_SECONDS)
                break

    def abandon(self) -> None:
        """Let the thread stop the client. Takes no lock and does not wait."""
        if self._process.is_own:
            self._is_abandoned = True
            self._reception.call_thread()
            self._link.interrupt()

    # --- the thread, and callers that receive in its place

    def _run(self) -> None:
        try:
            self._reception.run()
            if self._is_handling:
                self._reception.repeat_last_step()
        except BaseException as error:  # outermost: whatever it is, no future may wait for a thread that has ended
            self._fail(error)
        self._leave()
        self._close()

    def _receive(self, limit_seconds: float | None) -> None:
        """Wait for messages and handle them. Raise what signal handlers raise, and nothing else."""
        try:
            self._step(limit_seconds)
        except Exception as error:
            if is_interruption(error):
                raise
            if not self._is_stopping():  # when it is, the socket may be closed already
                self._fail(error)

    def _step(self, limit_seconds: float | None) -> None:
        received = self._received
        if self._is_handling:
            with self._lock:
                self._core.on_repetition()
        elif not received:
            due_seconds = self._core.next_event_seconds(time.monotonic())
            self._link.receive(due_seconds if limit_seconds is None else min(due_seconds, limit_seconds), received)
        self._is_handling = True
        now_seconds = time.monotonic()
        with self._lock:
            for _, item in received:
                self._dispatcher.handle(item, now_seconds)
            self._take_released()
            self._core.on_repeated()
            self._core.on_tick(now_seconds)
            self._changed.notify_all()
        self._outlet.flush()
        received.clear()
        self._core.forget_ended()
        self._is_handling = False
        if self._core.is_heartbeat_due(now_seconds):
            self._send_heartbeat(now_seconds)
            self._watch.look(now_seconds)

    def _fail(self, failure: BaseException) -> None:
        logger.error("%r: receiving failed", self._identity, exc_info=failure)
        self._change(lambda core: core.on_failure(failure))

    def _send_heartbeat(self, now_seconds: float) -> None:
        usage = self._meter.measure()
        latency_us = min(int(self._core.latency_seconds * 1_000_000), 2**32 - 1)
        frame = message.encode(
            "clientHeartbeat", resource={"cpu": usage.cpu_permille, "rss": usage.rss_bytes}, latencyUS=latency_us
        )
        with self._lock:
            if not self._link.send([frame]):  # full: what is queued says as much as a heartbeat
                self._core.on_heartbeat_sent(now_seconds)
            else:
                self._core.on_heartbeat_skipped(now_seconds)

    # --- parts

    def _open_storage(self) -> None:
        """Wait for the scheduler's first echo, and connect to the storage that it names."""
        try:
            with self._lock:
                self._changed.wait_for(
                    lambda: self._core.state is not ClientState.connecting, self._timeout_seconds + 1
                )
                address, failure = self._core.storage_address, self._core.failure
            if address is None:
                raise failure or DisconnectedError(
                    f"the scheduler at {self._link.address} did not answer within {self._timeout_seconds:g} seconds"
                )
            self._storage.connect(*address, self._link.context)
        except BaseException:
            self.stop()
            raise

    def _change(self, change: Callable[[ClientCore], None]) -> None:
        """Change the core, then send and end what follows from it."""
        standstill.put_off(lambda: self._change_now(change))

    def _change_now(self, change: Callable[[ClientCore], None]) -> None:
        with self._lock:
            change(self._core)
            self._changed.notify_all()
        self._outlet.flush()

    def _check_process(self) -> None:
        if not self._process.is_own:
            raise RuntimeError("a client cannot be used in a forked child of its process: make a new client there")

    def _check_running(self) -> None:
        if self._is_stopping():
            raise ClientQuitException("client is already stopped.") from self._core.failure

    def _is_stopping(self) -> bool:
        return self._core.state is ClientState.stopped or self._is_abandoned

    def _announce(self, objects: Sequence[NewObject]) -> None:
        self._link.send_all([self._storage.announcement(objects)], self._is_stopping)

    def _announce_and_store(self, objects: Sequence[NewObject]) -> None:
        self._announce(objects)
        self._storage.store(objects)

    def _forget_stored(self, connection: int) -> None:
        self._change(lambda core: core.objects.on_storage_lost(connection))

    def _take_released(self) -> None:
        while self._released:
            self._core.objects.release((self._released.popleft(),))

    def _leave(self) -> None:
        """Stop the core and tell the scheduler, unless it stopped by itself."""
        with self._lock:
            is_leaving = self._core.state is not ClientState.stopped and self._core.is_connected
            self._core.on_stop()
            self._changed.notify_all()
        self._outlet.flush()
        if is_leaving:  # when it cannot be told, the scheduler notices the end of the session
            self._link.send([message.encode("clientDisconnect", disconnectType="disconnect")])

    def _close(self) -> None:
        self._link.close()
        self._storage.close(has_to_delete=self._core.failure is not None)
        self._fetches.close()
        self._callbacks.close()
        self._reception.close()
        self._watch.close()
        self._outlet.close()
        self._dispatcher.close()  # they refer to this object, which shall go with its last user, descriptors and all
        atexit.unregister(self.stop)
