"""Simulated clients and workers: they speak the protocol, and remember what they need to judge the scheduler."""

from __future__ import annotations

import struct
from hashlib import blake2b

from world import Peer, World

from scaler.io.ymq.ymq import Role
from scaler.protocol import codec, message
from scaler.protocol.codec import TaskCancelConfirmType, TaskResultType
from scaler.utility.identifiers import ClientID, ObjectID, TaskID, WorkerID
from scaler.utility.metadata.profile_result import ProfileResult

HEARTBEAT_SECONDS = 2.0
FINAL_CONFIRMS = (TaskCancelConfirmType.canceled, TaskCancelConfirmType.cancelNotFound)


class Runs:
    """Which worker sessions have started which task: the witness of I12, no started task runs again behind its back."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._started: dict[bytes, list[tuple[SimulatedWorker, int]]] = {}

    def start(self, worker: SimulatedWorker, task: codec.Task) -> None:
        """Note a start; every worker that started the task before must be lost by now."""
        for earlier, session in self._started.setdefault(task.task_id, []):
            if earlier.connected and earlier.session == session:
                self._world.fail(f"task {task.task_id.hex()} starts again while {earlier.identity!r} has started it")
        self._started[task.task_id].append((worker, worker.session))

    def count(self, task_id: bytes) -> int:
        """Return how often a task was started."""
        return len(self._started.get(task_id, ()))


class SimulatedWorker(Peer):
    """An agent with one processor: runs its tasks in order, one at a time."""

    role = Role.worker

    def __init__(self, world: World, name: str, runs: Runs, queue_size: int) -> None:
        super().__init__(world, WorkerID(f"Worker|{name}|{0:032x}".encode()))
        self._runs = runs
        self._queue_size = queue_size
        self._tasks: dict[bytes, codec.Task] = {}
        self._running: bytes | None = None
        self._frozen: list[bytes] | None = None

    def connect(self) -> None:
        """Begin a session with nothing to do, and register."""
        self._tasks.clear()
        self._running = None
        self._frozen = None
        self.responsive = True
        super().connect()
        self._heartbeat()

    def freeze(self) -> None:
        """Do nothing, and answer nothing."""
        self.responsive = False
        self._frozen = []

    def thaw(self) -> None:
        """Go on where it stopped."""
        frames, self._frozen = self._frozen or [], None
        self.responsive = True
        for frame in frames:
            self.on_frame(frame)
        if self._running is not None:
            self._finish(self._running)

    def on_frame(self, frame: bytes) -> None:
        """Take a task, or answer a cancel."""
        if self._frozen is not None:
            self._frozen.append(frame)
            return
        received = codec.decode(frame)
        if isinstance(received, codec.Task):
            if received.task_id in self._tasks:
                self.world.fail(f"{self.identity!r} got {received.task_id.hex()} twice")
            self._tasks[received.task_id] = received
            self._start_next()
        elif isinstance(received, codec.TaskCancel):
            self._answer_cancel(received)

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
        self._running = next(iter(self._tasks))
        task = self._tasks[self._running]
        self._runs.start(self, task)
        task_id = self._running
        self.after(self._seconds(task_id), lambda: self._finish(task_id))

    @staticmethod
    def _seconds(task_id: bytes) -> float:
        """Return how long a task runs, which its id says: mostly short, some long."""
        return (0.0001, 0.0001, 0.001, 0.01, 0.3)[task_id[0] % 5]

    def _finish(self, task_id: bytes) -> None:
        if self._frozen is not None or self._running != task_id:
            return
        task = self._tasks.pop(task_id)
        self._running = None
        result = codec.TaskResult(
            task_id=task_id,
            result_type=TaskResultType.success,
            metadata=ProfileResult(self._seconds(task_id), 0, 0.0).serialize(),
            attempt=task.attempt,
            value=b"v",
        )
        self.send(result.encode())
        self._start_next()

    def _heartbeat(self) -> None:
        if self._frozen is None:
            digest = 0
            for task_id in self._tasks:
                digest ^= struct.unpack("<Q", blake2b(task_id, digest_size=8).digest())[0]
            frame = message.encode(
                "workerHeartbeat", queueSize=self._queue_size, heldTasks=len(self._tasks), heldDigest=digest
            )
            self.send(frame)
        self.after(HEARTBEAT_SECONDS, self._heartbeat)


class SimulatedClient(Peer):
    """A client that submits, cancels, and counts the ends of each task."""

    role = Role.client

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, ClientID(f"Client|{name}|{0:032x}".encode()))
        self.ends: dict[bytes, list[str]] = {}
        self._function = ObjectID.generate_content_object_id(ClientID(self.identity), name.encode())

    def submit(self, count: int) -> None:
        """Submit tasks."""
        for _ in range(count):
            task_id = TaskID(self.world.random.randbytes(16))
            self.ends[task_id] = []
            self.send(codec.Task(task_id=task_id, source=self.identity, func_object_id=self._function).encode())

    def cancel_some(self) -> None:
        """Cancel some of the tasks that have not ended."""
        pending = [task_id for task_id, ends in self.ends.items() if not ends]
        for task_id in self.world.random.sample(pending, min(len(pending), 3)):
            self.send(codec.TaskCancel(task_id=task_id, force=True).encode())

    def on_frame(self, frame: bytes) -> None:
        """Note the end of a task; a second end breaks I1."""
        received = codec.decode(frame)
        if isinstance(received, codec.TaskResult):
            self._end(received.task_id, TaskResultType(received.result_type).name)
        elif isinstance(received, codec.TaskCancelConfirm):
            kind = TaskCancelConfirmType(received.cancel_confirm_type)
            # A cancel that crossed the task's own end is answered too; the client ignores it.
            crossed = kind is TaskCancelConfirmType.cancelNotFound and self.ends[received.task_id]
            if kind in FINAL_CONFIRMS and not crossed:
                self._end(received.task_id, kind.name)

    def _end(self, task_id: bytes, how: str) -> None:
        self.ends[task_id].append(how)
        if len(self.ends[task_id]) > 1:
            self.world.fail(f"task {task_id.hex()} ended as {self.ends[task_id]}")
