"""Reads the metrics of a scheduler while it works, as Prometheus does, and asks whether it is healthy.

Starts a local cluster of its own that serves them. Prometheus needs no more than the address among its targets.
Usage: python examples/prometheus_metrics.py
"""

import random
import socket
import time
import urllib.request

from prometheus_client.parser import text_string_to_metric_families

from scaler import Client, SchedulerClusterCombo

TASKS = 200
PREFIX = "scaler_scheduler_"


def read(address: str, page: str) -> str:
    """Return a page of the metrics server."""
    with urllib.request.urlopen(f"http://{address}/{page}", timeout=30) as response:
        text: str = response.read().decode()
        return text


def figures(address: str) -> dict[str, float]:
    """Return the scheduler's figures by name, those of a state as ``name.state``."""
    found = {}
    for family in text_string_to_metric_families(read(address, "metrics")):
        for sample in family.samples:
            found[".".join([sample.name.removeprefix(PREFIX), *sample.labels.values()])] = sample.value
    return found


def free_port() -> int:
    """Return a free port of this machine, of those that the system does not take for connections."""
    while True:
        port = random.randrange(20000, 32000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


metrics_address = f"127.0.0.1:{free_port()}"
with (
    SchedulerClusterCombo(n_workers=2, metrics_address=metrics_address, logging_level="ERROR") as cluster,
    Client(address=cluster.get_address()) as client,
):
    cluster.wait_for_workers()
    print(f"health: {read(metrics_address, 'healthz').strip()}")
    client.map(time.sleep, [(0.01,) for _ in range(TASKS)])
    while (now := figures(metrics_address))["tasks_ended_total.success"] < TASKS:
        time.sleep(0.2)  # figures are at most a second old
    print(f"tasks that have ended well: {now['tasks_ended_total.success']:.0f}")
    for name in ("workers", "clients", "waiting_tasks", "placed_tasks"):
        print(f"{name}: {now[name]:.0f}")
    print(f"memory of the scheduler: {now['process_resident_memory_bytes'] / 2**20:.0f} MiB")
