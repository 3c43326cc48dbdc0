"""Makes the messages of a graph: one for a small one, several for a large one, in the order of its nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from scaler.client.nesting import next_level
from scaler.client.object_reference import ObjectReference
from scaler.protocol import codec
from scaler.utility.garbage import without_collection
from scaler.utility.identifiers import ClientID, ObjectID, TaskID
from scaler.utility.serialization import INLINE_VALUE_BYTES

if TYPE_CHECKING:
    from scaler.client.graph.graph_plan import GraphPlan
    from scaler.client.new_object import NewObject
    from scaler.client.task_factory import TaskFactory

_TASK: Final = int(codec.ArgumentType.task)
_OBJECT_ID: Final = int(codec.ArgumentType.objectID)
_VALUE: Final = int(codec.ArgumentType.value)
_SMALL_BYTES: Final = 1024
"""A value up to this travels with every node that takes it; a larger one only while that is not much in all."""
_MESSAGE_BYTES: Final = 1024 * 1024
_NODE_BYTES: Final = 200
"""About what a node takes in a message besides its values."""


class NewGraph(NamedTuple):
    """A graph that is ready to be sent once its objects are stored."""

    graph_id: TaskID
    node_ids: dict[str, TaskID]
    frames: list[bytes]
    objects: list[NewObject]


class GraphBuilder:
    """Turns plans into messages."""

    def __init__(self, identity: ClientID, tasks: TaskFactory) -> None:
        self._identity = identity
        self._tasks = tasks

    def build(
        self, plan: GraphPlan, function_ids: dict[str, ObjectID], capabilities: dict[str, int] | None
    ) -> NewGraph:
        """Return the graph, with the function of each call by its key. Raise MissingObjects or a serializer's error."""
        objects: list[NewObject] = []
        arguments = self._data_arguments(plan, objects)
        with without_collection():
            node_ids = {key: self._tasks.next_id() for key in plan.calls}
            for key, node_id in node_ids.items():
                arguments[key] = codec.Argument(_TASK, node_id)
            level = next_level()
            nodes = (
                self._tasks.make_node(
                    node_ids[key], function_ids[key], [arguments[name] for name in call.takes], capabilities, level
                )
                for key, call in plan.calls.items()
            )
            graph_id = self._tasks.next_id()
            targets = [node_ids[key] for key in plan.keys if key in node_ids]
            return NewGraph(graph_id, node_ids, list(self._frames(graph_id, targets, nodes)), objects)

    def _data_arguments(self, plan: GraphPlan, objects: list[NewObject]) -> dict[str, codec.Argument]:
        """Return what stands for each node of data, and collect the objects that are to be stored."""
        uses = Counter(name for call in plan.calls.values() for name in call.takes)
        return {
            key: self._data_argument(key, value, uses[key], objects) for key, value in plan.data.items() if uses[key]
        }

    def _data_argument(self, key: str, value: Any, uses: int, objects: list[NewObject]) -> codec.Argument:
        if type(value) is ObjectReference:
            return codec.Argument(_OBJECT_ID, self._tasks.checked(value, f"node {key!r}"))
        item = self._tasks.make_object(value, key.encode(errors="replace"), f"node {key!r}")
        payload = item.payload
        if type(payload) is bytes and (len(payload) <= _SMALL_BYTES or len(payload) * uses <= INLINE_VALUE_BYTES):
            return codec.Argument(_VALUE, payload)
        objects.append(item)
        return codec.Argument(_OBJECT_ID, item.object_id)

    def _frames(self, graph_id: TaskID, targets: list[TaskID], nodes: Iterator[codec.Task]) -> Iterator[bytes]:
        chunk: list[codec.Task] = []
        size_bytes = 0
        for node in nodes:
            if size_bytes >= _MESSAGE_BYTES:
                yield self._frame(graph_id, targets, chunk, more=True)
                targets, chunk, size_bytes = [], [], 0  # targets are told once
            chunk.append(node)
            size_bytes += _NODE_BYTES + sum(len(argument.data) for argument in node.function_args)
        yield self._frame(graph_id, targets, chunk, more=False)

    def _frame(self, graph_id: TaskID, targets: list[TaskID], nodes: list[codec.Task], *, more: bool) -> bytes:
        return codec.GraphTask(
            task_id=graph_id, source=self._identity, targets=targets, graph=nodes, more=more
        ).encode()
