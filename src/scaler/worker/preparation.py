"""What a worker's process does before it gets its settings, and who may start it so early."""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from scaler.worker.agent.prepared_processor import PreparedProcessor


def prepare() -> PreparedProcessor | None:
    """Spawn the interpreter of the first processor, then import what the agent needs while it starts.

    None when the system refuses a further process: the agent tries again, and gives up in order.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit_at_once)  # nothing has begun yet; the agent's loop takes the signals over
    from scaler.worker.agent.prepared_processor import PreparedProcessor

    try:
        processor = PreparedProcessor()
    except OSError as error:
        logging.warning("cannot start a processor early: %s", error)
        processor = None
    import scaler.io.ymq.native_log
    import scaler.utility.event_loop
    import scaler.utility.logging.utility
    import scaler.worker.agent.agent  # noqa: F401

    return processor


def _exit_at_once(_number: int, _frame: FrameType | None) -> None:
    # Not sys.exit: inside the import of a native module that exception would become an ImportError.
    os._exit(0)
