"""Lets the lines of native messaging go through the logging of a process; for processes of this package only."""

from __future__ import annotations

import atexit

from scaler.io.ymq.ymq import set_log_descriptor
from scaler.utility.logging.native_lines import NativeLines


def log_native_lines() -> None:
    """Log what native messaging says, from now until the process ends; called once in a process."""
    lines = NativeLines()
    set_log_descriptor(lines.descriptor)

    def end() -> None:
        set_log_descriptor(-1)
        lines.close()

    atexit.register(end)
