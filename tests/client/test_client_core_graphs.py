"""Graphs in the client's core: which futures end how, and what is released when."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import pytest
from client_stand_ins import PROFILE
from test_client_core import FUNCTION, CoreFixture, decoded, object_id

from scaler.client.agent.pending_graph import PendingGraph
from scaler.client.future import ScalerFuture
from scaler.protocol import codec
from scaler.utility.exceptions import DisconnectedError
from scaler.utility.identifiers import ObjectID, TaskID


class GraphFixture(CoreFixture):
    """A core with one graph of two targets."""

    def __init__(self) -> None:
        super().__init__()
        self.argument = object_id()
        self.graph = self.start([self.argument])
        self.first, self.second = self.graph.futures

    def start(self, objects: Sequence[ObjectID] = ()) -> PendingGraph:
        futures = [ScalerFuture(TaskID.generate_task_id(), self.owner) for _ in range(2)]
        function = self.core.objects.acquire_function(FUNCTION, 5)
        graph = PendingGraph(TaskID.generate_task_id(), futures, [(function, 5)], objects)
        self.core.on_graph_submit(graph)
        return graph

    def end_graph(self, **fields: Any) -> None:
        fields = {"result_type": codec.TaskResultType.success, "metadata": PROFILE.serialize(), **fields}
        self.core.on_task_result(decoded(codec.TaskResult(task_id=self.graph.graph_id, **fields)))
        self.end()

    def confirm_graph(self, answer: codec.TaskCancelConfirmType) -> None:
        confirm = codec.TaskCancelConfirm(task_id=self.graph.graph_id, cancel_confirm_type=answer)
        self.core.on_task_cancel_confirm(decoded(confirm))
        self.end()

    def assert_at_rest(self) -> None:
        sizes = self.core.sizes()
        assert (sizes["tasks"], sizes["graphs"]) == (0, 0)
        assert self.core.objects.take_deletable() == [self.argument]
        self.core.objects.clear()
        assert len(self.core.objects.take_deletable()) == 1  # the function: nobody refers to it


@pytest.fixture
def client() -> GraphFixture:
    return GraphFixture()


def test_targets_end_with_their_own_results(client: GraphFixture) -> None:
    client.result(client.first, value=pickle.dumps(1))
    assert client.first.result() == 1 and not client.second.done()
    client.result(client.second, value=pickle.dumps(2))
    assert client.core.sizes()["graphs"] == 1
    client.end_graph()
    assert client.second.result() == 2
    client.assert_at_rest()


def test_a_failure_ends_what_has_not_ended(client: GraphFixture) -> None:
    client.result(client.first, value=pickle.dumps(1))
    client.end_graph(result_type=codec.TaskResultType.failed, value=pickle.dumps(ValueError("node")))
    assert client.first.result() == 1
    assert isinstance(client.second.exception(), ValueError)
    client.assert_at_rest()


def test_a_stored_failure_is_fetched_once_for_all(client: GraphFixture) -> None:
    failure = object_id()
    client.owner.payloads[failure] = pickle.dumps(ValueError("large"))
    client.end_graph(result_type=codec.TaskResultType.failed, results=[failure])
    client.owner.run_jobs()
    errors = [future.exception() for future in client.graph.futures]
    assert all(isinstance(error, ValueError) for error in errors) and errors[0] is not errors[1]
    assert client.owner.fetched == [failure]
    assert client.owner.released == [failure]
    client.assert_at_rest()


def test_a_failure_that_comes_when_all_has_ended_is_released(client: GraphFixture) -> None:
    for future in client.graph.futures:
        client.result(future, value=pickle.dumps(1))
    failure = object_id()
    client.end_graph(result_type=codec.TaskResultType.failed, results=[failure])
    assert client.core.objects.take_deletable() == [client.argument, failure]


def test_cancelling_one_future_cancels_the_graph_once(client: GraphFixture) -> None:
    client.core.on_cancel_requested(client.first.task_id)
    client.core.on_cancel_requested(client.second.task_id)
    [cancel] = client.sent()
    assert cancel.task_id == client.graph.graph_id and cancel.force
    client.result(client.second, value=pickle.dumps(2))  # it won the race
    client.confirm_graph(codec.TaskCancelConfirmType.canceled)
    assert client.first.cancelled() and client.second.result() == 2
    client.assert_at_rest()


def test_cancelling_a_graph_that_has_just_ended(client: GraphFixture) -> None:
    client.core.on_cancel_requested(client.first.task_id)
    client.result(client.first, value=pickle.dumps(1))
    client.result(client.second, value=pickle.dumps(2))
    client.end_graph()
    client.confirm_graph(codec.TaskCancelConfirmType.cancelNotFound)
    assert client.first.result() == 1
    client.assert_at_rest()


def test_all_is_cancelled_with_one_message_for_each_graph(client: GraphFixture) -> None:
    other, single = client.start(), client.submit()
    tasks = client.core.on_cancel_all_requested()
    assert {cancel.task_id for cancel in client.sent()} == {client.graph.graph_id, other.graph_id, single.task_id}
    client.core.on_cancel_given_up(tasks)
    client.end()
    assert all(future.cancelled() for future in (*client.graph.futures, *other.futures, single))
    assert client.core.sizes()["graphs"] == 0


def test_a_lost_scheduler_fails_graphs(client: GraphFixture) -> None:
    client.core.on_lost("is lost")
    client.end()
    assert all(isinstance(future.exception(), DisconnectedError) for future in client.graph.futures)
    sizes = client.core.sizes()
    assert (sizes["tasks"], sizes["graphs"]) == (0, 0)


def test_a_graph_that_could_not_be_sent_leaves_nothing(client: GraphFixture) -> None:
    client.core.on_graph_submit_failed(client.graph)
    client.assert_at_rest()
