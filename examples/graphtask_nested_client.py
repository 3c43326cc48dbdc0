"""Builds graphs inside of tasks, which build further ones: Fibonacci numbers, each as the graph of the two before it.

Starts a local cluster of its own. Usage: python examples/graphtask_nested_client.py
"""

import operator

from scaler import Client, SchedulerClusterCombo


def fibonacci(client: Client, number: int) -> int:
    if number < 2:
        return number
    graph = {
        "client": client,
        "one before": number - 1,
        "two before": number - 2,
        "first": (fibonacci, "client", "one before"),
        "second": (fibonacci, "client", "two before"),
        "sum": (operator.add, "first", "second"),
    }
    return client.get(graph, keys=["sum"])["sum"]


with (
    SchedulerClusterCombo(n_workers=2, logging_level="WARNING") as cluster,
    Client(address=cluster.get_address()) as client,
):
    print("the eighth Fibonacci number is", client.submit(fibonacci, client, 8).result())
