"""The connected workers: registration, heartbeats, leaving and loss."""

from __future__ import annotations

import logging
from typing import Any

from scaler.protocol import message
from scaler.protocol.codec import MessageKind
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.controllers.monitor_controller import worker_state
from scaler.scheduler.controllers.object_controller import ObjectController
from scaler.scheduler.controllers.task_controller import TaskController
from scaler.scheduler.outbox import Outbox

_logger = logging.getLogger(__name__)

_TOLERATED_MISMATCHES = 2


class WorkerController:
    """The one owner of who is connected as a worker.

    A worker is known from its first heartbeat to the end of its session or its goodbye; one that said goodbye is not
    known again in the same session, whatever it sends.
    """

    def __init__(self, outbox: Outbox, pool: WorkerPool, tasks: TaskController, objects: ObjectController) -> None:
        self._outbox = outbox
        self._objects = objects
        self._pool = pool
        self._tasks = tasks
        self._departed: set[bytes] = set()
        self._farewell = message.encode("clientDisconnect", disconnectType="shutdown")

    def __len__(self) -> int:
        return len(self._pool)

    @property
    def departed(self) -> int:
        """Return how many workers have said goodbye and are still connected."""
        return len(self._departed)

    def get(self, worker_id: bytes) -> WorkerRecord | None:
        """Return the worker of that identity, or None."""
        return self._pool.get(worker_id)

    def on_heartbeat(self, worker_id: bytes, heartbeat: Any, now_seconds: float) -> bool:
        """Register a worker, or note its figures. Return whether it may go on, which a departed one may not."""
        if worker_id in self._departed:
            return False
        worker = self._pool.get(worker_id)
        if worker is None:
            capabilities = {capability.name: capability.value for capability in heartbeat.capabilities}
            worker = WorkerRecord(worker_id, max(1, heartbeat.queueSize), capabilities)
            self._pool.add(worker)
            self._tasks.on_worker_joined(worker)
            _logger.info("worker %s connected", worker_id.decode(errors="replace"))
            self._publish(worker, "connected")
        worker.heartbeat = heartbeat.to_dict()
        worker.last_heartbeat_seconds = now_seconds
        if heartbeat.drain:
            self.drain(worker_id, "as it asked for")
        self._compare_views(worker, heartbeat)
        return True

    def on_leave(self, worker_id: bytes) -> None:
        """Let a worker go that says goodbye."""
        self._departed.add(worker_id)
        worker = self._pool.get(worker_id)
        if worker is not None:
            self._remove(worker, lost=False)

    def on_lost(self, worker_id: bytes) -> None:
        """Forget a worker whose session has ended."""
        self._departed.discard(worker_id)
        worker = self._pool.get(worker_id)
        if worker is not None:
            self._remove(worker, lost=True)

    def drain(self, worker_id: bytes, reason: str) -> bool:
        """Let a worker end what it has started, give the rest to others, and tell it to leave when it holds nothing.

        Return whether there is such a worker. It gets no new tasks, but for nested ones that a task it runs may wait
        for and that nobody else can run. What nobody else takes waits in the queue. ``reason`` completes the line of
        the log: "worker x drains, <reason>". A worker that drains already goes on.
        """
        worker = self._pool.get(worker_id)
        if worker is None:
            return False
        if not worker.draining:
            self._pool.drain(worker)
            asked = self._tasks.retract_all(worker)
            name = worker_id.decode(errors="replace")
            _logger.info("worker %s drains, %s: %d task(s) are asked back", name, reason, asked)
        return True

    def dismiss_drained(self) -> None:
        """Tell the workers to leave that were to drain and hold nothing any more."""
        for worker in self._pool.draining():
            if not worker.tasks and not worker.dismissed:
                worker.dismissed = True
                self._outbox.send(worker.worker_id, self._farewell, MessageKind.clientDisconnect)

    def stop_all(self) -> None:
        """Tell every worker that the cluster ends."""
        for worker in self._pool.workers():
            self._outbox.send(worker.worker_id, self._farewell, MessageKind.clientDisconnect)

    def _remove(self, worker: WorkerRecord, *, lost: bool) -> None:
        self._pool.remove(worker)
        how = "lost" if lost else "disconnected"
        _logger.info(
            "worker %s %s, %d task(s) are placed again",
            worker.worker_id.decode(errors="replace"),
            how,
            len(worker.tasks),
        )
        self._publish(worker, "disconnected")
        self._tasks.on_worker_gone(worker, lost=lost)
        self._objects.on_worker_gone(worker)

    def _compare_views(self, worker: WorkerRecord, heartbeat: Any) -> None:
        """Repair a worker's book when it and the worker disagree while nothing moves: ask about each task.

        What the worker has started is refused and stays; what it does not hold comes back as not found.
        """
        quiet = worker.seen_version == worker.version
        worker.seen_version = worker.version
        agreed = heartbeat.heldTasks == len(worker.tasks) and heartbeat.heldDigest == worker.held_digest()
        worker.digest_mismatches = worker.digest_mismatches + 1 if quiet and not agreed else 0
        if worker.digest_mismatches < _TOLERATED_MISMATCHES:
            return
        worker.digest_mismatches = 0
        _logger.warning("worker %r does not hold the tasks it should: asking for each", worker.worker_id)
        for record in list(worker.tasks.values()):
            self._tasks.probe(record)

    def _publish(self, worker: WorkerRecord, state: str) -> None:
        if self._outbox.monitored:
            self._outbox.report("stateWorker", worker_state(worker, state))
