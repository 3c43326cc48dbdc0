"""A log file that several processes may share, renamed when the day ends."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time

from scaler.utility.logging.lost_lines import LostLines

_RETRY_SECONDS = 1.0


class DailyFileHandler(logging.FileHandler):
    """Appends to a file; the first record of a day renames yesterday's file to ``<path>.<date>``.

    Whichever process comes first renames it, under a lock of the file; the others notice and open the new one. What
    cannot be written is lost, and told of on the standard error.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path, encoding="utf-8")
        self._next_check = 0.0
        self._lost = LostLines(path)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if record.created >= self._next_check:
                self._start_new_day(record.created)
            super().emit(record)
        except OSError:  # of a file that cannot be opened any more; whoever logs must not fail because of it
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        if not self._lost.tell():
            super().handleError(record)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # of what is left to be written
            super().close()

    def _start_new_day(self, now: float) -> None:
        day = time.localtime(now)
        self._next_check = now + _RETRY_SECONDS  # unless it succeeds
        today = time.strftime("%Y-%m-%d", day)
        with open(self.baseFilename, "a") as current:
            fcntl.flock(current, fcntl.LOCK_EX)
            status = os.fstat(current.fileno())
            last_day = time.strftime("%Y-%m-%d", time.localtime(status.st_mtime))
            is_current = os.path.exists(self.baseFilename) and os.path.samestat(status, os.stat(self.baseFilename))
            if is_current and status.st_size and last_day != today:
                os.rename(self.baseFilename, f"{self.baseFilename}.{last_day}")
        if self.stream is not None:
            stream, self.stream = self.stream, None
            stream.close()
        self.stream = self._open()
        self._next_check = time.mktime((day.tm_year, day.tm_mon, day.tm_mday + 1, 0, 0, 0, 0, 0, -1))
