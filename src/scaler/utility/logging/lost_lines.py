"""What becomes of lines that cannot be logged: the standard error says so once in a while, without tracebacks."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    TextHandler = logging.StreamHandler[TextIO]
else:
    TextHandler = logging.StreamHandler

_PAUSE_SECONDS = 60.0


class LostLines:
    """Tells of lines that were lost at a place. Used under the lock of a handler."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._quiet_until_seconds = 0.0

    def tell(self) -> bool:
        """Tell of the error that is being handled, and return whether it is one of the place, as a full disk is."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            return False
        now = time.monotonic()
        if now >= self._quiet_until_seconds:
            self._quiet_until_seconds = now + _PAUSE_SECONDS
            with contextlib.suppress(OSError, ValueError):  # there may be no standard error either
                text = f"cannot log to {self._place}: {error.strerror or error}: lines are lost"
                print(text, file=sys.stderr, flush=True)
        return True


class ConsoleHandler(TextHandler):
    """Writes to a standard stream, whose reader may have gone."""

    def __init__(self, stream: TextIO, place: str) -> None:
        super().__init__(stream)
        self._lost = LostLines(place)

    def handleError(self, record: logging.LogRecord) -> None:
        if not self._lost.tell():
            super().handleError(record)
