"""Graphs: what becomes of their nodes, also of those that run in one task with the node behind them."""

from __future__ import annotations

import pytest
from view_fixture import ViewFixture, task_id, worker_id

from scaler.monitor.events import GraphNodeKnown, SnapshotBegan
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.ui import graph_book
from scaler.ui.graph_book import Graph

WORKER = worker_id("host")
GRAPH = b"g" * 16


def node(number: int, *parents: int, graph: bytes = GRAPH) -> GraphNodeKnown:
    return GraphNodeKnown(graph, task_id(number), False, tuple(task_id(parent) for parent in parents))


def counts(graph: Graph) -> dict[str, int]:
    return {state.name: count for state, count in graph.counts.items() if count}


def test_nodes_in_a_row_end_with_the_last() -> None:
    fixture = ViewFixture().take(node(1), node(2, 1), node(3, 2), node(4, 3), node(5, 3))
    [graph] = fixture.view.graphs.newest_first()
    fixture.place(3, WORKER)
    assert counts(graph) == {"inactive": 4, "running": 1}
    fixture.after(2).end(3, duration=2.0)
    assert (counts(graph), graph.state) == ({"success": 3, "inactive": 2}, "Running")
    fixture.place(4, WORKER).place(5, WORKER).after(1).end(4).end(5)
    assert (counts(graph), graph.state) == ({"success": 5}, "Success")
    assert (graph.ended_seconds or 0) - graph.began_seconds == 3


def test_a_node_that_moves_waits_again() -> None:
    fixture = ViewFixture().take(node(1)).place(1, WORKER).give_back(1)
    [graph] = fixture.view.graphs.newest_first()
    assert counts(graph) == {"inactive": 1}


def test_the_first_failure_ends_a_graph() -> None:
    fixture = ViewFixture().take(node(1), node(2, 1)).place(1, WORKER).end(1, MonitorState.failed)
    [graph] = fixture.view.graphs.newest_first()
    assert (graph.state, graph.failed, graph.ended_seconds) == ("Failed", 1, fixture.now)


def test_a_canceled_graph() -> None:
    fixture = ViewFixture().take(node(1), node(2, 1)).place(1, WORKER).end(1, MonitorState.canceled)
    assert [graph.state for graph in fixture.view.graphs.newest_first()] == ["Canceled"]


def test_what_was_missed_is_not_shown_as_running() -> None:
    fixture = ViewFixture().take(node(1), node(2, graph=b"h")).place(1, WORKER).end(1).take(SnapshotBegan())
    assert [graph.graph_id for graph in fixture.view.graphs.newest_first()] == [GRAPH]


def test_graphs_and_nodes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_book, "MOST_NODES", 50)
    fixture = ViewFixture()
    for number in range(200):
        fixture.take(node(number, graph=task_id(number)))
    assert len(fixture.view.graphs.newest_first()) == 50
    monkeypatch.setattr(graph_book, "MOST_GRAPHS", 10)
    fixture.take(node(1000, graph=b"last"))
    graphs = fixture.view.graphs.newest_first()
    assert (len(graphs), graphs[0].graph_id) == (10, b"last")


def test_a_graph_that_is_too_large_is_not_followed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_book, "MOST_NODES", 3)
    fixture = ViewFixture().take(*(node(number) for number in range(5)))
    for number in range(5):
        fixture.place(number, WORKER).end(number)
    [graph] = fixture.view.graphs.newest_first()
    assert (len(graph.node_ids), graph.unknown_nodes, graph.state) == (3, 2, "Too large to follow")
    assert graph.ended_seconds is None
