"""Graphs for the scheduler's core: how they are made and sent, how their nodes end, and what must be left of them."""

from __future__ import annotations

from typing import Any

from scheduler_fixture import SchedulerFixture

from scaler.protocol import codec
from scaler.protocol.codec import ArgumentType, TaskResultType
from scaler.utility.identifiers import ClientID, ObjectID, TaskID

VALUE, OBJECT, TASK = int(ArgumentType.value), int(ArgumentType.objectID), int(ArgumentType.task)


class Graph:
    """A graph under construction; nodes are named by a letter."""

    def __init__(self, client: ClientID) -> None:
        self.client = client
        self.graph_id = TaskID.generate_task_id()
        self.ids: dict[str, TaskID] = {}
        self.tasks: list[codec.Task] = []

    def node(self, name: str, *takes: str, **fields: Any) -> Graph:
        """Add a node that takes the results of others."""
        self.ids[name] = TaskID.generate_task_id()
        arguments = [codec.Argument(TASK, self.ids.get(other, other.encode())) for other in takes]
        function = ObjectID.generate_content_object_id(self.client, b"f")
        self.tasks.append(
            codec.Task(task_id=self.ids[name], source=b"", func_object_id=function, function_args=arguments, **fields)
        )
        return self

    def frames(self, *targets: str, nodes_per_message: int = 100) -> list[bytes]:
        """Return the messages of the graph."""
        frames = []
        for start in range(0, max(len(self.tasks), 1), nodes_per_message):
            message = codec.GraphTask(
                task_id=self.graph_id,
                source=self.client,
                targets=[self.ids[name] for name in targets] if start == 0 else [],
                graph=self.tasks[start : start + nodes_per_message],
                more=start + nodes_per_message < len(self.tasks),
            )
            frames.append(message.encode())
        return frames

    def names(self, messages: list[Any]) -> list[str]:
        """Return which nodes the messages are about; ``graph`` is the graph itself."""
        known: dict[bytes, str] = {task_id: name for name, task_id in self.ids.items()}
        known[self.graph_id] = "graph"
        return [known[message.task_id] for message in messages]


def submit(scheduler: SchedulerFixture, graph: Graph, *targets: str, nodes_per_message: int = 100) -> None:
    for frame in graph.frames(*targets, nodes_per_message=nodes_per_message):
        scheduler.say(graph.client, frame)


def arguments_of(task: codec.Task) -> list[tuple[int, bytes]]:
    return [(argument.type, argument.data) for argument in task.function_args]


def fail(scheduler: SchedulerFixture, worker: bytes, task_id: bytes, value: bytes = b"failure") -> None:
    scheduler.say(
        worker, codec.TaskResult(task_id=task_id, result_type=TaskResultType.failed, cause=1, value=value).encode()
    )


def store_result(scheduler: SchedulerFixture, worker: bytes, graph: Graph, name: str) -> ObjectID:
    """End a node with a result that is an object."""
    object_id = ObjectID.generate_object_id(graph.client)
    scheduler.create_objects(worker, graph.client, [object_id])
    result = codec.TaskResult(task_id=graph.ids[name], result_type=TaskResultType.success, results=[object_id])
    scheduler.say(worker, result.encode())
    return object_id


def assert_at_rest(scheduler: SchedulerFixture) -> None:
    gauges = scheduler.core.gauges()
    assert {name: gauges[name] for name in ("graphs", "tasks", "waiting_tasks", "placed_tasks", "objects")} == {
        "graphs": 0,
        "tasks": 0,
        "waiting_tasks": 0,
        "placed_tasks": 0,
        "objects": 0,
    }
