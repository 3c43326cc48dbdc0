"""A model of the cluster that follows the monitor stream, without socket and clock.

The contract of the stream is section 5 of docs/protocol.md. The model begins with a snapshot, and passes over what
comes before the first one. It notices when messages are missing; then only a new snapshot makes it whole again, which
who reconnects gets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from scaler.monitor import decoding
from scaler.monitor.events import (
    Event,
    GraphNodeKnown,
    Reported,
    SnapshotBegan,
    TaskEnded,
    TaskPlaced,
    TaskReturned,
    TasksAskedBack,
    WorkerConnected,
    WorkerDisconnected,
)
from scaler.monitor.records import EndedTask, RunningTask, SchedulerReport, Worker
from scaler.protocol import codec
from scaler.scheduler.task.monitor_state import MonitorState

if TYPE_CHECKING:
    from typing_extensions import Buffer

_STATES: Final = {state.name: state for state in MonitorState}
_ENDS: Final = frozenset(
    (
        MonitorState.success,
        MonitorState.failed,
        MonitorState.failedWorkerDied,
        MonitorState.canceled,
        MonitorState.canceledNotFound,
    )
)


class ClusterModel:
    """Clients with the number of their live tasks, workers, the tasks that are placed, and the last report.

    Not thread-safe. ``lost_messages`` counts what the stream has published and this viewer did not get, ``ignored``
    messages that it does not know. What has ended is not kept: events tell of it.
    """

    def __init__(self) -> None:
        self.report = SchedulerReport()
        self.clients: dict[bytes, int] = {}
        self.workers: dict[bytes, Worker] = {}
        self.tasks: dict[bytes, RunningTask] = {}
        self.lost_messages = 0
        self.ignored = 0
        self._expected: int | None = None  # what the next report should say was published; None before a snapshot
        self._snapshot_left = 0
        self._is_whole = False
        self._handlers: dict[str, Callable[[dict[str, Any], float], Event | None]] = {
            "stateWorker": self._on_worker,
            "stateTask": self._on_task,
            "stateBalanceAdvice": self._on_balance_advice,
            "stateGraphTask": self._on_graph_node,
        }

    @property
    def is_complete(self) -> bool:
        """Return whether all that is known to the scheduler is known here: a snapshot has come, and all behind it."""
        return self._is_whole and self._snapshot_left == 0

    @property
    def needs_snapshot(self) -> bool:
        """Return whether messages were missed since the last snapshot, so that nothing but a new one helps."""
        return self._expected is not None and not self._is_whole

    def apply(self, frame: Buffer, now_seconds: float) -> Event | None:
        """Take a message of the stream; return what it changes, None when it is passed over.

        Raise CodecError, a ValueError, when the frame is malformed; the model stays as it was.
        """
        member, fields = codec.decode_any(frame)
        if member == "stateScheduler":
            return self._on_scheduler(fields)
        if self._expected is None:
            return None
        if self._snapshot_left > 0:
            self._snapshot_left -= 1
        else:
            self._expected += 1
        handler = self._handlers.get(member)
        event = handler(fields, now_seconds) if handler is not None else None
        if event is None:
            self.ignored += 1
        return event

    def on_disconnected(self) -> None:
        """Take note that the connection has ended; what is known stays, until a snapshot comes."""
        self._expected = None
        self._snapshot_left = 0
        self._is_whole = False

    def _on_scheduler(self, fields: dict[str, Any]) -> Event | None:
        monitor = fields["monitor"]
        published: int = monitor["published"]
        is_snapshot: bool = monitor["isSnapshot"]
        if is_snapshot:
            self.clients.clear()
            self.workers.clear()
            self.tasks.clear()
            self._snapshot_left = monitor["snapshotMessages"]
            self._expected = published
            self._is_whole = True
        elif self._expected is None:
            return None
        else:
            self._count_lost(published - self._expected + self._snapshot_left)
            self._expected = published + 1
        self.report = decoding.scheduler_report(fields)
        self.clients = {pair["client"]: pair["numTask"] for pair in fields["clientManager"]["clientToNumOfTask"]}
        self._take_workers(fields["workerManager"]["workers"])
        return SnapshotBegan() if is_snapshot else Reported()

    def _count_lost(self, lost: int) -> None:
        self._snapshot_left = 0
        if lost != 0:
            self.lost_messages += max(0, lost)
            self._is_whole = False

    def _take_workers(self, statuses: list[dict[str, Any]]) -> None:
        """Take the status of every worker; a report names all there are."""
        known, self.workers = self.workers, {}
        for fields in statuses:
            worker_id = fields["workerId"]
            worker = self.workers[worker_id] = known.get(worker_id) or Worker(worker_id)
            worker.status = decoding.worker_status(fields)

    def _on_worker(self, fields: dict[str, Any], _now_seconds: float) -> Event | None:
        worker_id = fields["workerId"]
        if fields["state"] == "disconnected":
            self.workers.pop(worker_id, None)
            return WorkerDisconnected(worker_id)
        if fields["state"] != "connected":
            return None
        worker = self.workers.setdefault(worker_id, Worker(worker_id))
        worker.capabilities = decoding.capabilities(fields["capabilities"])
        return WorkerConnected(worker)

    def _on_task(self, fields: dict[str, Any], now_seconds: float) -> Event | None:
        task_id, state = fields["taskId"], _STATES.get(fields["state"])
        if state is MonitorState.running:
            task = RunningTask(
                task_id=task_id,
                function_name=_name(fields),
                worker_id=fields["worker"],
                capabilities=decoding.capabilities(fields["capabilities"]),
                since_seconds=now_seconds,
            )
            self.tasks[task_id] = task
            return TaskPlaced(task)
        if state is MonitorState.inactive:
            return TaskReturned(task_id, self.tasks.pop(task_id, None))
        if state in _ENDS:
            return TaskEnded(self._ended(fields, state))
        return None

    def _ended(self, fields: dict[str, Any], state: MonitorState) -> EndedTask:
        known = self.tasks.pop(fields["taskId"], None)
        return EndedTask(
            task_id=fields["taskId"],
            function_name=_name(fields),
            worker_id=fields["worker"],
            capabilities=decoding.capabilities(fields["capabilities"]),
            state=state,
            profile=decoding.profile(fields["metadata"]),
            since_seconds=known.since_seconds if known is not None else None,
        )

    @staticmethod
    def _on_balance_advice(fields: dict[str, Any], _now_seconds: float) -> Event:
        return TasksAskedBack(fields["workerId"], tuple(fields["taskIds"]))

    @staticmethod
    def _on_graph_node(fields: dict[str, Any], _now_seconds: float) -> Event:
        return GraphNodeKnown(
            graph_id=fields["graphTaskId"],
            task_id=fields["taskId"],
            is_target=fields["nodeTaskType"] == "target",
            parent_ids=tuple(fields["parentTaskIds"]),
        )


def _name(fields: dict[str, Any]) -> str:
    name: bytes = fields["functionName"]
    return name.decode(errors="replace")
