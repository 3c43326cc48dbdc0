"""Loads a storage server through a Python connector: one connection, one request in flight; prints a line of JSON.

python python_client.py storage|redis set|get PORT SIZE REQUESTS
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

OBJECT_ID = bytes(range(32))


def storage_calls(port: int) -> tuple[Callable[[bytes], object], Callable[[], int]]:
    """Return how our connector sets, and gets and returns a length."""
    from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector

    connector = SyncObjectStorageConnector(f"tcp://127.0.0.1:{port}")
    return (
        lambda payload: connector.set_object(OBJECT_ID, payload),
        lambda: memoryview(connector.get_object(OBJECT_ID)).nbytes,
    )


def redis_calls(port: int) -> tuple[Callable[[bytes], object], Callable[[], int]]:
    """Return how redis-py sets, and gets and returns a length."""
    import redis

    connection = redis.Redis(port=port)
    return lambda payload: connection.set(OBJECT_ID, payload), lambda: len(connection.get(OBJECT_ID))


def main() -> None:
    """Send the requests and print the rate and the percentiles."""
    protocol, operation = sys.argv[1], sys.argv[2]
    port, size, requests = map(int, sys.argv[3:6])
    put, get = (storage_calls if protocol == "storage" else redis_calls)(port)
    # Contents differ, so that no server can store two as one.
    payloads = [number.to_bytes(8, "little") + bytes(size - 8) for number in range(min(requests, 16))]
    put(payloads[0])
    if get() != size:
        raise AssertionError("not what was stored")
    times = []
    for number in range(requests):
        start = time.perf_counter()
        if operation == "set":
            put(payloads[number % len(payloads)])
        else:
            get()
        times.append((time.perf_counter() - start) * 1e6)
    percentiles = statistics.quantiles(times, n=100, method="inclusive")
    rate = requests / sum(times) * 1e6
    print(json.dumps({"requests_per_second": rate, "p50_us": percentiles[49], "p99_us": percentiles[98]}))


if __name__ == "__main__":
    main()
