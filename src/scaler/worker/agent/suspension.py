"""How the task of a processor stands still while others run, and goes on.

Softly: a signal lets the main thread of the processor wait, in the middle of the task, while an event descriptor is at
zero. The other threads of the process go on, so that a client that the task has made keeps its session. It takes effect
when the main thread next runs Python code, and does nothing that the others wait for (``standstill.py``). Signals may
be late, merge, or come while an earlier one is handled, so they say nothing but "look": only the agent changes the
descriptor, and the processor does as it says. Hard: the kernel stops the whole process at once; clients in it are lost
when that takes longer than their time-outs.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_SUSPEND_SIGNAL: Final = signal.SIGUSR1


class Suspension:
    """The agent's side: lets one processor stand still and go on."""

    def __init__(self, pid: int, descriptor: int, is_hard: bool) -> None:
        """Take over the event descriptor, which the processor has as well."""
        self._pid = pid
        self._descriptor = descriptor
        self._is_hard = is_hard

    def suspend(self) -> None:
        """Let the processor, which goes on, stand still. It must have begun to serve; one that has ended is ignored."""
        if self._is_hard:
            self._send(signal.SIGSTOP)
            return
        with contextlib.suppress(BlockingIOError):  # code of a task has taken it
            os.eventfd_read(self._descriptor)
        self._send(_SUSPEND_SIGNAL)

    def resume(self) -> None:
        """Let the processor, which stands still, go on."""
        if self._is_hard:
            self._send(signal.SIGCONT)
            return
        os.eventfd_write(self._descriptor, 1)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # its end is noticed elsewhere
            os.kill(self._pid, number)


def make_resume_descriptor() -> int:
    """Return a new event descriptor that lets a processor go on, from its start."""
    return os.eventfd(1, os.EFD_CLOEXEC | os.EFD_NONBLOCK)


def stand_still_on_demand(descriptor: int) -> None:
    """Prepare the calling process, a processor, to be suspended softly. Call it in the main thread."""
    from scaler.utility.standstill import standstill  # agents, which import this module, have no use for it

    def stand_still() -> None:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll()  # goes on after signals

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        standstill.demand()

    standstill.enable(stand_still)
    signal.signal(_SUSPEND_SIGNAL, on_signal)
