"""A task that has not ended."""

from __future__ import annotations

from scaler.client.agent.object_registry import StoredFunction
from scaler.client.future import ScalerFuture
from scaler.utility.identifiers import ObjectID


class PendingTask:
    """The future of a task, and what is kept in the object storage for it alone."""

    __slots__ = ("function", "future", "is_cancel_requested", "object_ids")

    def __init__(self, future: ScalerFuture, function: StoredFunction, object_ids: tuple[ObjectID, ...]) -> None:
        self.future = future
        self.function = function
        self.object_ids = object_ids
        self.is_cancel_requested = False
