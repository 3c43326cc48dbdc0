"""What the scheduler tells about itself: the periodic monitor report, and gauges on request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from scaler.protocol import message
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.controllers.client_controller import ClientController
from scaler.scheduler.controllers.object_controller import ObjectController
from scaler.scheduler.controllers.task_controller import TaskController
from scaler.scheduler.controllers.task_reporter import TaskReporter
from scaler.scheduler.outbox import Outbox
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.scheduler.task.task_state_machine import TaskState

_LIVE_STATES: Final = {
    TaskState.waiting: MonitorState.inactive,
    TaskState.placed: MonitorState.running,
    TaskState.retracting: MonitorState.balanceCanceling,
    TaskState.canceling: MonitorState.canceling,
}
_UINT8_MAX: Final = 255


class InformationController:
    """Counts messages, and describes the state of every controller."""

    def __init__(
        self,
        outbox: Outbox,
        clients: ClientController,
        objects: ObjectController,
        tasks: TaskController,
        pool: WorkerPool,
        reporter: TaskReporter,
        gauges: Callable[[], dict[str, int]],
    ) -> None:
        self._outbox = outbox
        self._clients = clients
        self._objects = objects
        self._tasks = tasks
        self._pool = pool
        self._reporter = reporter
        self._gauges = gauges
        self.received: Counter[str] = Counter()

    def on_request(self, peer: bytes, request: bytes) -> None:
        """Answer a request for information; ``gauges`` is the size of every table, anything else an error text."""
        answer: dict[str, Any] = (
            dict(self._gauges()) if request == b"gauges" else {"error": f"unknown request {request!r}, known: gauges"}
        )
        self._outbox.send(peer, message.encode("informationResponse", response=json.dumps(answer).encode()))

    def publish(self, resource: dict[str, int], rss_free_bytes: int, now_seconds: float) -> None:
        """Publish the report; ``resource`` is the scheduler's own cpu (tenths of a percent) and rss (bytes)."""
        if not self._outbox.monitored:
            return
        states: Counter[MonitorState] = Counter(self._reporter.ended_counts)
        states.update({_LIVE_STATES[state]: count for state, count in self._tasks.state_counts().items()})
        self._outbox.report(
            "stateScheduler",
            {
                "binder": {
                    "received": [{"client": name, "number": n % 2**32} for name, n in self.received.items()],
                    "sent": [],
                },
                "scheduler": resource,
                "rssFree": rss_free_bytes,
                "clientManager": {
                    "clientToNumOfTask": [
                        {"client": client.client_id, "numTask": len(client.tasks)}
                        for client in self._clients.clients()
                        if client.tasks
                    ]
                },
                "objectManager": {"numberOfObjects": len(self._objects)},
                "taskManager": {
                    "stateToCount": [{"state": int(state), "count": n % 2**32} for state, n in states.items()]
                },
                "workerManager": {"workers": [self._worker(worker, now_seconds) for worker in self._pool.workers()]},
                "scalingManager": {"workerGroups": []},
            },
        )

    @staticmethod
    def _worker(worker: WorkerRecord, now_seconds: float) -> dict[str, Any]:
        heartbeat = worker.heartbeat
        processors = heartbeat.get("processors", [])
        current = next((processor for processor in processors if not processor["suspended"]), None)
        flags = (
            (current["initialized"], current["hasTask"], heartbeat.get("taskLock", False))
            if current is not None
            else (False, False, heartbeat.get("taskLock", False))
        )
        return {
            "workerId": worker.worker_id,
            "agent": heartbeat.get("agent", {"cpu": 0, "rss": 0}),
            "rssFree": heartbeat.get("rssFree", 0),
            "free": max(0, worker.queue_size - len(worker.tasks)),
            "sent": len(worker.tasks),
            "queued": heartbeat.get("queuedTasks", 0),
            "suspended": min(_UINT8_MAX, sum(1 for processor in processors if processor["suspended"])),
            "lagUS": heartbeat.get("latencyUS", 0),
            "lastS": min(_UINT8_MAX, int(now_seconds - worker.last_heartbeat_seconds)),
            "itl": "".join("1" if flag else "0" for flag in flags),
            "processorStatuses": processors,
        }
