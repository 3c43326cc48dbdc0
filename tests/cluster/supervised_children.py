"""Children for the tests of supervision; a module of its own, for a child imports the module of its class."""

import os
import select
import signal
import sys
import time

from scaler.cluster.readiness import Readiness
from scaler.utility.process import ChildProcess


class Child(ChildProcess):
    """Reports in a chosen way, then ends in a chosen way."""

    def __init__(self, behaviour: str) -> None:
        super().__init__(behaviour)
        self.behaviour = behaviour
        self.readiness = Readiness()

    def start(self, pass_fds=()) -> None:
        super().start((*pass_fds, self.readiness.open()))

    def run(self) -> None:
        if self.behaviour == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self.behaviour == "failing":
            self.readiness.report_error("no more paper")
            sys.exit(3)
        if self.behaviour == "dying":
            sys.exit(4)
        if self.behaviour != "slow":
            self.readiness.report("one", "two")
        if self.behaviour != "short":
            time.sleep(600)


class DrainingChild(Child):
    """Goes on with its work after a first SIGTERM; ends well at SIGINT, at a second signal, and at SIGUSR1."""

    def __init__(self, drain_seconds: float) -> None:
        super().__init__("draining")
        self.drain_seconds = drain_seconds
        self._notes, self._own_end = os.pipe()
        self._seen: list[int] = []

    def start(self, pass_fds=()) -> None:
        super().start((*pass_fds, self._own_end))
        os.close(self._own_end)

    def signals_seen(self) -> list[int]:
        """Return the signals that the child has handled so far."""
        while select.select([self._notes], [], [], 0)[0] and (numbers := os.read(self._notes, 100)):
            self._seen += numbers
        return self._seen

    def wait_until_told(self) -> None:
        """Wait until the child has handled a signal, which stays to be seen."""
        assert select.select([self._notes], [], [], 20)[0], "no signal has come"

    def end(self) -> None:
        """Let the child end, as if it had nothing to do any more."""
        self.send_signal(signal.SIGUSR1)

    def close(self) -> None:
        super().close()
        if self._notes >= 0:
            os.close(self._notes)
            self._notes = -1

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, self._on_signal)
        self.readiness.report("one", "two")
        while True:
            time.sleep(0.05)  # a signal that comes just before a sleep is noticed behind it

    def _on_signal(self, number, frame) -> None:
        os.write(self._own_end, bytes([number]))
        is_first, self._seen = not self._seen, [*self._seen, number]
        if number != signal.SIGTERM or not is_first:
            sys.exit(0)
