"""What becomes of tasks, for the monitor stream and its counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.graph.graph_record import GraphNode
from scaler.scheduler.outbox import Outbox
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.scheduler.task.task_record import TaskRecord


class TaskReporter:
    """Counts the ends of tasks, and publishes placements and ends while anybody listens."""

    def __init__(self, outbox: Outbox, function_name: Callable[[bytes], bytes]) -> None:
        self._outbox = outbox
        self._function_name = function_name
        self.ended_counts: Counter[MonitorState] = Counter()

    def placed(self, record: TaskRecord, worker: WorkerRecord) -> None:
        """Note that a task was placed."""
        if self._outbox.monitored:
            self._publish(record, MonitorState.running, worker.worker_id, b"")

    def ended(self, record: TaskRecord, state: MonitorState, metadata: bytes) -> None:
        """Note that a task ended; its record still says on which worker."""
        self.ended_counts[state] += 1
        if self._outbox.monitored:
            worker_id = record.worker.worker_id if record.worker is not None else b""
            self._publish(record, state, worker_id, metadata)

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

    def _publish(self, record: TaskRecord, state: MonitorState, worker_id: bytes, metadata: bytes) -> None:
        self._outbox.report(
            "stateTask",
            {
                "taskId": record.task_id,
                "functionName": self._function_name(record.function_id),
                "state": state.name,
                "worker": worker_id,
                "capabilities": [{"name": name, "value": amount or -1} for name, amount in sorted(record.needs)],
                "metadata": metadata,
            },
        )
