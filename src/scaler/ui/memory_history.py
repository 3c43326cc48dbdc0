"""How much memory tasks took over time: a value for each second, and as many as the longest window has."""

from __future__ import annotations

import math
from typing import Final

HISTORY_SECONDS: Final = 1800
_SLOTS: Final = HISTORY_SECONDS + 1
_MOST_POINTS: Final = 300


class MemoryHistory:
    """Adds to every second the memory of a task, times the part of that second in which the task ran.

    So a second has the mean of what all tasks took together. Costs nothing but a fixed list. Seconds are those of the
    viewer's own clock.
    """

    def __init__(self) -> None:
        self._bytes = [0.0] * _SLOTS
        self._newest = 0  # the last second that the list has

    def add(self, began_seconds: float, ended_seconds: float, size_bytes: int) -> None:
        """Add a task; what is older than the history is left out."""
        self._advance(math.floor(ended_seconds))
        oldest = self._newest - _SLOTS + 1
        for second in range(max(oldest, math.floor(began_seconds)), math.floor(ended_seconds) + 1):
            part = min(ended_seconds, second + 1) - max(began_seconds, second)
            if part > 0:
                self._bytes[second % _SLOTS] += part * size_bytes

    def points(self, now_seconds: float, window_seconds: int) -> list[tuple[int, float]]:
        """Return seconds with bytes, 300 at most: of a longer window each point has the most of its seconds."""
        self._advance(math.floor(now_seconds))
        step = max(1, math.ceil(window_seconds / _MOST_POINTS))
        # A point always has the same seconds, so that the curve keeps its shape while it moves.
        first = (self._newest - window_seconds) // step * step + step
        oldest = self._newest - _SLOTS + 1
        return [
            (begin, max(self._bytes[second % _SLOTS] for second in self._seconds(begin, step, oldest)))
            for begin in range(max(first, oldest), self._newest + 1, step)
        ]

    def _seconds(self, begin: int, step: int, oldest: int) -> range:
        return range(max(begin, oldest), min(begin + step, self._newest + 1))

    def _advance(self, second: int) -> None:
        """Empty the places of the seconds that have begun since the last time."""
        for new in range(max(self._newest + 1, second - _SLOTS + 1), second + 1):
            self._bytes[new % _SLOTS] = 0.0
        self._newest = max(self._newest, second)
