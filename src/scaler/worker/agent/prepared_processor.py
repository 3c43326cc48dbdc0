"""The interpreter of a processor, spawned before everything that the processor needs to know is known."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Final

from scaler.utility.interpreter import Interpreter
from scaler.worker.agent.suspension import make_resume_descriptor
from scaler.worker.agent.task_gate import TaskGate

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

GATE_SLOTS = 256

RESERVE_DELAY_SECONDS: Final = 0.2
"""So long after a processor was replaced the next one is prepared: the two do not compete for the machine."""

RESERVE_SECONDS: Final = 60.0
"""How long a prepared processor is kept that nobody needs."""


class PreparedProcessor:
    """An interpreter that loads what a processor needs, the gate it was given, and the descriptor it is resumed by."""

    def __init__(self) -> None:
        """Spawn it. Raise OSError when the system refuses."""
        self.gate = TaskGate.create(GATE_SLOTS)
        try:
            self.resume_descriptor = make_resume_descriptor()
        except BaseException:
            self.gate.close()
            raise
        try:
            self.interpreter = Interpreter(
                "Next processor",
                "scaler.worker.agent.processor.preparation:prepare",
                pass_fds=(self.gate.fileno(), self.resume_descriptor),
            )
        except BaseException:
            os.close(self.resume_descriptor)
            self.gate.close()
            raise

    def close(self) -> None:
        """Kill it; for one that was not used."""
        self.interpreter.close()
        os.close(self.resume_descriptor)
        self.gate.close()


class Reserve:
    """At most one prepared processor, so that a worker that has just lost one serves again at once.

    It costs a process: whoever never kills a processor, by cancelling what runs or by its death, has none.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, first: PreparedProcessor | None) -> None:
        self._loop = loop
        self._held = first
        self._timer: asyncio.TimerHandle | None = None

    def take(self) -> PreparedProcessor:
        """Return the one in reserve, or a new one. Raise OSError when the system refuses."""
        held, self._held = self._held, None
        if held is not None and not held.interpreter.is_alive():  # somebody has killed it meanwhile
            held.close()
            held = None
        return held or PreparedProcessor()

    def fill_soon(self) -> None:
        """Prepare one in a moment, when there is none, and keep it for a while."""
        if self._held is None:
            self._set_timer(RESERVE_DELAY_SECONDS, self._fill)

    def close(self) -> None:
        """Prepare no more, and end the one in reserve."""
        if self._timer is not None:
            self._timer.cancel()
        self._drop()

    def _fill(self) -> None:
        try:
            self._held = PreparedProcessor()
        except OSError as error:
            logging.warning("cannot prepare a processor: %s", error)
        else:
            self._set_timer(RESERVE_SECONDS, self._drop)

    def _drop(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.close()

    def _set_timer(self, seconds: float, callback: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, callback)
