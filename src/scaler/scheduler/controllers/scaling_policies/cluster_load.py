"""What a scaling policy gets to see of the cluster, once per look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scaler.scheduler.allocate_policy.needs import Needs


@dataclass(frozen=True)
class WorkerLoad:
    """One connected worker. Its capabilities are empty where tasks are placed without looking at them."""

    tasks: int = 0
    draining: bool = False
    capabilities: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterLoad:
    """All connected workers by identity, and the tasks that the scheduler holds, waiting and placed.

    ``unplaceable`` are those of them that wait although no connected worker may ever run them, by what they need.
    """

    tasks: int
    workers: Mapping[bytes, WorkerLoad] = field(default_factory=dict)
    unplaceable: Mapping[Needs, int] = field(default_factory=dict)
