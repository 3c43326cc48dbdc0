"""Policies that start and stop workers with the load."""

import enum


class ScalingControllerStrategy(enum.Enum):
    """How a scheduler asks worker adapters for workers; ``NULL`` does not."""

    NULL = "NULL"
    VANILLA = "VANILLA"
    FIXED_ELASTIC = "FIXED_ELASTIC"
