"""A simulated client: submits, cancels, and counts the ends of each task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from host import Host
from programs import Program
from runs import Runs
from world import Peer, World

from scaler.io.ymq.ymq import Role
from scaler.protocol import codec, message
from scaler.protocol.codec import Argument, ArgumentType, TaskCancelConfirmType, TaskEndCause, TaskResultType
from scaler.utility.identifiers import ClientID, ObjectID

FINAL_CONFIRMS = (TaskCancelConfirmType.canceled, TaskCancelConfirmType.cancelNotFound)
LOST = "lost"

OnEnd = Callable[[str], None]


class SimulatedClient(Peer):
    """A client of an application, or of a task, whose host is the machine of its worker then."""

    role = Role.client

    def __init__(self, world: World, name: str, runs: Runs, host: Host | None = None) -> None:
        super().__init__(world, ClientID(f"Client|{name}|{0:032x}".encode()), host)
        self.ends: dict[bytes, list[str]] = {}
        self._runs = runs
        self._on_end: dict[bytes, OnEnd] = {}  # what is to be done when a task ends
        self._graph_of: dict[bytes, bytes] = {}
        self._targets: dict[bytes, list[bytes]] = {}  # of graphs that have not ended
        self._function = ObjectID.generate_content_object_id(ClientID(self.identity), name.encode())

    # -- what an application, or a task, does

    def submit(self, count: int) -> None:
        """Submit tasks of all sorts."""
        random = self.world.random
        for _ in range(count):
            self._submit(
                priority=random.choice((0, 0, 0, 5)),
                level=random.choice((0, 0, 0, 0, 1, 2)),
                retries=random.choice((0, 0, 2)),
                deadline_milliseconds=random.choice((0, 0, 0, 50, 2000)),
            )

    def submit_program(self, program: Program, level: int, on_end: OnEnd | None = None) -> None:
        """Submit a task that runs a program."""
        random = self.world.random
        self._submit(
            on_end,
            function_args=[Argument(int(ArgumentType.value), program.encode())],
            level=level,
            priority=random.choice((0, 0, 0, 5)),
            retries=random.choice((0, 0, 2)),
            timeout_milliseconds=random.choice((0,) * 20 + (500,)),
        )

    def _submit(self, on_end: OnEnd | None = None, **fields: Any) -> None:
        task = codec.Task(
            task_id=self.world.random.randbytes(16),
            source=self.identity,
            func_object_id=self._function,
            **fields,
        )
        self._expect(task.task_id, on_end)
        self.send(task.encode())

    def submit_graph(self, level: int = 0, on_end: OnEnd | None = None) -> int:
        """Submit a graph, in one message or two; return how many results there will be."""
        random = self.world.random
        nodes: list[codec.Task] = []
        for _ in range(random.randint(1, 12)):
            taken = random.sample(nodes, min(len(nodes), random.choice((0, 1, 1, 2, 3))))
            arguments = [Argument(int(ArgumentType.task), node.task_id) for node in taken]
            task_id = random.randbytes(16)
            nodes.append(
                codec.Task(
                    task_id=task_id, source=b"", func_object_id=self._function, function_args=arguments, level=level
                )
            )
        graph_id = random.randbytes(16)
        targets = [node.task_id for node in random.sample(nodes, random.randint(1, len(nodes)))]
        self._targets[graph_id] = targets
        for target in targets:
            self._expect(target, on_end)
            self._graph_of[target] = graph_id
        middle = random.randrange(len(nodes))
        for part, more in ((nodes[:middle], True), (nodes[middle:], False)):
            fields = {"task_id": graph_id, "source": self.identity, "targets": targets, "graph": part}
            self.send(codec.GraphTask(more=more, **fields).encode())
        return len(targets)

    def cancel_some(self) -> None:
        """Cancel some of what has not ended; of a graph always all."""
        pending = [task_id for task_id, ends in self.ends.items() if not ends]
        for task_id in self.world.random.sample(pending, min(len(pending), 3)):
            self.world.tell(f"cancel {task_id.hex()[:6]}")
            self.send(codec.TaskCancel(task_id=self._graph_of.get(task_id, task_id), force=True).encode())

    def leave(self) -> None:
        """Say goodbye: what has not ended is cancelled, and nobody waits for it any more."""
        self.send(message.encode("clientDisconnect", disconnectType="disconnect"))
        self.after(0.1, lambda: self.world.lose(self, 0.0))

    def on_session_lost(self) -> None:
        """Take note that the session has ended, and with it everything."""
        on_end, self._on_end = self._on_end, {}
        for act in on_end.values():
            act(LOST)

    @property
    def unended_graphs(self) -> list[bytes]:
        """Return the graphs that have not ended."""
        return list(self._targets)

    # -- what the scheduler says

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
                instruction_type=codec.ObjectInstructionType.delete,
                object_user=self.identity,
                object_ids=result.results,
            )
            self.send(instruction.encode())

    def _expect(self, task_id: bytes, on_end: OnEnd | None) -> None:
        self.ends[task_id] = []
        if on_end is not None:
            self._on_end[task_id] = on_end

    def _end(self, task_id: bytes, how: str) -> None:
        if task_id not in self.ends:
            self._end_graph(task_id, how)
            return
        self._note_end(task_id, how)

    def _note_end(self, task_id: bytes, how: str) -> None:
        self.ends[task_id].append(how)
        if len(self.ends[task_id]) > 1:
            self.world.fail(f"task {task_id.hex()} ended as {self.ends[task_id]}")
        if (act := self._on_end.pop(task_id, None)) is not None:
            act(how)

    def _end_graph(self, graph_id: bytes, how: str) -> None:
        """The end of a graph is that of every target that has none."""
        targets = self._targets.pop(graph_id, None)
        if targets is None:
            self.world.fail(f"graph {graph_id.hex()} ended twice, or is not ours")
        for target in targets:
            if not self.ends[target]:
                if how == TaskResultType.success.name:
                    self.world.fail(f"graph {graph_id.hex()} succeeded without the result of {target.hex()}")
                self._note_end(target, how)
