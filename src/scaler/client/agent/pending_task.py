"""A task that has not ended."""

from __future__ import annotations

from scaler.client.agent.object_registry import StoredFunction
from scaler.client.agent.pending_graph import PendingGraph
from scaler.client.future import ScalerFuture
from scaler.utility.identifiers import ObjectID


class PendingTask:
    """The future of a task, and what is kept in the object storage for it alone.

    A node of a graph has neither function nor objects: those are the graph's, as is its cancellation.
    """

    __slots__ = ("function", "future", "graph", "is_cancel_requested", "object_ids")

    def __init__(
        self,
        future: ScalerFuture,
        function: StoredFunction | None,
        object_ids: tuple[ObjectID, ...] = (),
        graph: PendingGraph | None = None,
    ) -> None:
        self.future = future
        self.function = function
        self.object_ids = object_ids
        self.graph = graph
        self.is_cancel_requested = False
