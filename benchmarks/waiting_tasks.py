"""Shows what a task that waits costs in memory, and whether a task costs the same however many there are.

    python benchmarks/waiting_tasks.py [--tasks 10000,100000,1000000]

One worker is kept busy while one client submits no-op tasks, so that all of them wait; then they run. Bytes are the
growth of resident memory divided by the tasks that wait; CPU time is that of client, scheduler and worker together,
from the first submit to the last result.
"""

from __future__ import annotations

import argparse
import gc
import os
import time

import psutil
from comparison.process_tree import Usage

from scaler import Client, SchedulerClusterCombo


def no_op(value: int) -> int:
    """Return what is given."""
    return value


def measure(tasks: int) -> str:
    """Return a row of the table for so many waiting tasks."""
    cluster = SchedulerClusterCombo(n_workers=1, logging_level="WARNING")
    try:
        with Client(cluster.get_address()) as client:
            client.submit(no_op, 0).result()
            gc.collect()
            holders = [psutil.Process(cluster._scheduler.pid), psutil.Process()]
            before = [holder.memory_info().rss for holder in holders]
            used_before = Usage.of_tree(os.getpid())
            blocker = client.submit(time.sleep, 3 + tasks / 15_000)
            futures = [client.submit(no_op, number) for number in range(tasks)]
            time.sleep(2.0)  # until what is on its way has arrived
            after = [holder.memory_info().rss for holder in holders]
            assert not blocker.done() and not futures[0].done(), "some tasks have run already"
            for number, future in enumerate(futures):
                assert future.result() == number
            used = Usage.of_tree(os.getpid()) - used_before
    finally:
        cluster.shutdown()
    grown = [(late - early) / tasks for early, late in zip(before, after, strict=True)]
    return f"| {tasks:,} | {grown[0]:.0f} | {grown[1]:.0f} | {used.cpu_seconds / tasks * 1e6:.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="10000,100000,1000000", help="numbers of tasks, separated by commas")
    options = parser.parse_args()
    print("| waiting tasks | scheduler, bytes/task | client, bytes/task | CPU µs/task |")
    print("|---|---|---|---|")
    for tasks in options.tasks.split(","):
        print(measure(int(tasks)), flush=True)


if __name__ == "__main__":
    main()
