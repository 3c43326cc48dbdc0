"""How the task of a processor stands still while others run, and goes on.

Softly: a signal lets the main thread of the processor wait, in the middle of the task, until the agent writes to a
descriptor. The other threads of the process go on, so that a client that the task has made keeps its session. It takes
effect when the main thread next runs Python code. Hard: the kernel stops the whole process at once; clients in it are
lost when that takes longer than their time-outs.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

    from scaler.worker.agent.task_gate import TaskGate

_SUSPEND_SIGNAL: Final = signal.SIGUSR1


class Suspension:
    """The agent's side: lets one processor stand still and go on."""

    def __init__(self, pid: int, gate: TaskGate, descriptor: int, is_hard: bool) -> None:
        """Take over the event descriptor, which the processor has as well."""
        self._pid = pid
        self._gate = gate
        self._descriptor = descriptor
        self._is_hard = is_hard

    def suspend(self) -> None:
        """Let the processor stand still. It must have begun to serve; one that has ended is ignored."""
        if self._is_hard:
            self._send(signal.SIGSTOP)
            return
        self._gate.set_suspended(True)
        self._send(_SUSPEND_SIGNAL)

    def resume(self) -> None:
        """Let the processor go on."""
        if self._is_hard:
            self._send(signal.SIGCONT)
            return
        self._gate.set_suspended(False)
        os.eventfd_write(self._descriptor, 1)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # its end is noticed elsewhere
            os.kill(self._pid, number)


def stand_still_on_demand(gate: TaskGate, descriptor: int) -> None:
    """Prepare the calling process, a processor, to be suspended softly. Call it in the main thread."""

    def stand_still(_signal: int, _frame: FrameType | None) -> None:
        # What was written for an earlier suspension is still in the descriptor when that one came to nothing.
        while gate.is_suspended():
            with contextlib.suppress(InterruptedError):  # told to go on and to stand still again before it woke
                os.eventfd_read(descriptor)

    signal.signal(_SUSPEND_SIGNAL, stand_still)
