"""An agent core with an outbox, a clock and a model of the processor that uses the real gate."""

from __future__ import annotations

import pickle
from collections import deque
from typing import Any

from scaler.protocol import codec
from scaler.worker.agent.core import AgentCore, AgentSettings
from scaler.worker.agent.outbox import (
    KillProcessor,
    Outbox,
    Quit,
    ResumeProcessor,
    StartProcessor,
    SuspendProcessor,
)
from scaler.worker.agent.task_gate import TaskGate

WORKER_ID = b"Worker|test|0"


def make_task(
    number: int, *, priority: int = 0, attempt: int = 0, level: int = 0, timeout_milliseconds: int = 0
) -> bytes:
    return codec.Task(
        task_id=task_id(number),
        source=b"Client|test",
        func_object_id=bytes(32),
        priority=priority,
        attempt=attempt,
        level=level,
        timeout_milliseconds=timeout_milliseconds,
    ).encode()


def task_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def task_number(identity: bytes) -> int:
    return int.from_bytes(identity, "big")


class ProcessorModel:
    """Does what a processor does, one step at a time; results leave it only when they are flushed."""

    def __init__(self, gate: TaskGate, pid: int) -> None:
        self.identity = b"processor-%d" % pid
        self.pid = pid
        self.gate = TaskGate.attach(gate.fileno())
        self.inbox: deque[bytes] = deque()
        self.received = 0
        self.running: tuple[int, bytes, int] | None = None  # gate number, task id, attempt
        self.unsent: list[bytes] = []
        self.started: list[int] = []
        self.killed = False
        self.suspended = False

    def start_next(self) -> bool:
        """Start the next task that was not revoked; return whether there was one."""
        while self.inbox and self.running is None and not self.suspended:
            number, frame = self.received, self.inbox.popleft()
            self.received += 1
            if self.gate.try_start(number):
                identity, _, _, _, _, attempt, _, _ = codec.peek_task(frame)
                self.running = (number, identity, attempt)
                self.started.append(task_number(identity))
                return True
        return False

    def finish(self) -> None:
        assert self.running is not None
        number, identity, attempt = self.running
        self.running = None
        self.gate.finish(number)
        result = codec.TaskResult(
            task_id=identity, result_type=codec.TaskResultType.success, attempt=attempt, value=b"r"
        )
        self.unsent.append(result.encode())


class AgentFixture:
    """Carries out the effects of the core the way the shell does, when ``settle`` is called."""

    def __init__(self, **settings: Any) -> None:
        self.now = 100.0
        self.outbox = Outbox()
        self.core = AgentCore(AgentSettings(worker_id=WORKER_ID, host="box", **settings), self.outbox, self.now)
        self.sent: list[codec.HotMessage] = []  # to the scheduler
        self.quits: list[Quit] = []
        self.processors: list[ProcessorModel] = []
        self.starts_fail = False
        self.initializes_at_once = False

    @property
    def processor(self) -> ProcessorModel:
        """The processor that was started last."""
        return self.processors[-1]

    def named(self, identity: bytes) -> ProcessorModel:
        """Return a processor."""
        return next(model for model in self.processors if model.identity == identity)

    @property
    def serving(self) -> ProcessorModel:
        """The processor that is at work."""
        seat = self.core.seats.serving()
        assert seat is not None
        return self.named(seat.processor_id)

    def ready(self) -> AgentFixture:
        """Connect, and let the first processor be ready."""
        self.core.on_scheduler_connected(self.now)
        self.core.on_storage_address(self.now)
        self.settle()
        self.initialize()
        return self

    def initialize(self) -> None:
        self.core.on_processor_initialized(self.processor.identity)
        self.settle()

    def tasks(self, *numbers: int, **fields: Any) -> AgentFixture:
        for number in numbers:
            self.core.on_task(make_task(number, **fields))
        self.settle()
        return self

    def cancel(self, number: int, *, force: bool) -> None:
        self.core.on_task_cancel(codec.TaskCancel(task_id=task_id(number), force=force).encode())
        self.settle()

    def run(self, count: int = 1, model: ProcessorModel | None = None) -> None:
        """Let a processor, the last one, run tasks to their end and send the results."""
        for _ in range(count):
            processor = model or self.processor
            assert processor.running is not None or processor.start_next()
            processor.finish()
            self.flush_results(processor)

    def flush_results(self, processor: ProcessorModel | None = None) -> None:
        model = processor or self.processor
        frames, model.unsent = model.unsent, []
        for frame in frames:
            self.core.on_task_result(model.identity, frame)
        self.settle()

    def die(self, exit_code: int, *, link: bool = True, model: ProcessorModel | None = None) -> None:
        """End a processor, the last one: its process, and, as usual, its link."""
        model = model or self.processor
        self.core.on_processor_exited(model.identity, exit_code, self.now)
        if link:
            self.core.on_processor_link_lost(model.identity, self.now)
        self.settle()

    def tick(self, seconds: float = 0.25, *, is_listening: bool = True) -> None:
        self.now += seconds
        self.core.on_tick(self.now, is_listening=is_listening)
        self.settle()

    def settle(self) -> None:
        """Carry out what the core wants, and check its books."""
        while self.outbox.to_scheduler or self.outbox.to_processor or self.outbox.commands:
            for frame in self.outbox.take_to_scheduler():
                message = codec.decode(frame)
                assert message is not None
                self.sent.append(message)
            for identity, frame in self.outbox.take_to_processor():
                self.named(identity).inbox.append(bytes(frame))
            for command in self.outbox.take_commands():
                self._carry_out(command)
        self.core.tasks.check()

    def _carry_out(self, command: object) -> None:
        if isinstance(command, Quit):
            self.quits.append(command)
        elif isinstance(command, KillProcessor):
            self.named(command.processor_id).killed = True
        elif isinstance(command, SuspendProcessor):
            assert not self.named(command.processor_id).suspended
            self.named(command.processor_id).suspended = True
        elif isinstance(command, ResumeProcessor):
            assert self.named(command.processor_id).suspended
            self.named(command.processor_id).suspended = False
        elif isinstance(command, StartProcessor):
            if self.starts_fail:
                self.core.on_processor_start_failed("no descriptors", self.now)
                return
            gate = TaskGate.create(256)
            self.processors.append(ProcessorModel(gate, 1000 + len(self.processors)))
            self.core.on_processor_started(self.processor.identity, self.processor.pid, gate)
            if self.initializes_at_once:
                self.core.on_processor_initialized(self.processor.identity)

    # -- what the scheduler was told

    def results(self) -> list[int]:
        return [task_number(each.task_id) for each in self.sent if isinstance(each, codec.TaskResult)]

    def verdicts(self) -> list[tuple[int, codec.TaskCancelConfirmType]]:
        return [
            (task_number(each.task_id), codec.TaskCancelConfirmType(each.cancel_confirm_type))
            for each in self.sent
            if isinstance(each, codec.TaskCancelConfirm)
        ]

    def failure(self, number: int) -> tuple[int, BaseException]:
        """Return (cause, exception) of the task's failed result."""
        for each in self.sent:
            if isinstance(each, codec.TaskResult) and each.task_id == task_id(number):
                assert each.result_type == codec.TaskResultType.failed and each.value is not None
                return each.cause, pickle.loads(each.value)
        raise AssertionError(f"task {number} has no result")

    def ends(self) -> list[int]:
        """Return every end of a task, in order."""
        canceled = codec.TaskCancelConfirmType.canceled
        return [
            task_number(each.task_id)
            for each in self.sent
            if isinstance(each, codec.TaskResult)
            or (isinstance(each, codec.TaskCancelConfirm) and each.cancel_confirm_type == canceled)
        ]
