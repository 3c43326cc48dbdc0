"""A group of workers that an adapter has started, and what the scheduler knows of its adapter."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0


class GroupState(enum.Enum):
    """The life of a group; it ends when its adapter has confirmed that it is gone."""

    running = "running"
    draining = "draining"
    stopping = "stopping"


@dataclass
class WorkerGroup:
    """A group; ``worker_ids`` never change, ``seen`` are those that have connected at least once."""

    adapter: int
    group_id: str
    worker_ids: frozenset[bytes]
    started_seconds: float
    state: GroupState = GroupState.running
    seen: set[bytes] = field(default_factory=set)
    gone_since_seconds: float | None = None
    idle_since_seconds: float | None = None
    stop_failed_seconds: float | None = None

    @property
    def pending(self) -> int:
        """Return how many of its workers are expected and have not connected yet."""
        return len(self.worker_ids) - len(self.seen) if self.state is GroupState.running else 0

    @property
    def name(self) -> str:
        return f"worker group {self.group_id}"


@dataclass(frozen=True)
class AdapterInfo:
    """What an adapter says of itself; no limit is ``None``, as are the groups of one that does not list them."""

    max_worker_groups: int | None
    workers_per_group: int
    base_capabilities: Mapping[str, int]
    groups: Mapping[str, frozenset[bytes]] | None = None


class AdapterRecord:
    """An adapter: one request at a time, and a pause after a failure that doubles until one succeeds."""

    def __init__(self) -> None:
        self.info: AdapterInfo | None = None
        self.info_due_seconds = 0.0
        self.is_busy = False
        self.is_starting = False
        self.start_due_seconds = 0.0
        self.told_full = False
        self._failures = 0
        self._retry_seconds = 0.0

    def is_free(self, now_seconds: float) -> bool:
        """Return whether a request may be made now."""
        return not self.is_busy and now_seconds >= self._retry_seconds

    def may_start(self, groups: int, now_seconds: float) -> bool:
        """Return whether there is room for another group beside so many, as far as the adapter has said."""
        if self.info is None or now_seconds < self.start_due_seconds:
            return False
        return self.info.max_worker_groups is None or groups < self.info.max_worker_groups

    def begin(self, *, starting: bool = False) -> None:
        """Note that a request is under way."""
        self.is_busy, self.is_starting = True, starting

    def end(self) -> None:
        """Note that a request was answered."""
        self.is_busy = self.is_starting = False
        self._failures = 0

    @property
    def has_failed(self) -> bool:
        """Return whether the last request has failed."""
        return self._failures > 0

    def fail(self, now_seconds: float) -> float:
        """Note that a request failed, and return for how many seconds none is made."""
        self.is_busy = self.is_starting = False
        pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(self._failures, 10))
        self._failures += 1
        self._retry_seconds = now_seconds + pause
        return pause

    @property
    def workers_per_group(self) -> int:
        """Return how many workers a group will have, at least one."""
        return 1 if self.info is None else max(1, self.info.workers_per_group)
