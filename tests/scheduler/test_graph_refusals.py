"""Graphs that the scheduler refuses, at once, in the midst of their messages, or for what comes of their nodes."""

from __future__ import annotations

import pytest
from graph_fixture import Graph, assert_at_rest, store_result, submit
from scheduler_fixture import SchedulerFixture, failure_of, result_frame

from scaler.protocol import codec
from scaler.protocol.codec import TaskCancelConfirmType, TaskResultType
from scaler.utility.exceptions import TaskRejectedError
from scaler.utility.identifiers import ObjectID


@pytest.mark.parametrize("takes", ["x", "b", "c"])
def test_a_node_that_takes_what_does_not_come_before_it_is_refused(scheduler: SchedulerFixture, takes: str) -> None:
    """So are cycles: whatever follows is no earlier node."""
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", takes).node("c"), "b")
    [told] = scheduler.take(graph.client)
    assert graph.names([told]) == ["graph"]
    error = failure_of(told)
    assert isinstance(error, TaskRejectedError) and "no earlier node" in str(error)
    assert scheduler.take(worker) == []
    assert_at_rest(scheduler)


def test_others_cannot_add_to_a_graph_or_cancel_it(scheduler: SchedulerFixture) -> None:
    graph, other = Graph(scheduler.client("a")), scheduler.client("b")
    first, second = graph.node("a").node("b").frames("a", nodes_per_message=1)
    scheduler.say(graph.client, first)
    scheduler.say(other, second)
    scheduler.cancel(other, graph.graph_id)
    [confirm] = scheduler.take(other)
    assert confirm.cancel_confirm_type == TaskCancelConfirmType.cancelNotFound
    scheduler.say(graph.client, second)
    scheduler.say(graph.client, second)  # it is complete
    gauges = scheduler.core.gauges()
    assert (gauges["graphs"], gauges["tasks"], gauges["dropped_messages"]) == (1, 2, 2)


def test_a_graph_is_refused_while_too_many_tasks_wait() -> None:
    scheduler = SchedulerFixture(max_number_of_tasks_waiting=1)
    graph = Graph(scheduler.client())
    scheduler.submit(graph.client)
    submit(scheduler, graph.node("a"), "a")
    [told] = scheduler.take(graph.client)
    assert graph.names([told]) == ["graph"] and isinstance(failure_of(told), TaskRejectedError)
    assert scheduler.core.gauges()["graphs"] == 0


@pytest.mark.parametrize("wrong", ["that of another node", "that of another client"])
def test_a_result_that_is_no_object_of_its_node_fails_the_graph(scheduler: SchedulerFixture, wrong: str) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    graph.node("a").node("b").node("c", "a").node("d", "b").node("e", "c", "d", "a", "b")
    submit(scheduler, graph, "e")
    object_id = store_result(scheduler, worker, graph, "a")
    if wrong == "that of another client":
        object_id = ObjectID.generate_object_id(scheduler.client("other"))
    result = codec.TaskResult(task_id=graph.ids["b"], result_type=TaskResultType.success, results=[object_id])
    scheduler.say(worker, result.encode())
    [told] = scheduler.take(graph.client)
    assert graph.names([told]) == ["graph"] and isinstance(failure_of(told), TaskRejectedError)
    scheduler.confirm(worker, graph.ids["c"], TaskCancelConfirmType.canceled)
    assert scheduler.core.gauges()["failed_events"] == 0
    assert_at_rest(scheduler)


def test_a_node_that_takes_more_than_a_message_may_hold_fails_the_graph(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    graph.node("a").node("b", *["a"] * 20).node("c", "a").node("d", "b", "c")
    submit(scheduler, graph, "d")
    scheduler.say(worker, result_frame(graph.ids["a"], value=bytes(27 << 20)))
    [told] = scheduler.take(graph.client)
    assert graph.names([told]) == ["graph"] and "more than a message may hold" in str(failure_of(told))
    scheduler.confirm(worker, graph.ids["c"], TaskCancelConfirmType.canceled)
    assert_at_rest(scheduler)


def test_what_still_comes_of_a_graph_that_was_refused_for_too_many_tasks_is_passed_over() -> None:
    scheduler = SchedulerFixture(max_number_of_tasks_waiting=1)
    graph = Graph(scheduler.client())
    [task] = scheduler.submit(graph.client)
    first, *others = graph.node("a").node("b").node("c").frames("a", "b", nodes_per_message=1)
    scheduler.say(graph.client, first)
    scheduler.cancel(graph.client, task)  # from now on there is room
    [told, _] = scheduler.take(graph.client)
    assert graph.names([told]) == ["graph"] and isinstance(failure_of(told), TaskRejectedError)
    for frame in others:
        scheduler.say(graph.client, frame)
    assert scheduler.take(graph.client) == []
    assert scheduler.core.gauges()["dropped_messages"] == 0
    assert_at_rest(scheduler)


def test_what_still_comes_of_a_graph_that_could_not_be_understood_is_passed_over(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    graph.node("a").node("b", "x" * 16).node("c").node("d", "c")
    submit(scheduler, graph, "a", "c", nodes_per_message=1)
    assert graph.names(scheduler.take(graph.client)) == ["graph"]
    assert scheduler.take(worker) == []
    assert_at_rest(scheduler)


def test_a_client_that_leaves_amid_a_refused_graph_takes_it_along(scheduler: SchedulerFixture) -> None:
    graph = Graph(scheduler.client())
    [first, _] = graph.node("a", "x" * 16).node("b").frames("b", nodes_per_message=1)
    scheduler.say(graph.client, first)
    assert scheduler.core.gauges()["graphs"] == 1
    scheduler.lose(graph.client)
    assert_at_rest(scheduler)
