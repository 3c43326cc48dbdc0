"""Lets a cluster without workers grow under load, up to three, and shrink to nothing when there is nothing to do.

The scheduler's strategy VANILLA asks a worker adapter for workers; here it is the one that starts them on this machine.
Both are started by one command from one TOML file, as `scaler scaling.toml` does. It takes about 20 seconds, because
workers are kept for 10 seconds without work. Usage: python examples/scaling_cluster.py
"""

import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scaler import Client, ScalerFuture
from scaler.monitor.subscriber import MonitorSubscriber

CONFIGURATION = """
[scheduler]
scheduler_address = "tcp://127.0.0.1:{scheduler}"
monitor_address = "tcp://127.0.0.1:{monitor}"
object_storage_address = "tcp://127.0.0.1:{storage}"
scaling_controller_strategy = "VANILLA"
adapter_webhook_urls = ["http://127.0.0.1:{adapter}"]
logging_level = "ERROR"

[object_storage_server]
object_storage_address = "tcp://127.0.0.1:{storage}"
logging_level = "ERROR"

[native_worker_adapter]
adapter_web_host = "127.0.0.1"
adapter_web_port = {adapter}
max_workers = 3
logging_level = "ERROR"
"""


def free_port() -> int:
    """Return a free port of this machine, of those that the system does not take for connections."""
    while True:
        port = random.randrange(20000, 32000)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port


def keep_busy(client: Client, monitor: MonitorSubscriber, workers: int) -> list[ScalerFuture]:
    """Have a hundred tasks wait or run until there are so many workers, and return those that are left then."""
    futures: list[ScalerFuture] = []
    while len(monitor.model.workers) < workers:
        futures = [future for future in futures if not future.done()]
        futures += [client.submit(time.sleep, 0.1) for _ in range(100 - len(futures))]
        monitor.receive(timeout_seconds=60)  # the next thing that the scheduler publishes
    return futures


with tempfile.TemporaryDirectory() as folder:
    ports = {name: free_port() for name in ("scheduler", "monitor", "storage", "adapter")}
    file = Path(folder) / "scaling.toml"
    file.write_text(CONFIGURATION.format(**ports))
    stack = subprocess.Popen([sys.executable, "-m", "scaler.entry_points.stack", str(file)])
    try:
        with (
            Client(address=f"tcp://127.0.0.1:{ports['scheduler']}") as client,
            MonitorSubscriber(f"tcp://127.0.0.1:{ports['monitor']}") as monitor,
        ):
            monitor.wait_until_complete(timeout_seconds=30)
            print(f"workers before the first task: {len(monitor.model.workers)}")
            futures = keep_busy(client, monitor, workers=3)
            print(f"workers under load: {len(monitor.model.workers)}")
            for future in futures:
                future.result()
            print("all tasks have ended")
            while monitor.model.workers:
                monitor.receive(timeout_seconds=60)
            print(f"workers when there is nothing to do: {len(monitor.model.workers)}")
    finally:
        stack.send_signal(signal.SIGTERM)
        print(f"the stack has ended with status {stack.wait()}")
