"""Makes the heartbeats of a worker from what the core knows and what the system says of its processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from scaler.protocol import message
from scaler.utility.process_meter import ProcessMeter, available_memory_bytes
from scaler.worker.agent.processor_seat import SeatState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scaler.worker.agent.held_tasks import HeldTasks
    from scaler.worker.agent.processor_seat import ProcessorSeat
    from scaler.worker.agent.scheduler_contact import SchedulerContact
    from scaler.worker.worker_settings import WorkerSettings

_LARGEST_LATENCY_US = 2**32 - 1


class WorkerCore(Protocol):
    """What a heartbeat tells of the core of a worker."""

    @property
    def tasks(self) -> HeldTasks: ...
    @property
    def seats(self) -> Iterable[ProcessorSeat]: ...
    @property
    def link(self) -> SchedulerContact: ...
    @property
    def is_draining(self) -> bool: ...
    def waiting_count(self) -> int: ...


class HeartbeatMaker:
    """Remembers the processes it measures, because their CPU load is that since the last heartbeat."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._queue_size = settings.task_queue_size
        self._capabilities = [{"name": name, "value": value} for name, value in settings.capabilities.items()]
        self._agent = ProcessMeter()
        self._processors: dict[int, ProcessMeter] = {}

    def make(self, core: WorkerCore) -> bytes:
        """Return the frame of the next heartbeat."""
        is_ready = any(seat.state is SeatState.ready for seat in core.seats)
        return message.encode(
            "workerHeartbeat",
            agent=_resource(self._agent),
            rssFree=available_memory_bytes(),
            queueSize=self._queue_size,
            queuedTasks=core.waiting_count(),
            latencyUS=min(int(core.link.latency_seconds * 1_000_000), _LARGEST_LATENCY_US),
            taskLock=is_ready and len(core.tasks) == 0,
            processors=self._statuses(core),
            capabilities=self._capabilities,
            heldDigest=core.tasks.digest(),
            heldTasks=len(core.tasks),
            drain=core.is_draining,
        )

    def _statuses(self, core: WorkerCore) -> list[dict[str, Any]]:
        """Return the status of every processor that is ready or stands still, the one at work first."""
        seats = sorted(
            (seat for seat in core.seats if seat.initialized),
            key=lambda seat: (seat.state is SeatState.suspended, not seat.fed),
        )
        self._processors = {seat.pid: self._processors.get(seat.pid) or ProcessMeter(seat.pid) for seat in seats}
        return [
            {
                "pid": seat.pid,
                "initialized": seat.initialized,
                "hasTask": len(seat.fed) > 0,
                "suspended": seat.state is SeatState.suspended,
                "resource": _resource(self._processors[seat.pid]),
            }
            for seat in seats
        ]


def _resource(process: ProcessMeter) -> dict[str, int]:
    """Return load and memory of a process; zeros when the system does not tell, which must not stop a heartbeat."""
    usage = process.measure()
    return {"cpu": usage.cpu_permille, "rss": usage.rss_bytes}
