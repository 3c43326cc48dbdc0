"""The error of a peer, which costs its message, and in the end its connection.

Every other error in a handler is a defect of the scheduler's own.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from scaler.scheduler.outbox import Outbox

MOST_BAD_MESSAGES: Final = 100
"""Bad messages after which a session ends: a peer of another release may send some, but none shall fill the log."""

_logger = logging.getLogger(__name__)


class BadMessageError(Exception):
    """A message can be read, but says what cannot be, or what its sender may not say."""


class BadMessages:
    """Counts and logs the bad messages of each session, and ends it when there are too many."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._counts: Counter[bytes] = Counter()
        self.total = 0

    def on_bad(self, peer: bytes, error: Exception) -> None:
        """Take note of a message that was dropped, and why."""
        self.total += 1
        self._counts[peer] += 1
        count = self._counts[peer]
        if count <= MOST_BAD_MESSAGES:
            _logger.warning("dropped a message of %r: %s", peer, error)
        if count == MOST_BAD_MESSAGES:
            _logger.warning("closing the connection of %r, which has sent %d bad messages", peer, count)
            self._outbox.close_connection(peer)

    def forget(self, peer: bytes) -> None:
        """Take note that a session has ended, or begun."""
        self._counts.pop(peer, None)
