"""Submits single tasks: by position, by keyword, one that fails, and one that is cancelled.

Starts a local cluster of its own. Usage: python examples/simple_client.py
"""

import time
from concurrent.futures import as_completed

from scaler import Client, SchedulerClusterCombo


def power(base: int, exponent: int = 2, *, modulus: int | None = None) -> int:
    return pow(base, exponent, modulus)


with (
    SchedulerClusterCombo(n_workers=2, logging_level="WARNING") as cluster,
    Client(address=cluster.get_address()) as client,
):
    future = client.submit(power, 4)
    print(f"4 squared is {future.result()}")
    print(f"3 to the 100th modulo 7 is {client.submit(power, 3, exponent=100, modulus=7).result()}")

    futures = {client.submit(power, base): base for base in range(10)}
    for future in as_completed(futures):
        print(f"the square of {futures[future]} is {future.result()}")

    try:
        client.submit(power, "four").result()
    except TypeError as error:
        print(f"the task failed with {error!r}")

    sleeping = client.submit(time.sleep, 60)
    print(f"cancelled: {sleeping.cancel()}")
