"""The monitor stream: who subscribes, what a new subscriber is told, and the periodic report.

Nothing is computed while nobody subscribes. What the stream promises stands in docs/protocol.md, section 5. A report of
many workers is made in steps, one for each batch of events, so that no task waits for the whole of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from scaler.protocol.codec import MessageKind, encode_worker_status
from scaler.scheduler.allocate_policy.needs import capabilities_of
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.scheduler.task.task_state_machine import TaskState

if TYPE_CHECKING:
    from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
    from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
    from scaler.scheduler.controllers.client_controller import ClientController
    from scaler.scheduler.controllers.object_controller import ObjectController
    from scaler.scheduler.controllers.shortage_controller import ShortageController
    from scaler.scheduler.controllers.task_controller import TaskController
    from scaler.scheduler.controllers.task_reporter import TaskReporter
    from scaler.scheduler.outbox import Outbox

_LIVE_STATES: Final = {
    TaskState.waiting: MonitorState.inactive,
    TaskState.placed: MonitorState.running,
    TaskState.retracting: MonitorState.balanceCanceling,
    TaskState.canceling: MonitorState.canceling,
}
_TYPE_NAMES: Final = [kind.name[0].upper() + kind.name[1:] for kind in sorted(MessageKind)]
_UINT8_MAX: Final = 255
_UINT32_RANGE: Final = 2**32
WORKERS_OF_A_STEP: Final = 10
"""Workers whose status is encoded in one turn of the loop, which takes some 20 µs for each."""

MOST_SHORTAGES: Final = 100
"""Kinds of needs that a report names, those with the most tasks; clients can make up any number."""


class MonitorController:
    """The one owner of the subscribers, by identity; peers of one identity get each other's snapshots."""

    def __init__(
        self,
        outbox: Outbox,
        clients: ClientController,
        objects: ObjectController,
        tasks: TaskController,
        pool: WorkerPool,
        reporter: TaskReporter,
        shortages: ShortageController,
        received: list[int],
    ) -> None:
        self._outbox = outbox
        self._clients = clients
        self._objects = objects
        self._tasks = tasks
        self._pool = pool
        self._reporter = reporter
        self._shortages = shortages
        self._received = received
        self._subscribers: Counter[bytes] = Counter()
        self._begun: tuple[dict[str, int], int, int] | None = None  # the arguments of a report that is being made
        self._left: list[WorkerRecord] = []
        self._statuses: dict[bytes, bytes] = {}
        self.worker_groups: dict[str, list[bytes]] = {}

    def __len__(self) -> int:
        return self._subscribers.total()

    def on_joined(
        self, subscriber: bytes, resource: dict[str, int], rss_free_bytes: int, dropped: int, now_seconds: float
    ) -> None:
        """Tell a new subscriber, and only it, all that is; see ``publish`` for the figures."""
        self._subscribers[subscriber] += 1
        self._outbox.monitored = True
        workers = self._pool.workers()
        described: list[tuple[str, dict[str, Any]]] = [
            ("stateWorker", worker_state(worker, "connected")) for worker in workers
        ]
        described += [
            ("stateTask", self._reporter.describe(record, MonitorState.running, worker, b""))
            for worker in workers
            for record in worker.tasks.values()
        ]
        statuses = [_worker_status(worker, now_seconds) for worker in workers]
        report = self._report(resource, rss_free_bytes, dropped, statuses)
        report["monitor"].update(isSnapshot=True, snapshotMessages=len(described) % _UINT32_RANGE)
        self._outbox.report_to(subscriber, "stateScheduler", report)
        for member, fields in described:
            self._outbox.report_to(subscriber, member, fields)

    def on_left(self, subscriber: bytes) -> None:
        """Forget a subscriber."""
        self._subscribers[subscriber] -= 1
        if self._subscribers[subscriber] <= 0:
            del self._subscribers[subscriber]
        self._outbox.monitored = len(self) > 0

    def publish(self, resource: dict[str, int], rss_free_bytes: int, dropped: int, now_seconds: float) -> None:
        """Begin a report and make its first step, if anybody subscribes and none is being made.

        ``resource`` is the scheduler's own cpu (tenths of a percent) and rss (bytes), ``dropped`` counts the messages
        of the stream that did not reach a subscriber.
        """
        if self._outbox.monitored and self._begun is None:
            self._begun = (resource, rss_free_bytes, dropped)
            self._left = self._pool.workers()
            self.go_on(now_seconds)

    @property
    def is_reporting(self) -> bool:
        """Return whether a report was begun that wants ``go_on``."""
        return self._begun is not None

    def go_on(self, now_seconds: float) -> None:
        """Make the next step of the report that was begun; the last one publishes it."""
        if self._begun is None:
            return
        step = self._left[-WORKERS_OF_A_STEP:]
        del self._left[-WORKERS_OF_A_STEP:]
        for worker in step:
            self._statuses[worker.worker_id] = encode_worker_status(_worker_status(worker, now_seconds))
        if self._left:
            return
        (resource, rss_free_bytes, dropped), statuses = self._begun, self._statuses
        self._begun, self._statuses = None, {}
        if self._outbox.monitored:
            everyone = [
                statuses.get(worker.worker_id) or encode_worker_status(_worker_status(worker, now_seconds))
                for worker in self._pool.workers()  # without those that have left meanwhile, with those that have come
            ]
            self._outbox.report("stateScheduler", self._report(resource, rss_free_bytes, dropped, everyone))

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the tasks in each state now, and ends by state and messages by type since the start."""
        live = {_LIVE_STATES[state].name: count for state, count in self._tasks.state_counts().items()}
        return {
            "live": live,
            "ended": {state.name: count for state, count in self._reporter.ended_counts.items()},
            "received": dict(zip(_TYPE_NAMES, self._received, strict=True)),
            "sent": dict(zip(_TYPE_NAMES, self._outbox.sent, strict=True)),
        }

    def _report(
        self, resource: dict[str, int], rss_free_bytes: int, dropped: int, statuses: Sequence[dict[str, Any] | bytes]
    ) -> dict[str, Any]:
        clients = [{"client": client.client_id, "numTask": len(client.tasks)} for client in self._clients.clients()]
        return {
            "binder": {
                "received": _by_type(self._received),
                "sent": _by_type(self._outbox.sent),
            },
            "scheduler": resource,
            "rssFree": rss_free_bytes,
            "clientManager": {"clientToNumOfTask": clients},
            "objectManager": {"numberOfObjects": len(self._objects)},
            "taskManager": self._task_manager(),
            "workerManager": {"workers": statuses},
            "scalingManager": {
                "workerGroups": [
                    {"workerGroupID": name.encode(), "workerIDs": ids} for name, ids in self.worker_groups.items()
                ]
            },
            "monitor": {"published": self._outbox.published, "dropped": dropped, "subscribers": len(self)},
        }

    def _task_manager(self) -> dict[str, Any]:
        live = {int(_LIVE_STATES[state]): count for state, count in self._tasks.state_counts().items()}
        ended = {int(state): count for state, count in self._reporter.ended_counts.items()}
        shortages = self._shortages.shortages()[:MOST_SHORTAGES]
        return {
            "stateToCount": [{"state": s, "count": n % _UINT32_RANGE} for s, n in (*live.items(), *ended.items())],
            "live": [{"state": state, "count": count % _UINT32_RANGE} for state, count in live.items()],
            "ended": [{"state": state, "count": count} for state, count in ended.items()],
            "unplaceable": [
                {
                    "capabilities": capabilities_of(shortage.needs),
                    "tasks": shortage.tasks % _UINT32_RANGE,
                    "waitsFor": shortage.waits_for,
                }
                for shortage in shortages
            ],
        }


def _by_type(counts: list[int]) -> list[dict[str, Any]]:
    """Return how many messages there were of each type, but for those that there were none of."""
    return [
        {"client": name, "number": count % _UINT32_RANGE}
        for name, count in zip(_TYPE_NAMES, counts, strict=True)
        if count > 0
    ]


def worker_state(worker: WorkerRecord, state: str) -> dict[str, Any]:
    """Return the fields of a StateWorker; one that is disconnected has no capabilities."""
    capabilities = worker.capabilities.items() if state == "connected" else ()
    return {
        "workerId": worker.worker_id,
        "state": state,
        "capabilities": [{"name": name, "value": value} for name, value in capabilities],
    }


def _worker_status(worker: WorkerRecord, now_seconds: float) -> dict[str, Any]:
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
        "draining": worker.draining,
    }
