"""What becomes of tasks, for the monitor stream and its counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from scaler.scheduler.allocate_policy.needs import capabilities_of
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.graph.graph_record import GraphNode
from scaler.scheduler.outbox import Outbox
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.scheduler.task.task_record import TaskRecord

_MOST_NAMES: Final = 10_000


class TaskReporter:
    """Counts the ends of tasks, and publishes placements, returns and ends while anybody listens.

    A function's name is kept, for a function may be deleted before the last of its tasks has ended; of too many those
    go that were met first.
    """

    def __init__(self, outbox: Outbox, function_name: Callable[[bytes], bytes | None]) -> None:
        self._outbox = outbox
        self._function_name = function_name
        self._names: dict[bytes, bytes] = {}
        self.ended_counts: Counter[MonitorState] = Counter()

    def placed(self, record: TaskRecord, worker: WorkerRecord) -> None:
        """Note that a task was placed."""
        if self._outbox.monitored:
            self._outbox.report("stateTask", self.describe(record, MonitorState.running, worker, b""))

    def returned(self, record: TaskRecord) -> None:
        """Note that a task has left its worker without an end: it was taken back, or the worker has gone."""
        if self._outbox.monitored:
            self._outbox.report("stateTask", self.describe(record, MonitorState.inactive, None, b""))

    def ended(self, record: TaskRecord, state: MonitorState, metadata: bytes) -> None:
        """Note that a task ended; its record still says on which worker."""
        self.ended_counts[state] += 1
        if self._outbox.monitored:
            self._outbox.report("stateTask", self.describe(record, state, record.worker, metadata))

    def node_known(self, node: GraphNode) -> None:
        """Note a node of a graph, and on which others it depends."""
        if self._outbox.monitored:
            self._outbox.report(
                "stateGraphTask",
                {
                    "graphTaskId": node.graph.graph_id,
                    "taskId": node.task.task_id,
                    "nodeTaskType": "target" if node.is_target else "normal",
                    "parentTaskIds": [dependency.task.task_id for dependency in node.dependencies],
                },
            )

    def describe(
        self, record: TaskRecord, state: MonitorState, worker: WorkerRecord | None, metadata: bytes
    ) -> dict[str, Any]:
        """Return the fields of a StateTask."""
        return {
            "taskId": record.task_id,
            "functionName": self._name(record.function_id),
            "state": state.name,
            "worker": worker.worker_id if worker is not None else b"",
            "capabilities": capabilities_of(record.needs),
            "metadata": metadata,
        }

    def _name(self, function_id: bytes) -> bytes:
        name = self._function_name(function_id)
        if name is None:
            return self._names.get(function_id, b"<Unknown>")
        if function_id not in self._names:
            if len(self._names) >= _MOST_NAMES:
                del self._names[next(iter(self._names))]
            self._names[function_id] = name
        return name
