"""Takes lines of native code into logging: levels, paths, rotation and formats are then those of all lines.

Native threads write to a pipe, and leave out a line that finds no room: for logging they would have to take the
interpreter's lock. A daemon thread reads the pipe and logs.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from types import TracebackType

LINE_FORMAT = "%(levelname)s %(message)s"
"""What a line looks like in the pipe, for native code that is given a format."""

_END_MARK = b"\0\n"
_END_SECONDS = 1.0
_LEVELS = {
    **{name: getattr(logging, name) for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")},
    "DEBG": logging.DEBUG,
    "WARN": logging.WARNING,
    "EROR": logging.ERROR,
    "CTIC": logging.CRITICAL,
}


class NativeLines:
    """A pipe whose lines are logged; a context manager. What was written before its end is logged."""

    def __init__(self) -> None:
        read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._thread = threading.Thread(target=_log_lines, args=(read_end,), name="native-lines", daemon=True)
        self._thread.start()

    @property
    def descriptor(self) -> int:
        """The end to write to."""
        return self._write_end

    @property
    def path(self) -> str:
        """The same as a path that can be opened in this process."""
        return f"/proc/self/fd/{self._write_end}"

    def close(self) -> None:
        """Log what is in the pipe, and end the thread; idempotent. Nobody may write to it any more."""
        if self._write_end >= 0:
            # The end of the pipe would not do: a child that was forked may hold it, too.
            with contextlib.suppress(BlockingIOError):
                os.write(self._write_end, _END_MARK)
            os.close(self._write_end)
            self._write_end = -1
            self._thread.join(_END_SECONDS)

    def __enter__(self) -> NativeLines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _log_lines(read_end: int) -> None:
    with open(read_end, encoding="utf-8", errors="backslashreplace") as lines:
        for line in lines:
            if line == _END_MARK.decode():
                return
            name, _, text = line.rstrip("\n").partition(" ")
            logging.log(_LEVELS.get(name, logging.ERROR), "%s", text if name in _LEVELS else line.rstrip("\n"))
