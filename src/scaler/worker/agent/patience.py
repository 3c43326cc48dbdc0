"""Says that no scheduler answers, once it has been waited for a while."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

PATIENCE_SECONDS: Final = 3.0
"""How long a connection may take before the log says that there is none."""


class Patience:
    """Begins with an attempt to connect, and ends with its outcome. Those that share one say it together, once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, scheduler_address: str) -> None:
        self._loop = loop
        self._scheduler_address = scheduler_address
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Wait from now on, unless somebody does already."""
        if self._timer is None:
            self._timer = self._loop.call_later(PATIENCE_SECONDS, self._say)

    def end(self) -> None:
        """Wait no more: there is an answer, or nobody wants one; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _say(self) -> None:
        self._timer = None
        logging.warning(
            "no scheduler answers at %s, trying on: is the address right, does it run, is its port open?",
            self._scheduler_address,
        )
