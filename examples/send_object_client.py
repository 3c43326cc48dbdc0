"""Stores an object once and lets many tasks use it.

Starts a local cluster of its own. Usage: python examples/send_object_client.py
"""

import numpy as np

from scaler import Client, SchedulerClusterCombo


def column_mean(table: np.ndarray, column: int) -> float:
    return float(table[:, column].mean())


with (
    SchedulerClusterCombo(n_workers=2, logging_level="WARNING") as cluster,
    Client(address=cluster.get_address()) as client,
):
    table = np.random.default_rng(1).normal(size=(100_000, 20))
    reference = client.send_object(table, name="table")
    print(f"stored {reference.size:,} bytes as {reference.name.decode()}")

    means = client.map(column_mean, [(reference, column) for column in range(20)])
    print("means:", " ".join(f"{mean:+.4f}" for mean in means))

    client.clear()  # the table is deleted here; otherwise at the end of the session
