"""A simulated worker around the real core of an agent, with simulated processors."""

from __future__ import annotations

from typing import Final

from clients import SimulatedClient
from leaving import leave
from processors import SimulatedProcessor
from runs import Runs
from world import Peer, World

from scaler.io.ymq.ymq import Role
from scaler.protocol import codec, message
from scaler.utility.identifiers import WorkerID
from scaler.worker.agent.core import AgentCore, AgentSettings
from scaler.worker.agent.held_tasks import Place
from scaler.worker.agent.outbox import (
    KillProcessor,
    Outbox,
    Quit,
    ResumeProcessor,
    StartProcessor,
    SuspendProcessor,
)
from scaler.worker.agent.task_gate import SlotState, TaskGate

TICK_SECONDS: Final = 0.25
RECONNECT_SECONDS: Final = 0.5
_GATE_SLOTS: Final = 256


class SimulatedAgent(Peer):
    """A machine with one worker. What the core wants is carried out as the shell of the product does."""

    role = Role.worker

    def __init__(
        self, world: World, name: str, runs: Runs, queue_size: int, all_clients: list[SimulatedClient]
    ) -> None:
        """``all_clients`` is the list that the clients of tasks are added to."""
        super().__init__(world, WorkerID(f"Worker|{name}|{0:032x}".encode()))
        self.runs = runs
        self.all_clients = all_clients
        self._name = name
        self._queue_size = queue_size
        self._fed_limit = world.random.choice((1, 3, 64))
        self._processor_count = 0
        self._clock_ahead_seconds = 0.0
        self._begin()

    # -- life

    def connect(self) -> None:
        """Begin a session, and register."""
        super().connect()
        self._core.on_scheduler_connected(self._now)
        self._core.on_storage_address(self._now)
        self._heartbeat()
        self._flush()

    def peers(self) -> list[Peer]:
        """Return who has sessions from this machine."""
        clients = [client for processor in self.processors.values() for client in processor.clients]
        return [self, *(client for client in clients if client.connected)]

    def on_crash(self) -> None:
        """Begin anew, after the end of everything here."""
        for processor in self.processors.values():
            processor.die(keeps_results=False)
        self._begin()

    def on_sessions_lost(self) -> None:
        """Take note that the sessions of this machine have ended."""
        for processor in list(self.processors.values()):
            for client in processor.clients:
                processor.on_client_lost(client)
        self._core.on_scheduler_lost(self._now)
        self._flush()

    def on_client_lost(self, client: SimulatedClient) -> None:
        """Take note that the session of a task's client has ended."""
        for processor in self.processors.values():
            if client in processor.clients:
                processor.on_client_lost(client)

    def jump(self, seconds: float) -> None:
        """Let the clock of the agent jump."""
        self._clock_ahead_seconds += seconds

    def kill_processor(self) -> None:
        """Let one of the processors die."""
        living = [processor for processor in self.processors.values() if processor.is_alive]
        if living:
            self._kill(self.world.random.choice(living))

    def has_started(self, task_id: bytes) -> bool:
        """Return whether the task has started, or is not here."""
        task = self._core.tasks.find(task_id)
        if task is None:
            return True
        return task.place is Place.fed and task.seat is not None and task.seat.state_of(task) is not SlotState.fed

    def check_at_rest(self) -> None:
        """I5, I8: no task is held, and no processor stands still, once nothing goes on."""
        if len(self._core.tasks) > 0:
            self.world.fail(f"{self.identity!r} holds {len(self._core.tasks)} tasks at rest")
        if any(processor.is_alive and processor.is_told_to_stand_still for processor in self.processors.values()):
            self.world.fail(f"a processor of {self.identity!r} stands still at rest")

    # -- events

    def on_frame(self, frame: bytes) -> None:
        """Hand a frame of the scheduler to the core."""
        kind = codec.which(frame)
        if kind == codec.MessageKind.task:
            self._core.on_task(frame)
        elif kind == codec.MessageKind.taskCancel:
            self._core.on_task_cancel(frame)
        elif kind == codec.MessageKind.objectInstruction:
            self._core.on_object_instruction(frame)
        elif kind == codec.MessageKind.workerHeartbeatEcho:
            self._core.on_heartbeat_echo(self._now)
        elif kind == codec.MessageKind.clientDisconnect:
            if len(self._core.tasks) > 0:
                self.world.fail(f"{self.identity!r} is told to leave with {len(self._core.tasks)} tasks")
            self._is_dismissed = True
            self._core.on_shutdown()
        self._flush()

    def on_processor_frame(self, processor: SimulatedProcessor, frame: bytes) -> None:
        """Hand a frame of a processor to the core."""
        if codec.which(frame) == codec.MessageKind.taskResult:
            self._core.on_task_result(processor.identity, frame)
        else:
            self._core.on_processor_message(processor.identity, frame)
        self._flush()

    @property
    def _now(self) -> float:
        return self.world.now + self._clock_ahead_seconds

    def _begin(self) -> None:
        self.processors: dict[bytes, SimulatedProcessor] = {}
        self._outbox = Outbox()
        self._is_dismissed = False
        settings = AgentSettings(worker_id=self.identity, host="box", fed_limit=self._fed_limit)
        self._core = AgentCore(settings, self._outbox, self._now)
        self.host.after(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._core.on_tick(self._now)
        self._heartbeat()
        self._flush()
        self.host.after(TICK_SECONDS, self._tick)

    def _heartbeat(self) -> None:
        if self._core.link.take_heartbeat(self._now):
            held = self._core.tasks
            self._outbox.to_scheduler.append(
                message.encode(
                    "workerHeartbeat", queueSize=self._queue_size, heldTasks=len(held), heldDigest=held.digest()
                )
            )

    # -- effects

    def _flush(self) -> None:
        while True:
            for frame in self._outbox.take_to_scheduler():
                self.send(bytes(frame))
            for identity, frame in self._outbox.take_to_processor():
                self.processors[identity].take(bytes(frame))
            commands = self._outbox.take_commands()
            if not commands:
                break
            for command in commands:
                self._carry_out(command)
        self._check()

    def _carry_out(self, command: object) -> None:
        if isinstance(command, StartProcessor):
            self._start_processor()
        elif isinstance(command, SuspendProcessor):
            self.processors[command.processor_id].suspend()
        elif isinstance(command, ResumeProcessor):
            self.processors[command.processor_id].resume()
        elif isinstance(command, KillProcessor):
            processor = self.processors[command.processor_id]
            processor.is_told_to_die = True
            self.host.after(0.0001, lambda: self._kill(processor))
        elif isinstance(command, Quit):
            if not self._is_dismissed:
                self.world.fail(f"{self.identity!r} leaves: {command.reason}")
            leave(self.world, self)

    def _start_processor(self) -> None:
        self._processor_count += 1
        gate = TaskGate.create(_GATE_SLOTS)
        processor = SimulatedProcessor(self, f"{self._name}p{self._processor_count}", gate)
        self.processors[processor.identity] = processor
        self._core.on_processor_started(processor.identity, self._processor_count, gate)
        self.host.after(self.world.random.uniform(0.05, 0.3), lambda: self._on_initialized(processor))

    def _on_initialized(self, processor: SimulatedProcessor) -> None:
        if processor.is_alive:
            self._core.on_processor_initialized(processor.identity)
            self._flush()

    def _kill(self, processor: SimulatedProcessor) -> None:
        """End a processor. The agent hears of its link and of its exit, in some order."""
        if not processor.is_alive:
            return
        random, identity = self.world.random, processor.identity
        processor.die(keeps_results=random.random() < 0.5)
        exit_after = random.choice((0.001, 0.003, 0.1))

        def on_exit() -> None:
            self._core.on_processor_exited(identity, -9, self._now)
            self._flush()

        def on_link_lost() -> None:
            self._core.on_processor_link_lost(identity, self._now)
            self._flush()

        self.host.after(exit_after, on_exit)
        self.host.after(random.choice((0.003, 0.02)), on_link_lost)

    # -- what must hold

    def _check(self) -> None:
        """I8: one processor is at work, and one stands still only while a deeper task is here."""
        self._core.tasks.check()
        if sum(processor.is_at_work for processor in self.processors.values()) > 1:
            self.world.fail(f"two processors of {self.identity!r} are at work")
        innermost = self._core.seats.innermost()
        if innermost is not None and not any(task.level > innermost.level for task in self._core.tasks._tasks.values()):
            self.world.fail(f"a task of {self.identity!r} stands still, with nothing deeper there")
