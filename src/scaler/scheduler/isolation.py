"""Keeps the failure of one step from disturbing the others: a defect costs the event that met it, never the loop."""

from __future__ import annotations

import logging
from collections.abc import Callable

_logger = logging.getLogger(__name__)


class Isolation:
    """Carries out steps; one that fails is logged and counted in ``failures``."""

    def __init__(self) -> None:
        self.failures = 0

    def attempt(self, what: str, step: Callable[[], None]) -> None:
        """Carry out a step, whatever becomes of it."""
        try:
            step()
        except Exception:  # of the outermost kind: what one event breaks, all others must survive
            self.failed(what)

    def failed(self, what: str) -> None:
        """Log and count the exception that is being handled."""
        self.failures += 1
        _logger.exception("a defect: %s failed", what)
