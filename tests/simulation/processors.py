"""A simulated processor: runs what it is fed with the real gate, stands still on demand, and has clients."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from clients import SimulatedClient
from programs import Body, Children, Program, body
from runs import check_arguments, seconds_of

from scaler.protocol import codec
from scaler.worker.agent.task_gate import TaskGate

if TYPE_CHECKING:
    from agents import SimulatedAgent

_SIGNAL_SECONDS: Final = (0.00002, 0.0002, 0.002)
"""How long a signal, or a frame to or from the agent, takes."""


class SimulatedProcessor:
    """One processor; its main thread runs one task at a time, as a generator that yields what it waits for."""

    def __init__(self, agent: SimulatedAgent, name: str, gate: TaskGate) -> None:
        self.identity = name.encode()
        self.is_told_to_stand_still = False
        self.is_told_to_die = False
        self.clients: list[SimulatedClient] = []
        self.is_alive = True
        self._agent = agent
        self._gate = TaskGate.attach(gate.fileno())
        self._inbox: deque[bytes] = deque()
        self._received = 0
        self._stands_still = False
        self._task: codec.Task | None = None
        self._number = 0  # of the task, at the gate
        self._body: Body | None = None
        self._waits = False
        self._shared_client: SimulatedClient | None = None
        self._own_client: SimulatedClient | None = None
        self._client_numbers = itertools.count()
        self._unsent: list[tuple[bytes, list[bytes]]] = []  # task ids with what is said of their ends
        self._on_its_way: deque[Callable[[], None]] = deque()

    @property
    def is_at_work(self) -> bool:
        """Return whether it is in the midst of a task, and was not told to stand still, or killed."""
        is_told_to_stop = self.is_told_to_stand_still or self.is_told_to_die
        return self.is_alive and self._task is not None and not is_told_to_stop

    # -- what the agent does

    def take(self, frame: bytes) -> None:
        """Receive what the agent has sent."""
        self._later(lambda: self._receive(frame))

    def suspend(self) -> None:
        """Stand still soon."""
        self._tell("is suspended")
        self.is_told_to_stand_still = True
        self._signal()

    def resume(self) -> None:
        """Go on soon."""
        self._tell("is resumed")
        self.is_told_to_stand_still = False
        self._signal()

    def die(self, *, keeps_results: bool) -> None:
        """End at once. Results that have not left are lost, and their tasks may start again."""
        if not self.is_alive:
            return
        self._tell("dies")
        if keeps_results:
            self._flush()
        self.is_alive = False
        for task_id, _ in self._unsent:
            self._agent.runs.forget(task_id)
        if self._task is not None and self._task.retries > 0:
            self._agent.runs.forget(self._task.task_id)
        for client in self.clients:
            if client.connected:
                self._agent.world.lose(client, self._agent.world.random.choice((0.0, 0.1, 1.0)))

    def on_client_lost(self, client: SimulatedClient) -> None:
        """Take note that a client in here is of no use any more."""
        client.on_session_lost()
        if client is self._shared_client:
            self._shared_client = None

    # -- the main thread

    def _receive(self, frame: bytes) -> None:
        if codec.which(frame) == codec.MessageKind.task:
            self._inbox.append(frame)
            self._go_on()

    def _signal(self) -> None:
        self._agent.host.after(self._agent.world.random.choice(_SIGNAL_SECONDS), self._look)

    def _look(self) -> None:
        """Do what was asked for last; signals say no more than "look"."""
        self._stands_still = self.is_told_to_stand_still
        self._go_on()

    def _go_on(self) -> None:
        while self.is_alive and not self._stands_still and not self._waits:
            if self._body is None and not self._start_next():
                return
            self._step()

    def _start_next(self) -> bool:
        while self._inbox:
            number, frame = self._received, self._inbox.popleft()
            self._received += 1
            if not self._gate.try_start(number):
                continue
            task = codec.decode(frame)
            assert isinstance(task, codec.Task)
            check_arguments(self._agent.world, self._agent, task)
            self._agent.runs.start(self._agent, task.task_id)
            self._task, self._number = task, number
            self._tell(f"starts {task.task_id.hex()[:6]} of level {task.level}")
            self._body = body(_program_of(task), seconds_of(task.task_id), self._submit)
            return True
        return False

    def _step(self) -> None:
        assert self._body is not None
        try:
            wait = next(self._body)
        except StopIteration as end:
            self._finish(is_child_lost=end.value)
            return
        self._waits = True
        if isinstance(wait, float):
            self._agent.host.after(wait, self._on_wait_over)

    def _on_wait_over(self) -> None:
        self._waits = False
        self._go_on()

    def _finish(self, *, is_child_lost: bool) -> None:
        task, self._task, self._body = self._task, None, None
        assert task is not None
        self._tell(f"ends {task.task_id.hex()[:6]}")
        self._gate.finish(self._number)
        if self._own_client is not None:
            self._own_client.leave()
            self._own_client = None
        frames = self._agent.runs.end(task, self._agent.world.random, is_child_lost=is_child_lost)
        self._unsent.append((task.task_id, frames))
        self._later(self._flush)

    def _tell(self, text: str) -> None:
        self._agent.world.tell(f"processor {self.identity.decode()} {text}")

    # -- clients

    def _submit(self, program: Program, as_graph: bool) -> Children:
        """Submit children with a client, as deep as the product counts: one more than this task."""
        assert self._task is not None
        client, level = self._client(program), self._task.level + 1
        children = Children(self._on_wait_over)
        if client.connected and as_graph:
            children.unended = client.submit_graph(level, children.on_end)
        elif client.connected:
            children.unended = program.width
            for _ in range(program.width):
                client.submit_program(program.child(), level, children.on_end)
        else:
            children.is_any_lost = True
        return children

    def _client(self, program: Program) -> SimulatedClient:
        if program.has_own_client:
            if self._own_client is None:
                self._own_client = self._new_client()
            return self._own_client
        if self._shared_client is None:
            self._shared_client = self._new_client()
        return self._shared_client

    def _new_client(self) -> SimulatedClient:
        name = f"{self.identity.decode()}.{next(self._client_numbers)}"
        client = SimulatedClient(self._agent.world, name, self._agent.runs, self._agent.host)
        self.clients.append(client)
        self._agent.all_clients.append(client)
        client.connect()
        return client

    # -- the link to the agent: in order, and short

    def _flush(self) -> None:
        if not self.is_alive:
            return
        unsent, self._unsent = self._unsent, []
        for _, frames in unsent:
            for frame in frames:
                self._later(partial(self._agent.on_processor_frame, self, frame))

    def _later(self, action: Callable[[], None]) -> None:
        """Do something soon, after everything that was to be done soon before."""
        self._on_its_way.append(action)
        self._agent.host.after(self._agent.world.random.choice(_SIGNAL_SECONDS), lambda: self._on_its_way.popleft()())


def _program_of(task: codec.Task) -> Program:
    """Return what a task does; a node of a graph only works."""
    arguments = task.function_args
    if len(arguments) == 1 and arguments[0].type == codec.ArgumentType.value and len(arguments[0].data) == 6:
        return Program.decode(arguments[0].data)
    return Program(0, 0, 0)
