"""The place of one processor of a worker, from its start until it is known to be dead."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from scaler.worker.agent.task_gate import SlotState

if TYPE_CHECKING:
    from scaler.worker.agent.held_tasks import HeldTask
    from scaler.worker.agent.task_gate import TaskGate


class SeatState(Enum):
    """How far the processor is."""

    starting = auto()  # not initialized: gets no task
    ready = auto()  # runs what it is fed, or could
    suspended = auto()  # its task stands still
    dying = auto()  # killed, exited or out of reach: gets nothing any more, but what it still says counts


class ProcessorSeat:
    """One processor and the gate it shares with the agent.

    ``fed`` are the tasks it was fed and has not answered, by their number at the gate, oldest first.
    """

    __slots__ = (
        "ended_tasks",
        "exit_code",
        "exited_at",
        "fed",
        "gate",
        "idle_since",
        "initialized",
        "instruction_bytes",
        "kill_reason",
        "killed",
        "link_lost_at",
        "next_number",
        "pid",
        "processor_id",
        "progress",
        "silent_seconds",
        "state",
    )

    def __init__(self, processor_id: bytes, pid: int, gate: TaskGate) -> None:
        self.processor_id = processor_id
        self.pid = pid
        self.gate = gate
        self.fed: dict[int, HeldTask] = {}
        self.state = SeatState.starting
        self.next_number = 0  # of the next task fed through the gate
        self.initialized = False
        self.instruction_bytes = 0  # that it was sent since its last result
        self.killed = False
        self.kill_reason = ""  # what the processor itself gave cause for
        self.progress: tuple[int, int | None] | None = None  # numbers of its first task, and of the first not started
        self.silent_seconds = 0.0  # for so long it has not gone on from there, though it ran nothing
        self.ended_tasks = 0  # in whatever way
        self.exit_code: int | None = None
        self.exited_at: float | None = None
        self.link_lost_at: float | None = None
        self.idle_since: float | None = None

    @property
    def level(self) -> int:
        """The level of nesting of the task that it runs, or will run first. It must have been fed something."""
        return next(iter(self.fed.values())).level

    @property
    def hears(self) -> bool:
        """Whether messages may be sent to it; one that runs a task, or stands still, hears them later."""
        return self.state is SeatState.ready or self.state is SeatState.suspended

    def state_of(self, task: HeldTask) -> SlotState:
        """Return how far a task is that it was fed."""
        return self.gate.state(task.number)

    def may_be_buried(self, now: float, patience_seconds: float) -> bool:
        """Return whether the process has ended and nothing more can be received from it.

        Its last results may still be on their way when its end is noticed, so the end of its link is awaited, but
        never for long: the link may never have come to exist.
        """
        if self.exited_at is None:
            return False
        return self.link_lost_at is not None or now - self.exited_at >= patience_seconds

    def lives_without_link(self, now: float, patience_seconds: float) -> bool:
        """Return whether the process does not end although its link did; such a one is of no use."""
        return self.exited_at is None and self.link_lost_at is not None and now - self.link_lost_at >= patience_seconds
