"""Graphs in the scheduler's core: what starts when, what the client is told, and what becomes of results."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from graph_fixture import OBJECT, VALUE, Graph, arguments_of, assert_at_rest, fail, store_result, submit
from growth import growth
from scheduler_fixture import SchedulerFixture, result_frame

from scaler.io.ymq.ymq import PeerEvent, Role
from scaler.protocol import codec, message
from scaler.protocol.codec import ArgumentType, TaskCancelConfirmType, TaskResultType
from scaler.scheduler.graph.graph_record import GraphNode
from scaler.utility.identifiers import ClientID


@pytest.mark.parametrize("nodes_per_message", [1, 2, 100])
def test_nodes_start_when_what_they_take_is_there(scheduler: SchedulerFixture, nodes_per_message: int) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    graph.node("a").node("b").node("c", "a", "b", "a")
    submit(scheduler, graph, "c", nodes_per_message=nodes_per_message)
    assert graph.names(scheduler.take(worker)) == ["a", "b"]
    scheduler.say(worker, result_frame(graph.ids["b"], value=b"of b"))
    assert scheduler.take(worker) == []
    scheduler.say(worker, result_frame(graph.ids["a"], value=b"of a"))
    [started] = scheduler.take(worker)
    assert graph.names([started]) == ["c"]
    assert arguments_of(started) == [(VALUE, b"of a"), (VALUE, b"of b"), (VALUE, b"of a")]
    assert started.source == graph.client


def test_the_client_gets_the_results_it_asked_for_and_the_end(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", "a").node("c", "b"), "b", "c")
    for name in "abc":
        scheduler.finish(worker, graph.ids[name])
    told = scheduler.take(graph.client)
    assert graph.names(told) == ["b", "c", "graph"]
    assert [result.result_type for result in told] == [TaskResultType.success] * 3
    assert told[-1].value is None and told[-1].results == []
    assert_at_rest(scheduler)


def test_nodes_in_a_row_are_one_task(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("x").node("a").node("b", "a", "a").node("c", "b", "x").node("d", "c"), "x", "b", "d")
    rows = scheduler.take(worker)
    assert graph.names(rows) == ["x", "b"]  # b is wanted, so the row ends with it
    [step] = rows[1].steps
    assert [argument.type for argument in step.function_args] == [ArgumentType.previous] * 2
    scheduler.say(worker, result_frame(graph.ids["b"], value=b"of b"))
    scheduler.say(worker, result_frame(graph.ids["x"], value=b"of x"))
    [row] = scheduler.take(worker)
    assert graph.names([row]) == ["d"] and arguments_of(row) == [(VALUE, b"of b"), (VALUE, b"of x")]
    assert len(row.steps) == 1
    scheduler.finish(worker, graph.ids["d"])
    assert graph.names(scheduler.take(graph.client)) == ["b", "x", "d", "graph"]
    assert_at_rest(scheduler)


def test_a_node_and_a_row_keep_all_that_is_said_of_how_they_run(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    fields = {"priority": 3, "retries": 2, "retry_on": b"types", "level": 1, "metadata": b"\0"}
    graph.node("a", **fields).node("b", "a", **fields)
    submit(scheduler, graph, "b")
    [row] = scheduler.take(worker)
    assert {name: getattr(row, name) for name in fields} == fields
    assert len(row.steps) == 1


def test_a_row_waits_for_nothing_else(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("x").node("a").node("b", "a", "x").node("c", "a"), "b", "c")
    assert graph.names(scheduler.take(worker)) == ["x", "a"]
    scheduler.finish(worker, graph.ids["a"])
    assert graph.names(scheduler.take(worker)) == ["c"]


def test_a_long_row_is_several_tasks(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    graph.node("n0")
    for number in range(1, 150):
        graph.node(f"n{number}", f"n{number - 1}")
    submit(scheduler, graph, "n149")
    for last in ("n63", "n127", "n149"):
        [row] = scheduler.take(worker)
        assert graph.names([row]) == [last]
        scheduler.finish(worker, row.task_id)
    assert_at_rest(scheduler)


@pytest.mark.parametrize(
    "fields", [{"capabilities": {"gpu": 1}}, {"priority": 1}, {"timeout_milliseconds": 5}, {"retry_on": b"types"}]
)
def test_nodes_that_run_differently_are_no_row(scheduler: SchedulerFixture, fields: dict[str, Any]) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", "a", **fields), "b")
    assert graph.names(scheduler.take(worker)) == ["a"]


def test_a_graph_without_nodes_ends_at_once(scheduler: SchedulerFixture) -> None:
    graph = Graph(scheduler.client())
    submit(scheduler, graph)
    assert graph.names(scheduler.take(graph.client)) == ["graph"]
    assert_at_rest(scheduler)


def test_a_graph_that_has_ended_leaves_nothing_to_the_garbage_collector(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    gc.collect()
    gc.disable()
    try:
        graph = Graph(client).node("a").node("b", "a").node("c", "b").node("d", "a")
        submit(scheduler, graph, "c", "d")
        while tasks := scheduler.tasks_sent_to(worker):
            for task in tasks:
                scheduler.finish(worker, task)
        assert scheduler.core.gauges()["graphs"] == 0
        assert [each for each in gc.get_objects() if isinstance(each, GraphNode)] == []
    finally:
        gc.enable()


def test_objects_between_nodes_are_deleted_with_their_last_user(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", "a").node("c", "a"), "b", "c")
    between = store_result(scheduler, worker, graph, "a")
    started = [task for task in scheduler.take(worker) if isinstance(task, codec.Task)]
    assert [arguments_of(task) for task in started[1:]] == [[(OBJECT, between)]] * 2
    scheduler.finish(worker, graph.ids["b"])
    assert scheduler.deleted == []
    scheduler.finish(worker, graph.ids["c"])
    assert scheduler.deleted == [between]
    assert_at_rest(scheduler)


def test_a_result_that_the_client_has_fetched_stays_until_no_node_needs_it(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", "a"), "a", "b")
    wanted = store_result(scheduler, worker, graph, "a")
    scheduler.delete_objects(graph.client, [wanted])
    assert scheduler.deleted == []
    scheduler.finish(worker, graph.ids["b"])
    assert scheduler.deleted == [wanted]
    assert_at_rest(scheduler)


def test_a_result_that_the_client_has_not_fetched_is_left_to_it(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", "a"), "a", "b")
    wanted = store_result(scheduler, worker, graph, "a")
    scheduler.finish(worker, graph.ids["b"])
    assert scheduler.deleted == []
    scheduler.delete_objects(graph.client, [wanted])
    assert scheduler.deleted == [wanted]
    assert_at_rest(scheduler)


def test_the_first_failure_is_that_of_the_graph_and_stops_the_others(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b").node("c", "a").node("d", "b"), "a", "b", "c", "d")
    scheduler.take(worker)
    fail(scheduler, worker, graph.ids["a"])
    [told] = scheduler.take(graph.client)
    assert graph.names([told]) == ["graph"]
    assert (told.result_type, told.cause, told.value) == (TaskResultType.failed, 1, b"failure")
    [cancel] = scheduler.take(worker)
    assert isinstance(cancel, codec.TaskCancel) and cancel.task_id == graph.ids["b"] and cancel.force
    scheduler.confirm(worker, graph.ids["b"], TaskCancelConfirmType.canceled)
    assert scheduler.take(graph.client) == []
    assert_at_rest(scheduler)


def test_the_late_result_of_a_sibling_is_deleted(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b"), "a", "b")
    fail(scheduler, worker, graph.ids["a"])
    late = store_result(scheduler, worker, graph, "b")
    assert scheduler.deleted == [late]
    assert graph.names(scheduler.take(graph.client)) == ["graph"]
    assert_at_rest(scheduler)


def test_cancelling_a_graph_ends_all_of_it(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(queue_size=1), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b").node("c", "a", "b"), "c")
    assert graph.names(scheduler.take(worker)) == ["a"]
    scheduler.cancel(graph.client, graph.graph_id)
    assert scheduler.take(graph.client) == []
    scheduler.cancel(graph.client, graph.graph_id)  # once more changes nothing
    [cancel] = scheduler.take(worker)
    assert cancel.task_id == graph.ids["a"]
    scheduler.confirm(worker, graph.ids["a"], TaskCancelConfirmType.canceled)
    [confirm] = scheduler.take(graph.client)
    assert graph.names([confirm]) == ["graph"]
    assert confirm.cancel_confirm_type == TaskCancelConfirmType.canceled
    assert_at_rest(scheduler)


def test_cancelling_between_the_messages_of_a_graph(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    first, second = graph.node("a").node("b", "a").frames("b", nodes_per_message=1)
    scheduler.say(graph.client, first)
    scheduler.cancel(graph.client, graph.graph_id)
    assert scheduler.take(graph.client) == []
    scheduler.say(graph.client, second)
    assert graph.names(scheduler.take(graph.client)) == ["graph"]
    assert scheduler.take(worker) == []
    assert_at_rest(scheduler)


def test_a_result_that_wins_against_the_cancel_of_its_graph(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", "a"), "a", "b")
    scheduler.cancel(graph.client, graph.graph_id)
    scheduler.finish(worker, graph.ids["a"])
    [confirm] = scheduler.take(graph.client)
    assert confirm.cancel_confirm_type == TaskCancelConfirmType.canceled
    assert_at_rest(scheduler)


def test_a_node_is_not_cancelled_alone(scheduler: SchedulerFixture) -> None:
    graph = Graph(scheduler.client())
    submit(scheduler, graph.node("a"), "a")
    scheduler.cancel(graph.client, graph.ids["a"])
    [confirm] = scheduler.take(graph.client)
    assert confirm.cancel_confirm_type == TaskCancelConfirmType.cancelNotFound
    assert scheduler.core.gauges()["graphs"] == 1


def test_the_loss_of_a_worker_runs_a_node_again_elsewhere(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker("w"), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", "a"), "a", "b")
    other = scheduler.worker("v")
    scheduler.lose(worker)
    [again] = scheduler.take(other)
    assert graph.names([again]) == ["a"] and again.attempt == 1
    scheduler.finish(other, graph.ids["a"], attempt=1)
    scheduler.finish(other, graph.ids["b"])
    assert graph.names(scheduler.take(graph.client)) == ["a", "b", "graph"]
    assert_at_rest(scheduler)


def test_a_node_under_which_too_many_workers_were_lost_fails_its_graph(scheduler: SchedulerFixture) -> None:
    graph = Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", "a"), "b")
    for number in range(3):
        scheduler.lose(scheduler.worker(f"w{number}"))
    [told] = scheduler.take(graph.client)
    assert graph.names([told]) == ["graph"]
    assert told.result_type == TaskResultType.failedWorkerDied
    assert_at_rest(scheduler)


def test_a_client_that_leaves_takes_its_graphs_with_it(scheduler: SchedulerFixture) -> None:
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", "a"), "b")
    store_result(scheduler, worker, graph, "a")
    scheduler.lose(graph.client)
    scheduler.confirm(worker, graph.ids["b"], TaskCancelConfirmType.canceled)
    assert_at_rest(scheduler)


def test_shutting_down_fails_graphs_once() -> None:
    scheduler = SchedulerFixture(protected=False)
    graph = Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", "a"), "b")
    scheduler.say(graph.client, message.encode("clientDisconnect", disconnectType="shutdown"))
    ends = [told for told in scheduler.take(graph.client) if isinstance(told, codec.TaskResult)]
    assert graph.names(ends) == ["graph"]
    assert_at_rest(scheduler)


def test_shutting_down_says_nothing_of_a_graph_that_has_failed_before() -> None:
    scheduler = SchedulerFixture(protected=False)
    worker, graph = scheduler.worker(), Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b"), "a", "b")
    fail(scheduler, worker, graph.ids["a"])
    assert graph.names(scheduler.take(graph.client)) == ["graph"]
    scheduler.say(graph.client, message.encode("clientDisconnect", disconnectType="shutdown"))  # b has not ended yet
    assert [told for told in scheduler.take(graph.client) if isinstance(told, codec.TaskResult)] == []


def test_nodes_are_reported_while_anybody_listens(scheduler: SchedulerFixture) -> None:
    scheduler.core.outbox.monitored = True
    graph = Graph(scheduler.client())
    submit(scheduler, graph.node("a").node("b", "a"), "b")
    reports = [fields for member, fields in scheduler.reports if member == "stateGraphTask"]
    assert [report["nodeTaskType"] for report in reports] == ["normal", "target"]
    assert reports[1]["parentTaskIds"] == [graph.ids["a"]]


def test_a_large_graph_starts_bit_by_bit(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    graph = Graph(client)
    for number in range(1500):
        graph.node(str(number))
    for frame in graph.frames():
        scheduler.core.on_message(client, frame)
    counts = []
    while True:
        scheduler.end_batch()
        counts.append(scheduler.core.gauges()["tasks"])
        if not scheduler.core.has_more_to_do:
            break
    assert counts == [512, 1024, 1500]


def test_a_large_graph_is_cancelled_bit_by_bit(scheduler: SchedulerFixture) -> None:
    client, graph = scheduler.client(), Graph(scheduler.client())
    for number in range(10_000):
        graph.node(str(number))
    submit(scheduler, graph, "0", nodes_per_message=10_000)
    while scheduler.core.has_more_to_do:
        scheduler.end_batch()
    scheduler.cancel(client, graph.graph_id)
    counts = []
    while True:
        counts.append(scheduler.core.gauges()["tasks"])
        if not scheduler.core.has_more_to_do:
            break
        assert scheduler.take(client) == []
        scheduler.end_batch()
    assert counts == [5904, 1808, 0]
    assert graph.names(scheduler.take(client)) == ["graph"]
    assert_at_rest(scheduler)


def test_nodes_whose_turn_has_not_come_end_with_their_graph_and_their_client(scheduler: SchedulerFixture) -> None:
    client, other = scheduler.client("one"), scheduler.client("two")
    graphs = [Graph(client), Graph(other)]
    for graph in graphs:
        for number in range(600):
            graph.node(str(number))
        for frame in graph.frames():
            scheduler.core.on_message(graph.client, frame)
    scheduler.end_batch()
    scheduler.cancel(client, graphs[0].graph_id)
    scheduler.lose(other)
    while scheduler.core.has_more_to_do:
        scheduler.end_batch()
    assert [type(message) for message in scheduler.take(client)] == [codec.TaskCancelConfirm]
    assert_at_rest(scheduler)


def test_a_client_without_graphs_leaves_without_a_look_at_the_nodes_of_others() -> None:
    def prepare(nodes: int) -> Callable[[], None]:
        scheduler = SchedulerFixture()
        graph = Graph(scheduler.client())
        for number in range(nodes):
            graph.node(str(number))
        scheduler.core.on_message(graph.client, graph.frames(nodes_per_message=100_000)[0])
        others = [ClientID(f"Client|{number}|{0:032x}".encode()) for number in range(300)]

        def come_and_go() -> None:
            for other in others:
                scheduler.core.on_peer_event(other, PeerEvent.connected, Role.client)
                scheduler.core.on_peer_event(other, PeerEvent.lost, Role.client)

        return come_and_go

    assert growth(prepare, 200, 20_000) < 8  # and many times that, when each one looks at all nodes
