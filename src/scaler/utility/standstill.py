"""When the main thread of a processor may stand still: not while other threads need what it does, or holds.

A signal handler lets it stand still, which may run anywhere: in the midst of receiving for all threads of a client, or
with a lock that the client's own thread wants. Until the end of that the standstill is put off. Waiting is no reason
against it: a thread that waits takes no time of a processor.

The one object of this module belongs to the process, as its signal handlers do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class Standstill:
    """Lets the main thread stand still on demand, or soon. In other processes than processors it does nothing."""

    def __init__(self) -> None:
        self._main_thread = 0
        self._stand_still: Callable[[], float] = _go_on
        self._depth = 0  # like everything here, of the main thread only
        self._is_due = False
        self._stands_still = False
        self._is_asked_again = False
        self.seconds = 0.0
        """How long the process was to stand still, in all; counted when it goes on."""

    def enable(self, stand_still: Callable[[], float]) -> None:
        """Prepare for demands.

        ``stand_still`` returns when the thread, which is the calling one, may go on: for how many seconds, since the
        start of the process, it was not to.
        """
        self._main_thread = threading.get_ident()
        self._stand_still = stand_still

    def demand(self) -> None:
        """Stand still, or do so when nothing speaks against it any more. A signal handler calls this.

        What is demanded meanwhile is done behind it, not inside: there may be more of it than the stack has room for.
        """
        if self._depth:
            self._is_due = True
        elif self._stands_still:
            self._is_asked_again = True
        else:
            self._stand_still_as_asked()

    def _stand_still_as_asked(self) -> None:
        while True:
            self._is_asked_again = False
            self._stands_still = True
            try:
                self.count(self._stand_still())
            finally:
                self._stands_still = False
            if not self._is_asked_again:
                return

    def put_off(self, call: Callable[[], Result]) -> Result:
        """Do the call without standing still, and return its result; what was demanded meanwhile is done behind it."""
        if threading.get_ident() != self._main_thread:
            return call()
        depth = self._depth
        try:
            self._depth = depth + 1
            return call()
        finally:
            self._depth = depth  # whatever inner calls that were cut off have left
            if self._is_due and depth == 0:
                self._is_due = False
                self.demand()

    def count(self, seconds: float) -> None:
        """Take note of how long the process was to stand still since its start."""
        self.seconds = max(self.seconds, seconds)


def _go_on() -> float:
    return 0.0


standstill = Standstill()
