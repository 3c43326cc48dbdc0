"""Takes messages from the agent and carries them out, one after the other."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from scaler.protocol import codec

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from scaler.worker.agent.processor.agent_link import AgentLink
    from scaler.worker.agent.processor.object_cache import ObjectCache
    from scaler.worker.agent.task_gate import TaskGate

_MILLISECONDS: Final = 1000


class TaskLoop:
    """``run_task`` turns a task into the frame of its result, whatever happens."""

    def __init__(
        self, link: AgentLink, gate: TaskGate, cache: ObjectCache, run_task: Callable[[codec.Task], bytes]
    ) -> None:
        self._link = link
        self._gate = gate
        self._cache = cache
        self._run_task = run_task
        self._next_number = 0  # of the next task frame, as the agent counts them
        self._handlers: dict[int, Callable[[Buffer], None]] = {
            codec.MessageKind.task: self._on_task,
            codec.MessageKind.objectInstruction: self._on_object_instruction,
            codec.MessageKind.workerHeartbeatEcho: self._on_echo,
        }

    def run(self) -> None:
        """Serve until the link to the agent ends."""
        for frame in self._link.frames():
            try:
                handler = self._handlers[codec.which(frame)]
            except (codec.CodecError, KeyError):
                logging.error("the agent sent a message that is not understood")
                continue
            handler(frame)

    def _on_task(self, frame: Buffer) -> None:
        number = self._next_number
        self._next_number += 1
        if not self._gate.try_start(number):
            return  # it was taken back
        task = codec.decode(frame)
        assert isinstance(task, codec.Task)
        result = self._run_task(task)
        self._gate.finish(number)
        self._link.send_result(result)

    def _on_object_instruction(self, frame: Buffer) -> None:
        instruction = codec.decode(frame)
        assert isinstance(instruction, codec.ObjectInstruction)
        if instruction.instruction_type == codec.ObjectInstructionType.delete:
            self._cache.discard(instruction.object_ids)

    def _on_echo(self, frame: Buffer) -> None:
        """Take note of what the scheduler says for all processors; the agent passes it on when that has changed."""
        _, fields = codec.decode_any(frame)
        self._cache.retention_seconds = fields["objectRetentionMilliseconds"] / _MILLISECONDS
