"""Shows what a node of a graph costs, and that it costs the same however many there are.

    python benchmarks/graph_nodes.py [--nodes 1000,10000,100000] [--shapes chains,tree,random] [--rounds 3]

CPU time is that of client, scheduler, storage and workers together, from ``Client.get`` to its return, the mean of all
rounds; the rate is that of the median. Small graphs are computed more often, for the system counts CPU time in steps of
10 ms. Results are checked.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from typing import Final

from comparison.graphs import SHAPES, Graph
from comparison.process_tree import Usage

from scaler import Client, SchedulerClusterCombo

_LEAST_NODES: Final = 20_000
"""How many nodes all rounds of a size have together, at least."""


def measure(client: Client, graph: Graph, rounds: int) -> tuple[float, float]:
    """Return nodes a second and CPU microseconds a node."""
    expected, seconds = graph.expected(), []
    before = Usage.of_tree(os.getpid())
    for _ in range(rounds):
        began = time.perf_counter()
        results = client.get(graph.nodes, graph.keys)
        seconds.append(time.perf_counter() - began)
        if results != expected:
            raise AssertionError("the graph returned wrong results")
    used = Usage.of_tree(os.getpid()) - before
    return len(graph) / statistics.median(seconds), used.cpu_seconds / rounds / len(graph) * 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", default="1000,10000,100000", help="sizes, separated by commas")
    parser.add_argument("--shapes", default=",".join(SHAPES), help="which (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (default: %(default)s)")
    options = parser.parse_args()
    cluster = SchedulerClusterCombo(n_workers=options.workers, logging_level="WARNING")
    try:
        with Client(cluster.get_address()) as client:
            cluster.wait_for_workers()
            print("| shape | nodes | nodes/s | CPU µs/node |\n|---|---|---|---|")
            for shape in options.shapes.split(","):
                for size in map(int, options.nodes.split(",")):
                    graph = SHAPES[shape](size)
                    measure(client, graph, 1)
                    rate, cpu = measure(client, graph, max(options.rounds, _LEAST_NODES // size))
                    print(f"| {shape} | {size:,} | {rate:.0f} | {cpu:.1f} |")
                    sys.stdout.flush()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
