"""Lets a signal end a command that has not started anything yet; imports nothing that takes time."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class EarlyEnd:
    """Context manager: SIGINT and SIGTERM end the process at once, with status 0.

    What starts processes, or serves, takes the signals over meanwhile. Behind it they are handled as before, or, when
    it is the whole process, ignored: who presses Ctrl-C twice must not cut off the end. Outside of the main thread, and
    for a signal that is ignored, it does nothing.
    """

    def __init__(self, *, is_whole_process: bool = False) -> None:
        self._is_whole_process = is_whole_process
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> EarlyEnd:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._previous[number] = signal.signal(number, _end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        is_end = self._is_whole_process and (error is None or isinstance(error, SystemExit))
        for number, handler in self._previous.items():
            signal.signal(number, signal.SIG_IGN if is_end else handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    # Not sys.exit: inside the import of a native module that exception would become an ImportError.
    os._exit(0)
