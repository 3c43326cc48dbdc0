"""A simulated worker that runs its tasks in order: simple, so that many runs of the scheduler take little time."""

from __future__ import annotations

import struct
from hashlib import blake2b

from leaving import leave
from runs import Runs, check_arguments, seconds_of
from world import Peer, World

from scaler.io.ymq.ymq import Role
from scaler.protocol import codec, message
from scaler.protocol.codec import TaskCancelConfirmType
from scaler.utility.identifiers import WorkerID

HEARTBEAT_SECONDS = 2.0


class SimulatedWorker(Peer):
    """An agent with one processor: runs its tasks in order, one at a time."""

    role = Role.worker

    def __init__(self, world: World, name: str, runs: Runs, queue_size: int) -> None:
        super().__init__(world, WorkerID(f"Worker|{name}|{0:032x}".encode()))
        self._runs = runs
        self._queue_size = queue_size
        self._tasks: dict[bytes, codec.Task] = {}
        self._running: bytes | None = None

    def connect(self) -> None:
        """Begin a session with nothing to do, and register."""
        self._tasks.clear()
        self._running = None
        super().connect()
        self._heartbeat()

    def peers(self) -> list[Peer]:
        """Return who has sessions from this machine."""
        return [self]

    def on_crash(self) -> None:
        """Take note that everything here has ended."""

    def on_sessions_lost(self) -> None:
        """Take note that the sessions of this machine have ended."""

    def jump(self, seconds: float) -> None:
        """Let the clock jump, which this worker does not have."""

    def has_started(self, task_id: bytes) -> bool:
        """Return whether the task runs, or is not here."""
        return task_id == self._running or task_id not in self._tasks

    def on_frame(self, frame: bytes) -> None:
        """Take a task, or answer a cancel."""
        received = codec.decode(frame)
        if isinstance(received, codec.Task):
            if received.task_id in self._tasks:
                if not self.host.network.has_made_copies:
                    self.world.fail(f"{self.identity!r} got {received.task_id.hex()} twice")
                return
            check_arguments(self.world, self, received)
            self._tasks[received.task_id] = received
            self._start_next()
        elif isinstance(received, codec.TaskCancel):
            self._answer_cancel(received)
        elif codec.which(frame) == codec.MessageKind.clientDisconnect:
            if self._tasks:
                self.world.fail(f"{self.identity!r} is told to leave with {len(self._tasks)} tasks")
            leave(self.world, self)

    def _answer_cancel(self, cancel: codec.TaskCancel) -> None:
        task_id = cancel.task_id
        verdict = TaskCancelConfirmType.canceled
        if task_id not in self._tasks:
            verdict = TaskCancelConfirmType.cancelNotFound
        elif task_id != self._running:
            del self._tasks[task_id]
        elif cancel.force:
            del self._tasks[task_id]
            self._running = None
        else:
            verdict = TaskCancelConfirmType.cancelFailed
        self.send(codec.TaskCancelConfirm(task_id=task_id, cancel_confirm_type=verdict).encode())
        self._start_next()

    def _start_next(self) -> None:
        if self._running is not None or not self._tasks:
            return
        task_id = self._running = next(iter(self._tasks))
        self._runs.start(self, task_id)
        self.after(seconds_of(task_id), lambda: self._finish(task_id))

    def _finish(self, task_id: bytes) -> None:
        if self._running != task_id:
            return
        task = self._tasks.pop(task_id)
        self._running = None
        for frame in self._runs.end(task, self.world.random):
            self.send(frame)
        self._start_next()

    def _heartbeat(self) -> None:
        digest = 0
        for task_id in self._tasks:
            digest ^= struct.unpack("<Q", blake2b(task_id, digest_size=8).digest())[0]
        self.send(
            message.encode("workerHeartbeat", queueSize=self._queue_size, heldTasks=len(self._tasks), heldDigest=digest)
        )
        self.after(HEARTBEAT_SECONDS, self._heartbeat)
