"""Simulated clients and workers: they speak the protocol, and remember what they need to judge the scheduler."""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import Any

from world import Peer, World

from scaler.io.ymq.ymq import Role
from scaler.protocol import codec, message
from scaler.protocol.codec import (
    ArgumentType,
    ObjectContentType,
    ObjectInstructionType,
    TaskCancelConfirmType,
    TaskEndCause,
    TaskResultType,
)
from scaler.utility.identifiers import ClientID, ObjectID, WorkerID
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

    def forget(self, task_id: bytes) -> None:
        """Let a task start again that has failed, and is to be tried again."""
        self._started.pop(task_id, None)

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
            self._check_arguments(received)
            self._tasks[received.task_id] = received
            self._start_next()
        elif isinstance(received, codec.TaskCancel):
            self._answer_cancel(received)

    def _check_arguments(self, task: codec.Task) -> None:
        """A node of a graph comes with the results of the others, not with their names."""
        steps = [argument for step in task.steps for argument in step.function_args]
        if any(argument.type == ArgumentType.task for argument in (*task.function_args, *steps)):
            self.world.fail(f"{self.identity!r} got {task.task_id.hex()} with the name of another task in it")

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
        metadata = ProfileResult(self._seconds(task_id), 0, 0.0).serialize()
        fields: dict[str, Any] = {"task_id": task_id, "attempt": task.attempt, "metadata": metadata}
        if self._fails(task):
            cause = TaskEndCause.retryable if task_id[3] % 2 else TaskEndCause.exception
            if cause == TaskEndCause.retryable and task.retries > 0:
                self._runs.forget(task_id)
            result = codec.TaskResult(result_type=TaskResultType.failed, cause=cause, value=b"failure", **fields)
        elif task_id[4] % 3 == 0:
            result = codec.TaskResult(result_type=TaskResultType.success, results=[self._store(task)], **fields)
        else:
            result = codec.TaskResult(result_type=TaskResultType.success, value=b"v", **fields)
        self.send(result.encode())
        self._start_next()

    @staticmethod
    def _fails(task: codec.Task) -> bool:
        """Return whether a run fails, which the id of its task says: some of the first runs of a few tasks."""
        return task.task_id[2] % 10 == 0 and task.attempt < task.task_id[3] % 4

    def _store(self, task: codec.Task) -> ObjectID:
        object_id = ObjectID(ClientID(task.source).owner_hash() + self.world.random.randbytes(16))
        instruction = codec.ObjectInstruction(
            instruction_type=ObjectInstructionType.create,
            object_user=task.source,
            object_ids=[object_id],
            object_types=[ObjectContentType.object],
            object_names=[b"result"],
        )
        self.send(instruction.encode())
        return object_id

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

    def __init__(self, world: World, name: str, runs: Runs) -> None:
        super().__init__(world, ClientID(f"Client|{name}|{0:032x}".encode()))
        self.ends: dict[bytes, list[str]] = {}
        self._runs = runs
        self._graph_of: dict[bytes, bytes] = {}
        self._targets: dict[bytes, list[bytes]] = {}  # of graphs that have not ended
        self._function = ObjectID.generate_content_object_id(ClientID(self.identity), name.encode())

    def submit(self, count: int) -> None:
        """Submit tasks."""
        random = self.world.random
        for _ in range(count):
            task = codec.Task(
                task_id=random.randbytes(16),
                source=self.identity,
                func_object_id=self._function,
                priority=random.choice((0, 0, 0, 5)),
                level=random.choice((0, 0, 0, 0, 1, 2)),
                retries=random.choice((0, 0, 2)),
                deadline_milliseconds=random.choice((0, 0, 0, 50, 2000)),
            )
            self.ends[task.task_id] = []
            self.send(task.encode())

    def submit_graph(self) -> None:
        """Submit a graph, in one message or two."""
        random = self.world.random
        nodes: list[codec.Task] = []
        for _ in range(random.randint(1, 12)):
            taken = random.sample(nodes, min(len(nodes), random.choice((0, 1, 1, 2, 3))))
            arguments = [codec.Argument(int(ArgumentType.task), node.task_id) for node in taken]
            task_id = random.randbytes(16)
            nodes.append(
                codec.Task(task_id=task_id, source=b"", func_object_id=self._function, function_args=arguments)
            )
        graph_id = random.randbytes(16)
        targets = [node.task_id for node in random.sample(nodes, random.randint(1, len(nodes)))]
        self._targets[graph_id] = targets
        for target in targets:
            self.ends[target] = []
            self._graph_of[target] = graph_id
        middle = random.randrange(len(nodes))
        for part, more in ((nodes[:middle], True), (nodes[middle:], False)):
            fields = {"task_id": graph_id, "source": self.identity, "targets": targets, "graph": part}
            self.send(codec.GraphTask(more=more, **fields).encode())

    def cancel_some(self) -> None:
        """Cancel some of what has not ended; of a graph always all."""
        pending = [task_id for task_id, ends in self.ends.items() if not ends]
        for task_id in self.world.random.sample(pending, min(len(pending), 3)):
            self.send(codec.TaskCancel(task_id=self._graph_of.get(task_id, task_id), force=True).encode())

    @property
    def unended_graphs(self) -> list[bytes]:
        """Return the graphs that have not ended."""
        return list(self._targets)

    def on_frame(self, frame: bytes) -> None:
        """Note the end of a task or a graph; a second end breaks I1."""
        received = codec.decode(frame)
        if isinstance(received, codec.TaskResult):
            self._on_result(received)
        elif isinstance(received, codec.TaskCancelConfirm):
            kind = TaskCancelConfirmType(received.cancel_confirm_type)
            known = received.task_id in self._targets or not self.ends.get(received.task_id, ["ended"])
            # A cancel that crossed the end of what it was for is answered too; the client ignores it.
            crossed = kind is TaskCancelConfirmType.cancelNotFound and not known
            if kind in FINAL_CONFIRMS and not crossed:
                self._end(received.task_id, kind.name)

    def _on_result(self, result: codec.TaskResult) -> None:
        if result.cause == TaskEndCause.deadlineMissed and self._runs.count(result.task_id):
            self.world.fail(f"task {result.task_id.hex()} had started before the deadline that it missed")
        self._end(result.task_id, TaskResultType(result.result_type).name)
        if result.results:  # fetched, and given up
            instruction = codec.ObjectInstruction(
                instruction_type=ObjectInstructionType.delete, object_user=self.identity, object_ids=result.results
            )
            self.send(instruction.encode())

    def _end(self, task_id: bytes, how: str) -> None:
        if task_id not in self.ends:
            self._end_graph(task_id, how)
            return
        self.ends[task_id].append(how)
        if len(self.ends[task_id]) > 1:
            self.world.fail(f"task {task_id.hex()} ended as {self.ends[task_id]}")

    def _end_graph(self, graph_id: bytes, how: str) -> None:
        """The end of a graph is that of every target that has none."""
        targets = self._targets.pop(graph_id, None)
        if targets is None:
            self.world.fail(f"graph {graph_id.hex()} ended twice, or is not ours")
            return
        for target in targets:
            if not self.ends[target]:
                if how == TaskResultType.success.name:
                    self.world.fail(f"graph {graph_id.hex()} succeeded without the result of {target.hex()}")
                self.ends[target].append(how)
