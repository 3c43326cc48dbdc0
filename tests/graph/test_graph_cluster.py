"""Graphs as users run them, on a real cluster."""

from __future__ import annotations

import concurrent.futures
import graphlib
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from settle import check_no_failed_events

from scaler import Client, SchedulerClusterCombo
from scaler.cluster.scheduler_gauges import SchedulerGauges
from scaler.utility.exceptions import MissingObjects, ProcessorDiedError
from scaler.utility.metadata.profile_result import ProfileResult

pytestmark = pytest.mark.timeout(120)


def inc(value: int) -> int:
    return value + 1


def add(*values: Any) -> Any:
    return sum(values)


def minus(first: int, second: int) -> int:
    return first - second


def fail_after(seconds: float) -> None:
    time.sleep(seconds)
    raise ValueError("a node failed")


def sleep_and_return(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def array_of(count: int) -> np.ndarray[Any, Any]:
    return np.arange(count, dtype=np.float64)


GRAPH: dict[str, Any] = {
    "a": 2,
    "b": 2,
    "c": (inc, "a"),
    "d": (add, "a", "b"),
    "e": (minus, "d", "c"),
}


@pytest.fixture(scope="module")
def combo() -> Iterator[SchedulerClusterCombo]:
    cluster = SchedulerClusterCombo(n_workers=2, logging_level="CRITICAL")
    yield cluster
    try:
        check_no_failed_events(cluster.get_address())
    finally:
        cluster.shutdown()


@pytest.fixture
def client(combo: SchedulerClusterCombo) -> Iterator[Client]:
    """A client; when it has left, nothing of it may be left."""
    with Client(combo.get_address()) as client:
        yield client
    with SchedulerGauges(combo.get_address()) as gauges:
        deadline = time.monotonic() + 20
        while any((read := gauges.read(10))[name] for name in ("graphs", "tasks", "objects", "placed_tasks")):
            assert time.monotonic() < deadline, read
            time.sleep(0.02)


def test_results_come_in_the_order_of_the_keys(client: Client) -> None:
    assert client.get(GRAPH, ["e", "d", "c"]) == {"e": 1, "d": 4, "c": 3}
    assert list(client.get(GRAPH, ["e", "d", "c"])) == ["e", "d", "c"]
    assert client.get(GRAPH, []) == {}


def test_futures_instead_of_values(client: Client) -> None:
    futures = client.get(GRAPH, ["a", "e"], block=False)
    assert futures["a"].done() and futures["a"].result() == 2
    assert futures["a"].profiling_info() == ProfileResult()
    assert futures["e"].result(timeout=30) == 1
    done, _ = concurrent.futures.wait(futures.values(), timeout=30)
    assert len(done) == 2


def test_data_nodes_are_returned_as_they_are(client: Client) -> None:
    data = [1]
    assert client.get({"x": data, "None": None, "y": (add,)}, ["x", "None", "y"]) == {"x": [1], "None": None, "y": 0}
    assert client.get({"x": data}, ["x"])["x"] is data
    assert client.get({"a": None, "b": (repr, "a")}, ["b"]) == {"b": "None"}


def test_references_are_arguments_and_values(client: Client) -> None:
    reference = client.send_object(5)
    graph = {**GRAPH, "a": reference}
    assert client.get(graph, ["e", "d", "a"]) == {"e": 1, "d": 7, "a": 5}
    assert client.get(graph, ["a"]) == {"a": 5}  # it is still there
    client.clear()
    with pytest.raises(MissingObjects):
        client.get(graph, ["d"])


def test_what_is_wrong_raises_and_the_client_goes_on(client: Client) -> None:
    with pytest.raises(graphlib.CycleError):
        client.get({"b": (inc, "c"), "c": (inc, "b")}, ["b"])
    with pytest.raises(KeyError):
        client.get(GRAPH, ["e", "e"])
    with pytest.raises(KeyError):
        client.get(GRAPH, ["unknown"])
    with pytest.raises(TypeError, match="inc"):
        client.get({"a": 1, "b": (inc, "a", "a")}, ["b"])
    assert client.get(GRAPH, ["e"]) == {"e": 1}


def test_large_values_pass_between_nodes_without_the_client(client: Client) -> None:
    graph: dict[str, Any] = {"n": 1_000_000, "x": (array_of, "n"), "y": (np.sum, "x"), "z": (np.max, "x")}
    assert client.get(graph, ["y", "z"]) == {"y": 499999500000.0, "z": 999999.0}
    both = client.get(graph, ["x", "y"])
    assert both["x"].shape == (1_000_000,) and both["y"] == 499999500000.0


def test_a_failure_ends_the_whole_graph_and_stops_what_runs(client: Client) -> None:
    graph: dict[str, Any] = {
        "short": 0.3,
        "long": 60.0,
        "bad": (fail_after, "short"),
        "after": (inc, "bad"),
        "other": (sleep_and_return, "long"),
    }
    began = time.monotonic()
    futures = client.get(graph, ["bad", "after", "other"], block=False)
    for future in futures.values():
        with pytest.raises(ValueError, match="a node failed"):
            future.result(timeout=30)
    with pytest.raises(ValueError, match="a node failed"):
        client.get({"short": 0.0, "bad": (fail_after, "short")}, ["bad"])
    # Both workers serve at once: the one that slept was stopped.
    assert client.map(sleep_and_return, [(0.2,)] * 4) == [0.2] * 4
    assert time.monotonic() - began < 30


def test_the_death_of_a_processor_fails_the_graph(client: Client) -> None:
    with pytest.raises(ProcessorDiedError):
        client.get({"code": 3, "dead": (os._exit, "code"), "after": (inc, "dead")}, ["after"])


def test_cancelling_one_future_cancels_all(client: Client) -> None:
    futures = client.get({"s": 60.0, "x": (sleep_and_return, "s"), "y": (inc, "x")}, ["x", "y"], block=False)
    time.sleep(0.3)
    assert futures["y"].cancel(timeout=30)
    assert futures["x"].cancelled()


def test_leaving_cancels_a_graph(combo: SchedulerClusterCombo) -> None:
    with Client(combo.get_address()) as client:
        futures = client.get({"s": 60.0, "x": (sleep_and_return, "s"), "y": (inc, "x")}, ["x", "y"], block=False)
        time.sleep(0.3)
    assert all(future.cancelled() for future in futures.values())


def test_a_large_graph_comes_in_several_messages(client: Client) -> None:
    count = 10_000
    graph: dict[str, Any] = {"x0": 0}
    for number in range(count):
        graph[f"x{number + 1}"] = (inc, f"x{number}") if number % 100 else (inc, "x0")
    graph["sum"] = (add, *(f"x{number}" for number in range(100, count + 1, 100)))
    assert client.get(graph, ["sum"]) == {"sum": 100 * 100}
