"""Asks for figures on behalf of many: however often somebody scrapes, what is asked is asked once in a while.

One thread reads. Whoever wants figures gets those of the last reading while they are fresh, or waits for the next one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Figures = TypeVar("Figures")

_logger = logging.getLogger(__name__)


class NoFiguresError(Exception):
    """There are no figures at the moment; the text says why."""


class Readings(Generic[Figures]):
    """``read`` is called by one thread, and not again while its figures are fresh; it may raise any Exception."""

    def __init__(self, read: Callable[[], Figures], fresh_seconds: float = 1.0) -> None:
        self._read = read
        self._fresh_seconds = fresh_seconds
        self._changed = threading.Condition()
        self._is_wanted = False
        self._is_closed = False
        self._readings = 0
        self._read_at_seconds = 0.0  # when the last reading that has ended began
        self._figures: Figures | None = None
        self._failure = ""
        self._thread = threading.Thread(target=self._run, name="metrics-reader")
        self._thread.start()

    def latest(self, timeout_seconds: float) -> Figures:
        """Return figures that are fresh, or come in time. Raise NoFiguresError without them."""
        with self._changed:
            if not self._is_fresh():
                known = self._readings
                self._is_wanted = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._readings > known or self._is_closed, timeout_seconds)
                if self._readings == known:
                    raise NoFiguresError(f"no answer within {timeout_seconds:g} seconds")
            if self._figures is None:
                raise NoFiguresError(self._failure)
            return self._figures

    def close(self) -> None:
        """End the thread, when the reading under way has ended; idempotent."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()

    def _is_fresh(self) -> bool:
        return self._readings > 0 and time.monotonic() - self._read_at_seconds < self._fresh_seconds

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_wanted or self._is_closed)
                if self._is_closed:
                    return
                self._is_wanted = False
            began_seconds, figures, failure = time.monotonic(), None, ""
            try:
                figures = self._read()
            except Exception as error:  # of the outermost kind: whoever waits is told, and the next reading may do
                failure = str(error) or type(error).__name__
                _logger.debug("metrics: no figures: %s", failure)
            else:
                _logger.debug("metrics: read the figures in %.1f ms", 1000 * (time.monotonic() - began_seconds))
            with self._changed:
                self._readings += 1
                self._is_wanted = False  # who asked while it was under way gets it, too
                self._read_at_seconds, self._figures, self._failure = began_seconds, figures, failure
                self._changed.notify_all()
