"""Shows what a task that waits costs in memory, and whether a task costs the same however many there are.

    python benchmarks/waiting_tasks.py [--tasks 10000,100000,1000000]

One worker is kept busy while one client submits no-op tasks, so that all of them wait; then they run. Bytes are the
growth of resident memory divided by the tasks that wait; time and CPU time, that of client, scheduler and worker
together, are from the first submit to the last result.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
import time
from pathlib import Path

import psutil
from comparison.process_tree import Usage

from scaler import Client, SchedulerClusterCombo
from scaler.cluster.scheduler_gauges import SchedulerGauges

_ARRIVAL_SECONDS = 60.0


def no_op(value: int) -> int:
    """Return what is given."""
    return value


def wait_for(gate: str) -> None:
    """Keep the worker busy until somebody opens the named pipe for writing."""
    with open(gate) as pipe:
        pipe.read()


def wait_until_all_wait(address: str, tasks: int) -> None:
    """Return when the scheduler holds so many tasks and the one that keeps the worker busy."""
    deadline = time.monotonic() + _ARRIVAL_SECONDS
    with SchedulerGauges(address) as gauges:
        while (arrived := gauges.read(_ARRIVAL_SECONDS)["tasks"]) <= tasks:
            if time.monotonic() > deadline:
                raise TimeoutError(f"only {arrived} of {tasks + 1} tasks have arrived")
            time.sleep(0.2)


def measure(tasks: int, gate: str) -> str:
    """Return a row of the table for so many waiting tasks."""
    cluster = SchedulerClusterCombo(n_workers=1, logging_level="WARNING")
    try:
        with Client(cluster.get_address()) as client:
            client.submit(no_op, 0).result()
            gc.collect()
            holders = [psutil.Process(cluster._scheduler.pid), psutil.Process()]
            before = [holder.memory_info().rss for holder in holders]
            used_before, start = Usage.of_tree(os.getpid()), time.monotonic()
            blocker = client.submit(wait_for, gate)
            futures = [client.submit(no_op, number) for number in range(tasks)]
            wait_until_all_wait(cluster.get_address(), tasks)
            after = [holder.memory_info().rss for holder in holders]
            Path(gate).write_text("go on")
            for number, future in enumerate(futures):
                assert future.result() == number
            blocker.result()
            used, seconds = Usage.of_tree(os.getpid()) - used_before, time.monotonic() - start
    finally:
        cluster.shutdown()
    grown = [(late - early) / tasks for early, late in zip(before, after, strict=True)]
    microseconds = used.cpu_seconds / tasks * 1e6
    return f"| {tasks:,} | {grown[0]:.0f} | {grown[1]:.0f} | {microseconds:.1f} | {seconds:.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="10000,100000,1000000", help="numbers of tasks, separated by commas")
    options = parser.parse_args()
    print("| waiting tasks | scheduler, bytes/task | client, bytes/task | CPU µs/task | seconds |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        gate = os.path.join(folder, "gate")
        os.mkfifo(gate)
        for tasks in options.tasks.split(","):
            print(measure(int(tasks), gate), flush=True)


if __name__ == "__main__":
    main()
