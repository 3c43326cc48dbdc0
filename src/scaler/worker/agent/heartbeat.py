"""Makes the heartbeats of a worker from what the core knows and what the system says of its processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scaler.protocol import message
from scaler.utility.process_meter import ProcessMeter, available_memory_bytes
from scaler.worker.agent.processor_seat import SeatState

if TYPE_CHECKING:
    from scaler.worker.agent.core import AgentCore
    from scaler.worker.worker_settings import WorkerSettings

_LARGEST_LATENCY_US = 2**32 - 1


class HeartbeatMaker:
    """Remembers the processes it measures, because their CPU load is that since the last heartbeat."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._queue_size = settings.task_queue_size
        self._capabilities = [{"name": name, "value": value} for name, value in settings.capabilities.items()]
        self._agent = ProcessMeter()
        self._processor: ProcessMeter | None = None

    def make(self, core: AgentCore) -> bytes:
        """Return the frame of the next heartbeat."""
        seat = core.seat
        return message.encode(
            "workerHeartbeat",
            agent=_resource(self._agent),
            rssFree=available_memory_bytes(),
            queueSize=self._queue_size,
            queuedTasks=core.waiting_count(),
            latencyUS=min(int(core.link.latency_seconds * 1_000_000), _LARGEST_LATENCY_US),
            taskLock=seat is not None and seat.state is SeatState.serving and len(core.tasks) == 0,
            processors=self._processors(core),
            capabilities=self._capabilities,
            heldDigest=core.tasks.digest(),
            heldTasks=len(core.tasks),
        )

    def _processors(self, core: AgentCore) -> list[dict[str, Any]]:
        seat = core.seat
        if seat is None or not seat.initialized:
            return []
        if self._processor is None or self._processor.pid != seat.pid:
            self._processor = ProcessMeter(seat.pid)
        return [
            {
                "pid": seat.pid,
                "initialized": seat.initialized,
                "hasTask": core.tasks.fed_count > 0,
                "suspended": False,
                "resource": _resource(self._processor),
            }
        ]


def _resource(process: ProcessMeter) -> dict[str, int]:
    """Return load and memory of a process; zeros when the system does not tell, which must not stop a heartbeat."""
    usage = process.measure()
    return {"cpu": usage.cpu_permille, "rss": usage.rss_bytes}
