"""Large graphs are put in order by GraphBLAS, small ones and narrow ones by the standard library: the same orders."""

from __future__ import annotations

import graphlib
import random
import sys

import pytest

from scaler.client.graph import call_order


def random_graph(count: int, seed: int) -> dict[str, list[str]]:
    chance = random.Random(seed)
    graph = {f"n{i}": [f"n{chance.randrange(i)}" for _ in range(3 if i >= count // 5 else 0)] for i in range(count)}
    keys = list(graph)
    chance.shuffle(keys)
    return {key: graph[key] for key in keys}


def chain(count: int) -> dict[str, list[str]]:
    return {f"n{i}": [f"n{i + 1}"] if i + 1 < count else [] for i in range(count)}


def wide(count: int) -> dict[str, list[str]]:
    return {"sum": [f"n{i}" for i in range(count)] * 2, **{f"n{i}": [] for i in range(count)}}


def broom(count: int) -> dict[str, list[str]]:
    """A wide level on a long handle."""
    return {**{f"w{i}": ["n0"] for i in range(count)}, **chain(count), "end": [f"w{i}" for i in range(count)]}


GRAPHS = {
    "random": random_graph(3_000, 1),
    "chain": chain(300),
    "wide": wide(1_000),
    "broom": broom(300),
    "no edges": {f"n{i}": [] for i in range(300)},
}


@pytest.fixture
def levels(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let GraphBLAS order graphs of any size, and return a list of how many calls it has ordered."""
    ordered: list[int] = []
    first_levels = call_order._first_levels

    def note(*args: object) -> list[str]:
        first = first_levels(*args)
        ordered.append(len(first))
        return first

    monkeypatch.setattr(call_order, "_MANY_CALLS", 1)
    monkeypatch.setattr(call_order, "_first_levels", note)
    return ordered


def check_order(graph: dict[str, list[str]], order: list[str]) -> None:
    places = {key: place for place, key in enumerate(order)}
    assert len(order) == len(places) == len(graph)
    assert all(places[before] < places[key] for key, names in graph.items() for before in names)


@pytest.mark.parametrize("name", GRAPHS)
def test_graphblas_orders_levels_while_they_are_wide(levels: list[int], name: str) -> None:
    check_order(GRAPHS[name], call_order.in_order(GRAPHS[name]))
    [count] = levels
    if name in ("chain", "broom"):
        assert count < 100, "each level of a chain costs as much as thousands of calls"
    else:
        assert count == len(GRAPHS[name])


@pytest.mark.parametrize("size", [1, 2, 500])
def test_cycles_are_found_behind_what_is_in_order(levels: list[int], size: int) -> None:
    cycle = {f"c{i}": [f"c{(i + 1) % size}", "n0"] for i in range(size)}
    with pytest.raises(graphlib.CycleError, match="cycle"):
        call_order.in_order({**random_graph(1_000, 2), **cycle})
    assert levels == [1_000]


def test_small_graphs_do_not_load_graphblas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_order, "_graphblas", lambda: pytest.fail("it was asked for"))
    check_order(GRAPHS["random"], call_order.in_order(GRAPHS["random"]))


def test_without_graphblas_large_graphs_are_ordered_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_order, "_MANY_CALLS", 1)
    monkeypatch.setitem(sys.modules, "graphblas", None)  # importing it is an ImportError
    call_order._graphblas.cache_clear()
    try:
        check_order(GRAPHS["random"], call_order.in_order(GRAPHS["random"]))
    finally:
        call_order._graphblas.cache_clear()
