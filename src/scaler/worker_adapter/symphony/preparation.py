"""What the process of a Symphony worker does before it gets its settings."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def prepare() -> None:
    """Let signals end the process at once, as nothing has begun; its event loop takes them over later."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit_at_once)


def _exit_at_once(_number: int, _frame: FrameType | None) -> None:
    os._exit(0)
