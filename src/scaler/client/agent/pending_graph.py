"""A graph that has not ended."""

from __future__ import annotations

from collections.abc import Sequence

from scaler.client.agent.object_registry import StoredFunction
from scaler.client.future import ScalerFuture
from scaler.utility.identifiers import ObjectID, TaskID


class PendingGraph:
    """The futures of a graph, one for each node that was asked for, and what is stored for the graph alone.

    ``functions`` are those its nodes call, with the number of nodes.
    """

    __slots__ = ("functions", "futures", "graph_id", "is_cancel_requested", "object_ids")

    def __init__(
        self,
        graph_id: TaskID,
        futures: Sequence[ScalerFuture],
        functions: Sequence[tuple[StoredFunction, int]],
        object_ids: Sequence[ObjectID],
    ) -> None:
        self.graph_id = graph_id
        self.futures = futures
        self.functions = functions
        self.object_ids = object_ids
        self.is_cancel_requested = False
