"""The graphs that the viewer has seen arrive, and how far each is. Bounded: old graphs go first."""

from __future__ import annotations

from collections import Counter
from typing import Final

from scaler.monitor.events import GraphNodeKnown
from scaler.monitor.records import EndedTask
from scaler.scheduler.task.monitor_state import MonitorState

MOST_GRAPHS: Final = 100
MOST_NODES: Final = 200_000
_ENDS: Final = ("Success", "Failed", "Canceled")
_CANCELED: Final = (MonitorState.canceled, MonitorState.canceledNotFound)


class _Node:
    __slots__ = ("graph", "parent_ids", "state")

    def __init__(self, graph: Graph, parent_ids: tuple[bytes, ...]) -> None:
        self.graph = graph
        self.parent_ids = parent_ids
        self.state = MonitorState.inactive


class Graph:
    """One graph: how many nodes it has in each state. ``inactive`` nodes wait for others, or for a worker."""

    def __init__(self, graph_id: bytes, began_seconds: float) -> None:
        self.graph_id = graph_id
        self.began_seconds = began_seconds
        self.ended_seconds: float | None = None
        self.node_ids: list[bytes] = []
        self.unknown_nodes = 0  # for which there was no room
        self.counts: Counter[MonitorState] = Counter()

    @property
    def failed(self) -> int:
        """The number of nodes that failed."""
        return self.counts[MonitorState.failed] + self.counts[MonitorState.failedWorkerDied]

    @property
    def canceled(self) -> int:
        """The number of nodes that were canceled while they were tasks; others are not told of."""
        return sum(self.counts[state] for state in _CANCELED)

    @property
    def state(self) -> str:
        """Success when all nodes have succeeded; the first failure or cancellation ends the whole."""
        if self.failed:
            return "Failed"
        if self.canceled:
            return "Canceled"
        if self.unknown_nodes:
            return "Too large to follow"
        return "Success" if self.counts[MonitorState.success] == len(self.node_ids) else "Running"


class GraphBook:
    """Follows the nodes of graphs. Not thread-safe."""

    def __init__(self) -> None:
        self._graphs: dict[bytes, Graph] = {}
        self._nodes: dict[bytes, _Node] = {}

    def newest_first(self) -> list[Graph]:
        """Return what is kept."""
        return list(reversed(self._graphs.values()))

    def forget_unended(self) -> None:
        """Forget the graphs that have not ended: what became of them in the meantime is not told again."""
        for graph in [graph for graph in self._graphs.values() if graph.ended_seconds is None]:
            self._forget(graph)

    def on_node_known(self, event: GraphNodeKnown, now_seconds: float) -> None:
        """Add a node to its graph."""
        graph = self._graphs.get(event.graph_id)
        if graph is None:
            graph = self._graphs[event.graph_id] = Graph(event.graph_id, now_seconds)
        if event.task_id in self._nodes:
            return
        if len(graph.node_ids) >= MOST_NODES:
            graph.unknown_nodes += 1
            return
        self._nodes[event.task_id] = _Node(graph, event.parent_ids)
        graph.node_ids.append(event.task_id)
        graph.counts[MonitorState.inactive] += 1
        while len(self._graphs) > 1 and (len(self._graphs) > MOST_GRAPHS or len(self._nodes) > MOST_NODES):
            self._forget(next(iter(self._graphs.values())))

    def on_task(self, task_id: bytes, state: MonitorState) -> None:
        """Take note that a node was placed, or waits again."""
        node = self._nodes.get(task_id)
        if node is not None:
            self._set(node, state)

    def on_ended(self, task: EndedTask, now_seconds: float) -> None:
        """Take the end of a node. Those before it in a row, which are no tasks of their own, have ended with it."""
        node = self._nodes.get(task.task_id)
        if node is None:
            return
        self._set(node, task.state)
        if task.state is MonitorState.success:
            self._end_parents(node)
        graph = node.graph
        if graph.ended_seconds is None and graph.state in _ENDS:
            graph.ended_seconds = now_seconds

    def _end_parents(self, node: _Node) -> None:
        """Whatever a node takes results from has succeeded. Each node is ended once, so this costs little."""
        waiting = list(node.parent_ids)
        while waiting:
            parent = self._nodes.get(waiting.pop())
            if parent is not None and parent.state is not MonitorState.success:
                self._set(parent, MonitorState.success)
                waiting += parent.parent_ids

    @staticmethod
    def _set(node: _Node, state: MonitorState) -> None:
        node.graph.counts[node.state] -= 1
        node.graph.counts[state] += 1
        node.state = state

    def _forget(self, graph: Graph) -> None:
        del self._graphs[graph.graph_id]
        for task_id in graph.node_ids:
            self._nodes.pop(task_id, None)
