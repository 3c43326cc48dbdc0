"""Children for the tests of supervision; a module of its own, for a child imports the module of its class."""

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
