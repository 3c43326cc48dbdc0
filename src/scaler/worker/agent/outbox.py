"""What the agent core wants done: the one way from the core to the world."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from scaler.io.ymq.ymq import Bytes

    Frame: TypeAlias = Bytes | bytes


@dataclass(frozen=True)
class StartProcessor:
    """Start a processor, and report it by ``on_processor_started`` or ``on_processor_start_failed``."""


@dataclass(frozen=True)
class KillProcessor:
    """Kill the processor now, and log the reason if there is one; its end is reported as that of any other."""

    processor_id: bytes
    reason: str = ""


@dataclass(frozen=True)
class SuspendProcessor:
    """Let the processor's task stand still: a task that is nested deeper wants its place."""

    processor_id: bytes


@dataclass(frozen=True)
class ResumeProcessor:
    """Let the task of a suspended processor go on."""

    processor_id: bytes


@dataclass(frozen=True)
class Quit:
    """Leave: tell the scheduler, stop the processor, end the process with the exit code."""

    reason: str
    exit_code: int


Command: TypeAlias = StartProcessor | KillProcessor | SuspendProcessor | ResumeProcessor | Quit


class Outbox:
    """Effects of a batch of events, in order of their kind; the shell carries them out once per batch."""

    def __init__(self) -> None:
        self.to_scheduler: list[Frame] = []
        self.to_processor: list[tuple[bytes, Frame]] = []
        self.commands: list[Command] = []

    def take_to_scheduler(self) -> list[Frame]:
        """Return the frames for the scheduler and forget them."""
        frames, self.to_scheduler = self.to_scheduler, []
        return frames

    def take_to_processor(self) -> list[tuple[bytes, Frame]]:
        """Return the frames for processors, with the identity of each, and forget them."""
        messages, self.to_processor = self.to_processor, []
        return messages

    def take_commands(self) -> list[Command]:
        """Return the commands and forget them."""
        commands, self.commands = self.commands, []
        return commands
