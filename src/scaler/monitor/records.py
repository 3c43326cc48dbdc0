"""What the monitor stream tells of a cluster, as plain values. Seconds are those of the viewer's own clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from scaler.scheduler.task.monitor_state import MonitorState
from scaler.utility.metadata.profile_result import ProfileResult

Capabilities: TypeAlias = Mapping[str, int]
"""Names with amounts; -1 is any amount, or one without limit."""


@dataclass(frozen=True)
class Load:
    """Of one process: load in thousandths of a core, resident memory in bytes."""

    cpu_permille: int = 0
    rss_bytes: int = 0


@dataclass(frozen=True)
class ProcessorStatus:
    """One processor of a worker at its last heartbeat."""

    pid: int
    load: Load
    is_initialized: bool
    has_task: bool
    is_suspended: bool


@dataclass(frozen=True)
class WorkerStatus:
    """What the last report says of a worker.

    ``free`` tasks could still be placed on it and ``sent`` are; ``queued`` is what its last heartbeat says has not
    started. ``lag_us`` is the estimated way of a message in one direction. ``silent_seconds`` is the age of the last
    heartbeat, 255 at most. ``itl`` has a digit each for: its processor is initialized, has a task, the worker is idle.
    """

    agent: Load = Load()
    rss_free_bytes: int = 0
    free: int = 0
    sent: int = 0
    queued: int = 0
    suspended: int = 0
    lag_us: int = 0
    silent_seconds: int = 0
    itl: str = ""
    is_draining: bool = False
    processors: tuple[ProcessorStatus, ...] = ()


@dataclass
class Worker:
    """A connected worker. Its status is all zeros until the next report after it has connected."""

    worker_id: bytes
    capabilities: Capabilities = field(default_factory=dict)
    status: WorkerStatus = WorkerStatus()


@dataclass(frozen=True)
class RunningTask:
    """A task that was placed on a worker: it runs there, or is about to.

    ``since_seconds`` is when the viewer learnt that.
    """

    task_id: bytes
    function_name: str
    worker_id: bytes
    capabilities: Capabilities
    since_seconds: float


@dataclass(frozen=True)
class EndedTask:
    """The end of a task. ``worker_id`` is empty when it was on none; ``profile`` is None when nothing was measured.

    ``since_seconds`` is when the viewer learnt that it was placed, None when it did not.
    """

    task_id: bytes
    function_name: str
    worker_id: bytes
    capabilities: Capabilities
    state: MonitorState
    profile: ProfileResult | None
    since_seconds: float | None


@dataclass(frozen=True)
class Shortage:
    """Tasks that wait although no connected worker can ever run them, and in words what for."""

    capabilities: Capabilities
    tasks: int
    waits_for: str


@dataclass(frozen=True)
class SchedulerReport:
    """What the scheduler reports every second, besides workers and clients.

    ``live`` counts the tasks in each state now, ``ended`` those that have ended in each since the scheduler's start;
    what is not named is zero. ``received`` and ``sent`` count messages by the name of their type, and wrap at 2^32.
    ``dropped`` counts messages of the stream that did not reach a subscriber, any of them.
    """

    load: Load = Load()
    rss_free_bytes: int = 0
    objects: int = 0
    live: Mapping[MonitorState, int] = field(default_factory=dict)
    ended: Mapping[MonitorState, int] = field(default_factory=dict)
    shortages: tuple[Shortage, ...] = ()
    received: Mapping[str, int] = field(default_factory=dict)
    sent: Mapping[str, int] = field(default_factory=dict)
    worker_groups: Mapping[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    dropped: int = 0
    subscribers: int = 0
