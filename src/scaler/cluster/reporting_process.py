"""A child process that tells its parent when it serves, or why it cannot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from scaler.cluster.readiness import START_TIMEOUT_SECONDS, Readiness, ReportingInterpreter
from scaler.utility.process import ChildProcess

if TYPE_CHECKING:
    from scaler.utility.interpreter import Interpreter


class ReportingProcess(ChildProcess):
    """Its ``run`` reports what it has bound by ``_readiness``; ``start`` waits for that."""

    NAME: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(self.NAME)
        self._readiness = Readiness()

    @classmethod
    def prepare(cls, pass_fds: Sequence[int] = ()) -> ReportingInterpreter:
        """Spawn an interpreter for ``start_prepared``, before the settings are known."""
        return ReportingInterpreter(cls, cls.NAME, pass_fds)

    def start(self, pass_fds: Sequence[int] = (), interpreter: Interpreter | None = None) -> None:
        """Spawn the process and wait until it listens; raise ProcessStartError when it cannot."""
        if interpreter is not None:
            raise ValueError(f"{self.name} reports when it listens: use start_prepared")
        self.start_prepared(self.prepare(pass_fds))

    def start_prepared(self, prepared: ReportingInterpreter) -> None:
        """Do the same in an interpreter of ``prepare``."""
        self._readiness = prepared.readiness
        super().start(interpreter=prepared.interpreter)
        try:
            self.wait_until_ready()
        except BaseException:
            self.close()
            raise

    def wait_until_ready(self, timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
        """Wait until the process listens; raise ProcessStartError when it could not, ended, or took longer."""
        self._readiness.wait(self, timeout_seconds)
