"""Says that no scheduler answers: once it has been waited for a while, or something else answers in its place."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from scaler.protocol import codec

PATIENCE_SECONDS: Final = 3.0
"""How long a connection may take before the log says that there is none."""

_STATES: Final = frozenset(kind for kind in codec.MessageKind if kind.name.startswith("state"))
"""The messages of the monitor stream."""


class Patience:
    """Begins with an attempt to connect, and ends with its outcome. Those that share one say it together, once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, scheduler_address: str) -> None:
        self._loop = loop
        self._scheduler_address = scheduler_address
        self._timer: asyncio.TimerHandle | None = None
        self._is_monitor_told = False

    def begin(self) -> None:
        """Wait from now on, unless somebody does already."""
        if self._timer is None:
            self._timer = self._loop.call_later(PATIENCE_SECONDS, self._say)

    def end(self) -> None:
        """Wait no more: there is an answer, or nobody wants one; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def on_unexpected(self, kind: int) -> None:
        """Say that a message came that no scheduler sends to a worker; of those of a monitor stream, once."""
        if kind not in _STATES:
            logging.error("the scheduler sent a message of kind %d, which is not for workers", kind)
        elif not self._is_monitor_told:
            from scaler.config.derived_addresses import monitor_taken_for_scheduler  # others need no addresses

            self._is_monitor_told = True
            logging.error("%s: no tasks will come", monitor_taken_for_scheduler(self._scheduler_address))

    def _say(self) -> None:
        self._timer = None
        logging.warning(
            "no scheduler answers at %s, trying on: is the address right, does it run, is its port open?",
            self._scheduler_address,
        )
