"""What a worker adapter is to its webhook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class CapacityExceededError(Exception):
    """The adapter may not start another group for now."""


class WorkerGroupNotFoundError(Exception):
    """The adapter has no such group, or has none any more."""


@dataclass(frozen=True)
class AdapterDescription:
    """What an adapter says of itself. A limit of -1 is none; ``groups`` are the workers of each living group."""

    max_worker_groups: int
    workers_per_group: int
    base_capabilities: Mapping[str, int]
    groups: Mapping[str, list[str]]


class WorkerAdapter(Protocol):
    """Starts and stops groups of workers. All methods are called from one event loop, which they never block."""

    def info(self) -> AdapterDescription:
        """Return what the adapter is now."""
        ...

    async def start_worker_group(self) -> tuple[str, list[str]]:
        """Start a group and return its id and those of its workers. Raise CapacityExceededError."""
        ...

    async def shutdown_worker_group(self, group_id: str) -> None:
        """Stop a group, in bounded time. Raise WorkerGroupNotFoundError."""
        ...

    async def close(self) -> None:
        """Stop all groups, in bounded time; called once, at the end, also while another method is at work."""
        ...
