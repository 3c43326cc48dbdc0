"""Calls one function with many rows of arguments and gets the results in the order of the rows.

Starts a local cluster of its own. Usage: python examples/map_client.py
"""

import math
import time

from scaler import Client, SchedulerClusterCombo


def distance(x: float, y: float) -> float:
    return math.hypot(x, y)


with (
    SchedulerClusterCombo(n_workers=2, logging_level="WARNING") as cluster,
    Client(address=cluster.get_address()) as client,
):
    rows = [(x, y) for x in range(100) for y in range(100)]
    start = time.perf_counter()
    results = client.map(distance, rows)
    seconds = time.perf_counter() - start
    print(f"{len(results)} distances in {seconds:.2f} s, the largest is {max(results):.2f}")
