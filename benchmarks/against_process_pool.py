"""Compares a local cluster with the standard library's process pool, in interleaved pairs.

    python benchmarks/against_process_pool.py [--tasks 20000] [--workers 2] [--pairs 5]

Prints medians over the pairs, and the medians of the pairwise ratios with their spread. The first figure to look at is
the CPU time per task, summed over all processes: wall time depends on the machine's mood.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from process_tree import Usage

from scaler import Client, SchedulerClusterCombo

_LATENCY_CALLS = 500


def no_op(value: int) -> int:
    """Return the argument."""
    return value


@dataclasses.dataclass
class Figures:
    """One run of one workload."""

    tasks_per_second: float
    cpu_us_per_task: float


Submit = Callable[..., Any]


def run_submit(submit: Submit, tasks: int) -> None:
    """Submit one task a call, and collect."""
    futures = [submit(no_op, i) for i in range(tasks)]
    if [future.result() for future in futures] != list(range(tasks)):
        raise AssertionError("wrong results")


def measure(work: Callable[[], None], tasks: int) -> Figures:
    """Return the rate and the CPU time of one run."""
    before, start = Usage.measure(), time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    cpu = Usage.measure().cpu_seconds - before.cpu_seconds
    return Figures(tasks / seconds, cpu / tasks * 1e6)


def latency_us(submit: Submit) -> list[float]:
    """Return how long single calls take, one after the other."""
    times = []
    for i in range(_LATENCY_CALLS):
        start = time.perf_counter()
        submit(no_op, i).result()
        times.append((time.perf_counter() - start) * 1e6)
    return times


def run_pool(workers: int, tasks: int) -> dict[str, Any]:
    """Run all workloads on the standard library's process pool."""
    with ProcessPoolExecutor(workers) as pool:
        run_submit(pool.submit, 100)
        return {
            "submit": measure(lambda: run_submit(pool.submit, tasks), tasks),
            "map": measure(lambda: list(pool.map(no_op, range(tasks), chunksize=1)) and None, tasks),
            "latency": latency_us(pool.submit),
        }


def run_scaler(workers: int, tasks: int) -> dict[str, Any]:
    """Run all workloads on a local cluster."""
    start = time.perf_counter()
    combo = SchedulerClusterCombo(n_workers=workers, logging_level="WARNING")
    try:
        with Client(combo.get_address()) as client:
            client.submit(no_op, 0).result()
            first_result_seconds = time.perf_counter() - start
            combo.wait_for_workers()
            run_submit(client.submit, 100)
            rows = [(i,) for i in range(tasks)]
            figures = {
                "submit": measure(lambda: run_submit(client.submit, tasks), tasks),
                "map": measure(lambda: client.map(no_op, rows) and None, tasks),
                "latency": latency_us(client.submit),
                "first": first_result_seconds,
            }
            idle_before = Usage.measure()
            time.sleep(3)
            figures["idle"] = (Usage.measure().cpu_seconds - idle_before.cpu_seconds) / 3
            return figures
    finally:
        combo.shutdown()


def main() -> None:
    """Run the pairs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--tasks", type=int, default=20_000, help="no-op tasks per workload (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=5, help="interleaved pairs (default: %(default)s)")
    options = parser.parse_args()
    pairs = [
        (run_scaler(options.workers, options.tasks), run_pool(options.workers, options.tasks))
        for _ in range(options.pairs)
    ]
    print(f"{'':10}{'Scaler':>24}{'process pool':>24}{'ratio (median, min..max)':>30}")
    for workload in ("submit", "map"):
        for figure, unit in (("tasks_per_second", "tasks/s"), ("cpu_us_per_task", "CPU us/task")):
            ours = [getattr(scaler[workload], figure) for scaler, _ in pairs]
            theirs = [getattr(pool[workload], figure) for _, pool in pairs]
            print_row(workload, unit, ours, theirs)
    for name, quantile in (("p50", 49), ("p99", 98)):
        ours = [statistics.quantiles(scaler["latency"], n=100)[quantile] for scaler, _ in pairs]
        theirs = [statistics.quantiles(pool["latency"], n=100)[quantile] for _, pool in pairs]
        print_row("call", f"{name} us", ours, theirs)
    print(f"first result after the start of a cluster: {statistics.median(s['first'] for s, _ in pairs):.2f} s")
    print(f"idle cluster: {100 * statistics.median(s['idle'] for s, _ in pairs):.2f} % of a core")


def print_row(workload: str, unit: str, ours: list[float], theirs: list[float]) -> None:
    """Print medians and pairwise ratios."""
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    print(
        f"{workload:10}{statistics.median(ours):>12.1f} {unit:<11}{statistics.median(theirs):>12.1f} {unit:<11}"
        f"{statistics.median(ratios):>12.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
    )


main()
