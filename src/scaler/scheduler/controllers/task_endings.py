"""Tells whoever waits for a task how it has ended: its client, or the graph that it is a node of."""

from __future__ import annotations

from collections import deque
from typing import Final

from scaler.protocol import codec
from scaler.scheduler.controllers.client_controller import ClientRecord
from scaler.scheduler.controllers.task_reporter import TaskReporter
from scaler.scheduler.graph.graph_record import GraphNode
from scaler.scheduler.outbox import Frame, Outbox
from scaler.scheduler.task import task_end
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.scheduler.task.task_record import TaskRecord

TASK_RESULT: Final = int(codec.MessageKind.taskResult)
CANCEL_CONFIRM: Final = int(codec.MessageKind.taskCancelConfirm)


class TaskEndings:
    """Each is told before the task leaves its worker, which the monitor stream names. Nodes are collected."""

    def __init__(self, outbox: Outbox, reporter: TaskReporter) -> None:
        self._outbox = outbox
        self._reporter = reporter
        self._ended_nodes: deque[tuple[GraphNode, Frame]] = deque()

    def next_ended_node(self) -> tuple[GraphNode, Frame] | None:
        """Return, once, a node that has ended, with its result or the verdict on its cancellation; None without any."""
        return self._ended_nodes.popleft() if self._ended_nodes else None

    def succeeded_or_failed(self, record: TaskRecord, frame: Frame, state: MonitorState, metadata: bytes) -> None:
        """Forward the result of a worker."""
        self._tell(record, frame, TASK_RESULT)
        self._reporter.ended(record, state, metadata)

    def worker_died(self, record: TaskRecord) -> None:
        """Tell that too many workers were lost under a task."""
        assert record.worker is not None
        self._tell(record, task_end.worker_died(record, record.worker), TASK_RESULT)
        self._reporter.ended(record, MonitorState.failedWorkerDied, b"")

    def too_late(self, record: TaskRecord, waited_for: str) -> None:
        """Tell that a task has not started by its deadline."""
        self._tell(record, task_end.too_late(record, waited_for), TASK_RESULT)
        self._reporter.ended(record, MonitorState.failed, b"")

    def malformed(self, record: TaskRecord, reason: str) -> None:
        """Tell that a task cannot be sent again, because its message cannot be read."""
        self._tell(record, task_end.malformed(record, reason), TASK_RESULT)
        self._reporter.ended(record, MonitorState.failed, b"")

    def confirmed(self, record: TaskRecord, kind: codec.TaskCancelConfirmType) -> None:
        """Tell the verdict on the cancellation of a task, which ends with it."""
        self._tell(record, task_end.confirm(record.task_id, kind), CANCEL_CONFIRM)
        self._reporter.ended(record, task_end.confirm_state(kind), b"")

    def cancel_refused(self, record: TaskRecord) -> None:
        """Tell a client that its task goes on; a graph is told nothing, it waits for the end."""
        if record.client is not None and record.node is None:
            frame = task_end.confirm(record.task_id, codec.TaskCancelConfirmType.cancelFailed)
            self._outbox.send(record.client.client_id, frame, CANCEL_CONFIRM)

    def shut_down(self, record: TaskRecord, message: str) -> None:
        """Tell a client that the end of the cluster overtakes its task; its graphs are told themselves."""
        if record.client is not None and record.node is None:
            frame = task_end.shut_down(record.task_id, record.attempt, message)
            self._outbox.send(record.client.client_id, frame, TASK_RESULT)

    def rejected(self, client: ClientRecord, task_id: bytes, attempt: int, limit: int) -> None:
        """Tell a client that its task, or its graph, would wait beyond the limit."""
        self._outbox.send(client.client_id, task_end.rejected(task_id, attempt, limit), TASK_RESULT)

    def node_refused(self, node: GraphNode, reason: str) -> None:
        """Let a node fail that cannot be a task."""
        self._ended_nodes.append((node, task_end.refused(node.task.task_id, reason)))

    def _tell(self, record: TaskRecord, frame: Frame, kind: int) -> None:
        """Tell whoever waits for a task; nobody does once its client has gone."""
        if record.client is None:
            return
        if record.node is not None:
            self._ended_nodes.append((record.node, frame))
        else:
            self._outbox.send(record.client.client_id, frame, kind)
