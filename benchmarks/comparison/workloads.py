"""The workloads, written once for all engines; each returns its figures by name.

What a task computes is checked: an engine that answers wrongly is not fast.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

from comparison import graphs, work
from comparison.engine import Engine
from comparison.process_tree import Usage
from comparison.scale import Scale

Figures = dict[str, float]

_PROBE_TASKS = 200
_LARGE_TASKS = 8
_SKEW_SEED = 1
_MEGABYTE = 1e6


def submit_no_op(engine: Engine, scale: Scale) -> Figures:
    """Submit no-op tasks, one a call, then collect all results."""
    tasks = _affordable_tasks(engine, work.no_op, 0, scale.tasks, scale)

    def run() -> None:
        pending = [engine.submit(work.no_op, number) for number in range(tasks)]
        _check(engine.collect(pending) == list(range(tasks)))

    return _measured(run, tasks)


def map_no_op(engine: Engine, scale: Scale) -> Figures:
    """Map a no-op over numbers, one task a number."""
    tasks = _affordable_tasks(engine, work.no_op, 0, scale.tasks, scale)
    return _measured(lambda: _check(engine.map(work.no_op, range(tasks)) == list(range(tasks))), tasks)


def single_calls(engine: Engine, scale: Scale) -> Figures:
    """Call a no-op and wait for its result, again and again."""
    calls = min(scale.calls, _affordable_tasks(engine, work.no_op, 0, scale.calls, scale))
    times: list[float] = []

    def run() -> None:
        for number in range(calls):
            start = time.perf_counter()
            _check(engine.collect([engine.submit(work.no_op, number)]) == [number])
            times.append((time.perf_counter() - start) * 1e6)

    figures = _measured(run, calls)
    percentiles = statistics.quantiles(times, n=100, method="inclusive")
    return {**figures, "p50_us": percentiles[49], "p99_us": percentiles[98]}


def millisecond_tasks(engine: Engine, scale: Scale) -> Figures:
    """Run tasks that sleep for 1 ms."""
    return _sleeping_tasks(engine, 0.001, scale.millisecond_tasks, scale)


def ten_millisecond_tasks(engine: Engine, scale: Scale) -> Figures:
    """Run tasks that sleep for 10 ms."""
    return _sleeping_tasks(engine, 0.01, scale.ten_millisecond_tasks, scale)


def skewed_durations(engine: Engine, scale: Scale) -> Figures:
    """Run short tasks with a few long ones among them, in an order that is random and always the same."""
    choice = random.Random(_SKEW_SEED)
    durations = [choice.choice((0.0005, 0.001, 0.002)) for _ in range(scale.skewed_tasks)]
    for position in choice.sample(range(scale.skewed_tasks), max(1, scale.skewed_tasks // 50)):
        durations[position] = 0.1
    return _measured(
        lambda: _check(engine.map(work.sleep_seconds, durations) == durations),
        len(durations),
    )


def graph_chains(engine: Engine, scale: Scale) -> Figures:
    """Compute chains of nodes."""
    return _graph(engine, graphs.chains, scale)


def graph_tree(engine: Engine, scale: Scale) -> Figures:
    """Compute a tree of nodes that take two others."""
    return _graph(engine, graphs.tree, scale)


def graph_tangle(engine: Engine, scale: Scale) -> Figures:
    """Compute nodes that take others at random."""
    return _graph(engine, graphs.tangle, scale)


def shared_array(engine: Engine, scale: Scale) -> Figures:
    """Send an array once and use it in eight tasks."""

    def once(seed: int) -> None:
        array = work.make_array(scale.array_bytes, seed)
        start = time.perf_counter()
        shared = engine.share(array)
        sums = engine.collect([engine.submit(work.sum_array, shared) for _ in range(_LARGE_TASKS)])
        seconds.append(time.perf_counter() - start)
        _check(sums == [seed * len(array)] * _LARGE_TASKS)

    seconds: list[float] = []
    for seed in range(scale.repeats):
        once(seed)
    median = statistics.median(seconds)
    return {"tasks": _LARGE_TASKS, "seconds": median, "first_seconds": seconds[0]}


def large_results(engine: Engine, scale: Scale) -> Figures:
    """Fetch eight large arrays that tasks have made."""
    seconds: list[float] = []
    for repeat in range(scale.repeats):
        start = time.perf_counter()
        pending = [engine.submit(work.make_array, scale.result_bytes, repeat + seed) for seed in range(_LARGE_TASKS)]
        arrays = engine.collect(pending)
        # Some engines map a result and read it later: what counts is that all of it was seen.
        sums = [int(array.sum()) for array in arrays]
        seconds.append(time.perf_counter() - start)
        _check(sums == [(repeat + seed) * (scale.result_bytes // 8) for seed in range(_LARGE_TASKS)])
        del arrays, pending
    megabytes = _LARGE_TASKS * scale.result_bytes / _MEGABYTE
    median = statistics.median(seconds)
    return {"tasks": _LARGE_TASKS, "seconds": median, "megabytes_per_second": megabytes / median}


def idle(engine: Engine, scale: Scale) -> Figures:
    """Do nothing, with everything running."""
    before, start = Usage.of_tree(os.getpid()), time.perf_counter()
    time.sleep(scale.idle_seconds)
    used, seconds = Usage.of_tree(os.getpid()) - before, time.perf_counter() - start
    return {
        "seconds": seconds,
        "cpu_percent": 100 * used.cpu_seconds / seconds,
        "wake_ups_per_second": used.voluntary_switches / seconds,
    }


Workload = Callable[[Engine, Scale], Figures]

# In this order: what is large comes late, so that the memory it leaves behind disturbs nothing else.
WORKLOADS: dict[str, Workload] = {
    "submit": submit_no_op,
    "map": map_no_op,
    "call": single_calls,
    "sleep 1 ms": millisecond_tasks,
    "sleep 10 ms": ten_millisecond_tasks,
    "skewed": skewed_durations,
    "chains": graph_chains,
    "tree": graph_tree,
    "random graph": graph_tangle,
    "idle": idle,
    "shared array": shared_array,
    "large results": large_results,
}


def _sleeping_tasks(engine: Engine, duration_seconds: float, tasks: int, scale: Scale) -> Figures:
    affordable = _affordable_tasks(engine, work.sleep_seconds, duration_seconds, tasks, scale)
    durations = [duration_seconds] * affordable
    return _measured(lambda: _check(engine.map(work.sleep_seconds, durations) == durations), affordable)


def _graph(engine: Engine, make: Callable[[int], graphs.Graph], scale: Scale) -> Figures:
    """Compute a graph several times; the medians count. Nothing is measured of engines without graphs."""
    probe = make(min(scale.graph_nodes, _PROBE_TASKS))
    if engine.compute(probe.nodes, probe.keys) is None:
        return {}
    start = time.perf_counter()
    engine.compute(probe.nodes, probe.keys)
    rate = len(probe) / (time.perf_counter() - start)
    graph = make(max(len(probe), min(scale.graph_nodes, int(rate * scale.budget_seconds))))
    expected = list(graph.expected().values())

    def run() -> None:
        _check(engine.compute(graph.nodes, graph.keys) == expected)

    runs = [_measured(run, len(graph)) for _ in range(scale.repeats)]
    return {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}


def _affordable_tasks(engine: Engine, function: Callable[..., Any], value: Any, wanted: int, scale: Scale) -> int:
    """Return how many tasks fit into the time a workload may take, by a short run after one that warms up."""
    probe = min(wanted, _PROBE_TASKS)
    engine.map(function, [value] * probe)
    start = time.perf_counter()
    engine.map(function, [value] * probe)
    rate = probe / (time.perf_counter() - start)
    return max(probe, min(wanted, int(rate * scale.budget_seconds)))


def _measured(run: Callable[[], None], tasks: int) -> Figures:
    before, start = Usage.of_tree(os.getpid()), time.perf_counter()
    run()
    seconds = time.perf_counter() - start
    used = Usage.of_tree(os.getpid()) - before
    return {
        "tasks": tasks,
        "seconds": seconds,
        "tasks_per_second": tasks / seconds,
        "cpu_us_per_task": used.cpu_seconds / tasks * 1e6,
        "wake_ups_per_task": used.voluntary_switches / tasks,
        "preemptions_per_task": used.involuntary_switches / tasks,
    }


def _check(is_right: bool) -> None:
    if not is_right:
        raise AssertionError("the engine returned wrong results")
