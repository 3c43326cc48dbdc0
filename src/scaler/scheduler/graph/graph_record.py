"""What the scheduler knows of one live graph and its nodes."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scaler.protocol import codec
    from scaler.scheduler.controllers.client_controller import ClientRecord


class GraphState(enum.Enum):
    """What becomes of a graph. One that is aborting or canceling waits for its running nodes to end."""

    running = enum.auto()
    aborting = enum.auto()  # a node has failed, which its client was told
    canceling = enum.auto()
    refused = enum.auto()  # which its client was told; what is still to come of it is passed over


class NodeState(enum.Enum):
    """What becomes of a node."""

    blocked = enum.auto()  # waits for other nodes
    live = enum.auto()  # a task of the scheduler
    ended = enum.auto()


class GraphNode:
    """One node. Its result is kept, as a value or as the id of an object, while other nodes still need it.

    ``missing`` counts the nodes it waits for, ``users`` those that need its result and have not ended. Nodes in a row
    run as one task, which has the id of the last one: that node knows the ``row``, itself included.
    """

    __slots__ = (
        "dependencies",
        "dependents",
        "graph",
        "is_target",
        "missing",
        "result",
        "row",
        "state",
        "task",
        "users",
    )

    def __init__(self, graph: GraphRecord, task: codec.Task, dependencies: list[GraphNode], is_target: bool) -> None:
        self.graph = graph
        self.task = task
        self.dependencies = dependencies
        self.dependents: list[GraphNode] = []
        self.is_target = is_target
        self.missing = 0
        self.users = 0
        self.state = NodeState.blocked
        self.result: codec.Argument | None = None
        self.row: list[GraphNode] = []

    def __repr__(self) -> str:
        return f"GraphNode({self.task.task_id.hex()}, {self.state.name}, {self.missing} missing, {self.users} users)"


class GraphRecord:
    """One graph, from its first message until its last node has ended. ``unended`` counts the nodes that have not."""

    __slots__ = ("client", "graph_id", "is_complete", "nodes", "state", "targets", "unended")

    def __init__(self, graph_id: bytes, client: ClientRecord, targets: frozenset[bytes]) -> None:
        self.graph_id = graph_id
        self.client = client
        self.targets = targets
        self.nodes: dict[bytes, GraphNode] = {}
        self.state = GraphState.running
        self.is_complete = False  # every node is known
        self.unended = 0

    def __repr__(self) -> str:
        return f"GraphRecord({self.graph_id.hex()}, {self.state.name}, {self.unended}/{len(self.nodes)} nodes unended)"
