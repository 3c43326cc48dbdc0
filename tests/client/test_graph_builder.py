"""The messages of a graph."""

from __future__ import annotations

from typing import Any

from scaler.client.graph.graph_builder import GraphBuilder
from scaler.client.graph.graph_plan import GraphPlan
from scaler.client.serializer.default import DefaultSerializer
from scaler.client.task_factory import TaskFactory
from scaler.protocol import codec
from scaler.utility.identifiers import ClientID, ObjectID


def messages_of(graph: dict[str, Any], keys: list[str]) -> list[codec.GraphTask]:
    """Return the messages of a graph, as the scheduler gets them."""
    client = ClientID.generate_client_id()
    plan = GraphPlan.make(graph, keys)
    builder = GraphBuilder(client, TaskFactory(client, DefaultSerializer(), b"", lambda reference: True))
    function_id = ObjectID.generate_content_object_id(client, b"f")
    messages = [
        codec.decode(frame) for frame in builder.build(plan, dict.fromkeys(plan.calls, function_id), None).frames
    ]
    return [message for message in messages if isinstance(message, codec.GraphTask)]


def test_a_small_graph_is_one_message() -> None:
    [message] = messages_of({"x": 1, "y": (abs, "x")}, ["y"])
    assert not message.more
    assert message.targets == [message.graph[0].task_id]


def test_a_large_graph_is_several_messages_of_which_the_first_names_the_targets() -> None:
    """To name them in each would cost the square of their number."""
    size = 20_000
    calls = {f"y{number}": (abs, "x") for number in range(size)}
    messages = messages_of({"x": 1, **calls}, list(calls))
    assert len(messages) > 2
    assert [message.more for message in messages] == [True] * (len(messages) - 1) + [False]
    assert [len(message.targets) for message in messages] == [size] + [0] * (len(messages) - 1)
    assert sum(len(message.graph) for message in messages) == size
