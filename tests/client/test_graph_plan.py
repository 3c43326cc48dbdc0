"""What the client checks and leaves out before it sends a graph."""

from __future__ import annotations

import graphlib
import operator
from typing import Any

import pytest

from scaler.client.graph.graph_plan import GraphPlan
from scaler.utility.graph.optimization import cull_graph

GRAPH: dict[str, Any] = {
    "a": 2,
    "b": 2,
    "c": (operator.add, "a", "b"),
    "d": (operator.sub, "a", "b"),
    "e": (operator.mul, "c", "c"),
    "f": (operator.neg, "d"),
}


@pytest.mark.parametrize(
    ("keys", "needed"),
    [(["d"], "abd"), (["e"], "abce"), (["f"], "abdf"), (["e", "f"], "abcdef"), (["a"], "a"), ([], "")],
)
def test_culling_keeps_what_keys_depend_on(keys: list[str], needed: str) -> None:
    before = dict(GRAPH)
    assert cull_graph(GRAPH, keys) == {key: GRAPH[key] for key in needed}
    assert before == GRAPH


def test_calls_come_after_what_they_take() -> None:
    plan = GraphPlan.make({"z": (operator.neg, "y"), "y": (operator.neg, "x"), "x": (operator.neg, "w"), "w": 1}, ["z"])
    assert list(plan.calls) == ["x", "y", "z"]
    assert plan.data == {"w": 1}


def test_calls_that_are_in_order_stay_in_it() -> None:
    plan = GraphPlan.make({"x": (dict,), "z": (operator.neg, "x"), "y": (operator.add, "x", "z"), "w": 1}, ["y"])
    assert list(plan.calls) == ["x", "z", "y"]


@pytest.mark.parametrize(
    "value", [None, 0, [], (), (1, 2), ("a", "b"), operator.add, {"f": operator.add}, [operator.add, "a"]]
)
def test_what_is_no_call_is_data(value: Any) -> None:
    plan = GraphPlan.make({"x": value}, ["x"])
    assert plan.calls == {} and plan.data == {"x": value}


def test_a_call_without_arguments() -> None:
    assert GraphPlan.make({"x": (dict,)}, ["x"]).calls["x"].takes == ()


@pytest.mark.parametrize(
    ("graph", "keys", "error", "text"),
    [
        (GRAPH, ["c", "d", "c"], KeyError, "'c'"),
        (GRAPH, ["x"], KeyError, "no node 'x'"),
        ({"a": (operator.neg, "x")}, ["a"], KeyError, "node 'a' takes 'x'"),
        ({"a": (operator.neg, 1)}, ["a"], TypeError, "argument 1 of node 'a' must be a string"),
        ({"a": (operator.neg, [1])}, ["a"], TypeError, "must be a string"),
        ({"a": (operator.neg, "a")}, ["a"], graphlib.CycleError, "cycle"),
        ({"a": (operator.neg, "b"), "b": (operator.neg, "a")}, ["b"], graphlib.CycleError, "cycle"),
    ],
)
def test_what_cannot_be_computed_is_refused(
    graph: dict[str, Any], keys: list[str], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        GraphPlan.make(graph, keys)


def test_mistakes_in_what_nobody_asked_for_are_no_errors() -> None:
    assert GraphPlan.make({"a": 1, "b": (operator.neg, "x")}, ["a"]).data == {"a": 1}
