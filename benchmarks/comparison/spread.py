"""Medians with their spread, of single figures and of ratios of runs that belong together."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Spread:
    """The median of some values, and the least and the greatest of them."""

    median: float
    minimum: float
    maximum: float
    count: int

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """Return the spread of at least one value."""
        return Spread(statistics.median(values), min(values), max(values), len(values))

    @staticmethod
    def of_ratios(ours: Sequence[float | None], theirs: Sequence[float | None]) -> Spread | None:
        """Return the spread of the ratios of each round, or None when no round has both."""
        ratios = [our / their for our, their in zip(ours, theirs, strict=True) if our is not None and their]
        return Spread.of(ratios) if ratios else None
