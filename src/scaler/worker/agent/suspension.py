"""How the task of a processor stands still while others run, and goes on.

Softly: a signal lets the main thread of the processor wait, in the middle of the task, while an event descriptor is at
zero. The other threads of the process go on, so that a client that the task has made keeps its session. It takes effect
when the main thread next runs Python code, and does nothing that the others wait for (``standstill.py``). Signals may
be late, merge, or come while an earlier one is handled, so they say nothing but "look": only the agent changes the
descriptor, and the processor does as it says. Hard: the kernel stops the whole process at once; clients in it are lost
when that takes longer than their time-outs.

A process that goes on looks at the descriptor, without changing it, for how long it was to stand still since its start:
that is its value. The processor itself would not know, as the kernel stopped it, or the main thread waited anyway.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_SUSPEND_SIGNAL: Final = signal.SIGUSR1
_MICROSECONDS: Final = 1_000_000


class Suspension:
    """The agent's side: lets one processor stand still and go on."""

    def __init__(self, pid: int, descriptor: int, is_hard: bool) -> None:
        """Take over the event descriptor, which the processor has as well."""
        self._pid = pid
        self._descriptor = descriptor
        self._is_hard = is_hard
        self._suspended_at = time.monotonic()
        self._stood_still_seconds = 0.0

    def suspend(self) -> None:
        """Let the processor, which goes on, stand still. It must have begun to serve; one that has ended is ignored."""
        with contextlib.suppress(BlockingIOError):  # code of a task has taken it
            os.eventfd_read(self._descriptor)
        self._suspended_at = time.monotonic()
        self._send(signal.SIGSTOP if self._is_hard else _SUSPEND_SIGNAL)

    def resume(self) -> None:
        """Let the processor, which stands still, go on."""
        self._stood_still_seconds += time.monotonic() - self._suspended_at
        os.eventfd_write(self._descriptor, max(1, int(self._stood_still_seconds * _MICROSECONDS)))
        if self._is_hard:
            self._send(signal.SIGCONT)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # its end is noticed elsewhere
            os.kill(self._pid, number)


def make_resume_descriptor() -> int:
    """Return a new event descriptor that lets a processor go on, from its start."""
    return os.eventfd(1, os.EFD_CLOEXEC | os.EFD_NONBLOCK)


def stand_still_on_demand(descriptor: int, is_hard: bool = False) -> None:
    """Prepare the calling process, a processor, to be suspended. Call it in the main thread."""
    from scaler.utility.standstill import standstill  # agents, which import this module, have no use for it

    def stand_still() -> float:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        poll.poll()  # goes on after signals
        return _stood_still_seconds(descriptor)

    def on_suspend(_signal: int, _frame: FrameType | None) -> None:
        standstill.demand()

    def on_continue(_signal: int, _frame: FrameType | None) -> None:
        standstill.count(_stood_still_seconds(descriptor))

    if is_hard:
        signal.signal(signal.SIGCONT, on_continue)
    else:
        standstill.enable(stand_still)
        signal.signal(_SUSPEND_SIGNAL, on_suspend)


def _stood_still_seconds(descriptor: int) -> float:
    """Return what the value of the event descriptor says; 0 when it is to stand still again, or cannot be looked at.

    This runs in the midst of a task, which may have used up all descriptors.
    """
    try:
        with open(f"/proc/self/fdinfo/{descriptor}") as information:
            count = re.search(r"eventfd-count:\s*([0-9a-f]+)", information.read())
    except OSError:
        return 0.0
    return 0.0 if count is None else int(count[1], 16) / _MICROSECONDS
