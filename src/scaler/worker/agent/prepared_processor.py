"""The interpreter of a processor, spawned before everything that the processor needs to know is known."""

from __future__ import annotations

import os

from scaler.utility.interpreter import Interpreter
from scaler.worker.agent.suspension import make_resume_descriptor
from scaler.worker.agent.task_gate import TaskGate

GATE_SLOTS = 256


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
                "Processor",
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
