"""Leaves a cluster while tasks run, which cancels them, and comes back with another client.

Starts a local cluster of its own. Usage: python examples/disconnect_client.py
"""

import time

from scaler import Client, SchedulerClusterCombo

with SchedulerClusterCombo(n_workers=2, logging_level="WARNING") as cluster:
    client = Client(address=cluster.get_address())
    futures = [client.submit(time.sleep, 60) for _ in range(4)]
    client.disconnect()
    print("after the end of the session:", [future.cancelled() for future in futures])

    with Client(address=cluster.get_address()) as client:
        print("another client gets", client.submit(round, 3.15).result())
