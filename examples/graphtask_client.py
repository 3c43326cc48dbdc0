"""Computes nodes of a graph: calls that take results of other nodes, data, and a function that is itself a value.

Starts a local cluster of its own. Usage: python examples/graphtask_client.py
"""

import operator
from collections.abc import Callable

from scaler import Client, SchedulerClusterCombo


def apply(function: Callable[[float], float], value: float) -> float:
    return function(value)


def halve(value: float) -> float:
    return value / 2


graph = {
    "width": 3,
    "height": 4,
    "area": (operator.mul, "width", "height"),
    "shrink": halve,  # not in a tuple: a value, which a node may take
    "half": (apply, "shrink", "area"),
    "difference": (operator.sub, "area", "half"),
    "unused": (operator.truediv, "width", "difference"),  # of no key below, so it is left out
}

with (
    SchedulerClusterCombo(n_workers=2, logging_level="WARNING") as cluster,
    Client(address=cluster.get_address()) as client,
):
    print("values:", client.get(graph, keys=["area", "difference"]))

    futures = client.get(graph, keys=["half", "difference"], block=False)
    for name, future in futures.items():
        print(f"the future of {name!r} gives {future.result()}")
