"""One line of bars that do not overlap; bars alike that nearly touch are one, and their number is bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from scaler.monitor.records import Capabilities
from scaler.scheduler.task.monitor_state import MonitorState

MOST_BARS: Final = 512
_LONGEST_GAP_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Bar:
    """Tasks of one kind that ran one after the other: from the begin of the first to the end of the last."""

    began_seconds: float
    ended_seconds: float
    state: MonitorState
    capabilities: Capabilities
    tasks: int = 1

    def is_like(self, other: Bar) -> bool:
        """Return whether both look the same."""
        return self.state is other.state and self.capabilities == other.capabilities

    def joined(self, later: Bar) -> Bar:
        """Return both as one."""
        return replace(self, ended_seconds=max(self.ended_seconds, later.ended_seconds), tasks=self.tasks + later.tasks)


class Lane:
    """Bars in the order of time. When there are too many, longer gaps are closed, and at last the oldest bars go."""

    def __init__(self, gap_seconds: float) -> None:
        self._gap_seconds = gap_seconds
        self._bars: deque[Bar] = deque()

    @property
    def is_empty(self) -> bool:
        return not self._bars

    def ends_after(self, time_seconds: float) -> bool:
        """Return whether something is left of it after a time."""
        return bool(self._bars) and self._bars[-1].ended_seconds > time_seconds

    def add(self, bar: Bar) -> None:
        """Add a bar at the end. Where it overlaps the last one, for its end was told late, it begins later."""
        if self._bars and bar.began_seconds < self._bars[-1].ended_seconds:
            began = self._bars[-1].ended_seconds
            bar = replace(bar, began_seconds=began, ended_seconds=max(began, bar.ended_seconds))
        _append(self._bars, bar, self._gap_seconds)
        while len(self._bars) > MOST_BARS and self._gap_seconds < _LONGEST_GAP_SECONDS:
            self._gap_seconds *= 2
            self._bars = _merged(self._bars, self._gap_seconds)
        while len(self._bars) > MOST_BARS:
            self._bars.popleft()

    def trim(self, oldest_seconds: float) -> None:
        """Forget the bars that have ended before."""
        while self._bars and self._bars[0].ended_seconds < oldest_seconds:
            self._bars.popleft()

    def shown(self, oldest_seconds: float, gap_seconds: float) -> list[Bar]:
        """Return what is left after a time, with gaps closed that are shorter."""
        left = [bar for bar in self._bars if bar.ended_seconds > oldest_seconds]
        return list(_merged(left, max(gap_seconds, self._gap_seconds)))


def _merged(bars: Iterable[Bar], gap_seconds: float) -> deque[Bar]:
    merged: deque[Bar] = deque()
    for bar in bars:
        _append(merged, bar, gap_seconds)
    return merged


def _append(bars: deque[Bar], bar: Bar, gap_seconds: float) -> None:
    if bars and bars[-1].is_like(bar) and bar.began_seconds - bars[-1].ended_seconds <= gap_seconds:
        bars[-1] = bars[-1].joined(bar)
    else:
        bars.append(bar)
