"""When a cluster grows and shrinks, and by which adapter: what the strategies have in common, and where they differ."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from scaler.config.types.scaling_controller_strategy import ScalingControllerStrategy

LOWER_TASKS_PER_WORKER: Final = 1
"""Below it a worker is too many."""
UPPER_TASKS_PER_WORKER: Final = 10
"""Above it a worker is missing."""


class Trend(enum.Enum):
    """What the load asks for."""

    grow = "grow"
    stay = "stay"
    shrink = "shrink"


def trend(tasks: int, workers: int) -> Trend:
    """Return what so many tasks ask for, given so many workers that take tasks, or will soon."""
    if tasks > UPPER_TASKS_PER_WORKER * workers:
        return Trend.grow
    return Trend.shrink if tasks < LOWER_TASKS_PER_WORKER * workers else Trend.stay


@dataclass(frozen=True)
class ScalingPolicy:
    """A strategy, as the order in which it uses its adapters; they are numbered as their URLs."""

    strategy: ScalingControllerStrategy

    @property
    def adapters(self) -> int:
        """Return how many adapters it needs."""
        return self.strategy.number_of_adapters

    def start_order(self, groups: Sequence[int]) -> list[int]:
        """Return which adapters to start a group with, the best one first, given how many groups each has."""
        if self.strategy is ScalingControllerStrategy.FIXED_ELASTIC:
            return [0, 1] if groups[0] < 1 else [1]
        return list(range(self.adapters))

    def stop_rank(self, adapter: int) -> int:
        """Return a figure by which groups are stopped, those of the lowest first."""
        return -adapter if self.strategy is ScalingControllerStrategy.FIXED_ELASTIC else 0
