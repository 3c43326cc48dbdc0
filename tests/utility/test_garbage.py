"""When cyclic garbage is looked for while something large is made."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from scaler.client.graph.graph_plan import GraphPlan
from scaler.utility.garbage import without_collection


@contextmanager
def collections() -> Iterator[list[str]]:
    """Collect the beginnings and ends of the searches that happen meanwhile."""
    phases: list[str] = []

    def note(phase: str, _: dict[str, Any]) -> None:
        phases.append(phase)

    gc.callbacks.append(note)
    try:
        yield phases
    finally:
        gc.callbacks.remove(note)


def test_what_is_made_within_is_not_searched() -> None:
    with collections() as phases:
        kept = [[number] for number in range(100_000)]
        assert phases, "the search happens when many objects are made"
        phases.clear()
        with without_collection():
            kept += [[number] for number in range(100_000)]
            assert not phases
    assert gc.isenabled()
    assert len(kept) == 200_000


def test_the_search_is_on_again_behind_an_error() -> None:
    with pytest.raises(KeyError), without_collection():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()


def test_it_stays_off_for_those_who_have_switched_it_off() -> None:
    gc.disable()
    try:
        with without_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_graph_is_planned_without_a_search() -> None:
    graph: dict[str, Any] = {"0": 0} | {str(number): (abs, str(number - 1)) for number in range(1, 20_000)}
    with collections() as phases:
        plan = GraphPlan.make(graph, ["19999"])
    assert phases.count("start") <= 1, "at most the one that was put off"
    assert len(plan.calls) == 19_999
