"""How much work a run does."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Scale:
    """The sizes of all workloads."""

    tasks: int
    """Tasks of the no-op workloads."""
    calls: int
    """Single calls, one after the other."""
    millisecond_tasks: int
    ten_millisecond_tasks: int
    skewed_tasks: int
    graph_nodes: int
    array_bytes: int
    result_bytes: int
    repeats: int
    """How often the workloads with graphs and with large values are run; the median counts."""
    idle_seconds: float
    budget_seconds: float
    """About how long one workload may take: an engine that is too slow for all its tasks gets fewer."""


FULL = Scale(
    tasks=20_000,
    calls=1_000,
    millisecond_tasks=4_000,
    ten_millisecond_tasks=400,
    skewed_tasks=400,
    graph_nodes=2_000,
    array_bytes=64 << 20,
    result_bytes=32 << 20,
    repeats=3,
    idle_seconds=10.0,
    budget_seconds=10.0,
)
QUICK = dataclasses.replace(
    FULL,
    tasks=5_000,
    calls=300,
    millisecond_tasks=1_000,
    ten_millisecond_tasks=100,
    repeats=2,
    idle_seconds=4.0,
    budget_seconds=2.0,
)
TINY = Scale(
    tasks=20,
    calls=5,
    millisecond_tasks=5,
    ten_millisecond_tasks=4,
    skewed_tasks=10,
    graph_nodes=40,
    array_bytes=1 << 20,
    result_bytes=1 << 20,
    repeats=1,
    idle_seconds=0.01,
    budget_seconds=1.0,
)
SCALES = {"full": FULL, "quick": QUICK, "tiny": TINY}
