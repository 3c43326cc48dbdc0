"""Policies that start and stop workers with the load."""

import enum


class ScalingControllerStrategy(enum.Enum):
    """How a scheduler asks worker adapters for workers; ``NULL`` does not."""

    NULL = "NULL"
    VANILLA = "VANILLA"
    FIXED_ELASTIC = "FIXED_ELASTIC"

    @property
    def number_of_adapters(self) -> int:
        """Return how many webhook URLs it needs."""
        return {"NULL": 0, "VANILLA": 1, "FIXED_ELASTIC": 2}[self.name]
