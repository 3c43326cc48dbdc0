"""Lets a signal end a command that has not started anything yet; imports nothing that takes time."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class EarlyEnd:
    """Context manager: SIGINT and SIGTERM end the process at once, with status 0.

    What starts processes, or serves, takes the signals over meanwhile. Outside of the main thread, and for a signal
    that is ignored, it does nothing.
    """

    def __init__(self) -> None:
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
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    # Not sys.exit: inside the import of a native module that exception would become an ImportError.
    os._exit(0)
