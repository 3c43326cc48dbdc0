#!/usr/bin/env python3
"""Run a cluster under mixed load with churn of clients, workers and objects, and check that nothing grows.

Clients come, work and leave: some orderly, some killed. Workers come and leave likewise. Tasks are small and large,
fail, are cancelled and share objects. Memory, descriptors and threads of scheduler and object storage are sampled
throughout; at the end every table of the scheduler must be empty, and so must the object storage.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import psutil

from scaler import Client, SchedulerClusterCombo
from scaler.cluster.scheduler_gauges import SchedulerGauges
from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector
from scaler.utility.exceptions import ProcessorDiedError

_MEBIBYTE = 1024 * 1024
_SAMPLE_SECONDS = 0.5
# The first part fills caches, pools and the allocator's arenas; growth is measured from its end on.
_WARM_UP = 0.3
_GROWTH_BYTES = 24 * _MEBIBYTE
_GROWTH_DESCRIPTORS = 12
_GROWTH_THREADS = 2
_SETTLE_SECONDS = 30.0
_COUNTS = {"workers", "dropped_messages", "stale_messages"}
_PERMANENT_WORKERS = 2


@dataclass(frozen=True)
class Sample:
    """What a process uses at one moment."""

    rss_bytes: int
    descriptors: int
    threads: int


class Watched:
    """A process whose use of resources is sampled."""

    def __init__(self, name: str, pid: int | None) -> None:
        assert pid is not None
        self.name = name
        self._process = psutil.Process(pid)
        self._samples: list[Sample] = []

    def sample(self) -> Sample:
        """Take one sample. Raise psutil.NoSuchProcess when the process has ended."""
        with self._process.oneshot():
            sample = Sample(self._process.memory_info().rss, self._process.num_fds(), self._process.num_threads())
        self._samples.append(sample)
        return sample

    def growth(self) -> Sample:
        """Return the growth: the median of the last fifth of the samples over that of a fifth after the warm-up."""
        warm = self._samples[int(len(self._samples) * _WARM_UP) :]
        fifth = max(1, len(warm) // 5)
        first, last = warm[:fifth], warm[-fifth:]
        return Sample(
            *(
                round(median(getattr(sample, field) for sample in last) - median(getattr(s, field) for s in first))
                for field in ("rss_bytes", "descriptors", "threads")
            )
        )

    def complaints(self) -> list[str]:
        """Return what has grown more than it may."""
        growth = self.growth()
        bounds = (
            ("memory", growth.rss_bytes, _GROWTH_BYTES),
            ("descriptors", growth.descriptors, _GROWTH_DESCRIPTORS),
            ("threads", growth.threads, _GROWTH_THREADS),
        )
        return [f"{self.name}: {what} grew by {grown}" for what, grown, bound in bounds if grown > bound]


# -- what a client does in its life: each kind once or several times, by its plan


def _fill(size: int) -> bytes:
    return bytes(size)


def _fail(number: int) -> None:
    raise ValueError(number)


def _exit() -> None:
    os._exit(3)


def map_small(client: Client, plan: random.Random) -> None:
    """Run a map of small tasks."""
    count = plan.randrange(100, 1000)
    assert client.map(pow, [(number, 2) for number in range(count)]) == [number**2 for number in range(count)]


def return_large(client: Client, plan: random.Random) -> None:
    """Return large results, of which some are never fetched."""
    futures = [client.submit(_fill, plan.randrange(50_000, 2_000_000)) for _ in range(5)]
    assert all(len(future.result(timeout=60)) >= 50_000 for future in futures[:3])


def share_objects(client: Client, plan: random.Random) -> None:
    """Send objects, use each several times, and leave it to the end of the session to delete them."""
    for _ in range(3):
        size = plan.randrange(1, 1_000_000)
        reference = client.send_object(bytes(size))
        assert client.map(len, [(reference,)] * 10) == [size] * 10
    if plan.random() < 0.5:
        client.clear()


def pass_large_arguments(client: Client, plan: random.Random) -> None:
    """Submit tasks with arguments of their own that travel through the object storage."""
    sizes = [plan.randrange(200_000, 1_000_000) for _ in range(5)]
    assert client.map(len, [(bytes(size),) for size in sizes]) == sizes


def raise_errors(client: Client, plan: random.Random) -> None:
    """Run tasks that raise."""
    futures = [client.submit(_fail, number) for number in range(50)]
    assert [str(future.exception(timeout=60)) for future in futures] == [str(number) for number in range(50)]


def cancel(client: Client, plan: random.Random) -> None:
    """Cancel tasks: some run, some wait."""
    futures = [client.submit(time.sleep, plan.uniform(0, 0.02)) for _ in range(40)]
    for future in futures[::2]:
        future.cancel()
    for future in futures[1::2]:
        future.result(timeout=60)


def kill_a_processor(client: Client, plan: random.Random) -> None:
    """Run a task that ends its own process."""
    assert isinstance(client.submit(_exit).exception(timeout=60), ProcessorDiedError)


def define_functions(client: Client, plan: random.Random) -> None:
    """Use functions that nobody has used before, and drop them."""
    for number in range(5):
        assert client.submit(eval(f"lambda value: value + {number} + {plan.random()} * 0"), 1).result(60) == 1 + number


DEEDS: tuple[Callable[[Client, random.Random], None], ...] = (
    map_small,
    return_large,
    share_objects,
    pass_large_arguments,
    raise_errors,
    cancel,
    kill_a_processor,
    define_functions,
)


def live(address: str, seed: int, orderly: bool) -> None:
    """Live the life of one client, and end it in an orderly way or by being killed with work in flight."""
    plan = random.Random(seed)
    with Client(address) as client:
        for _ in range(plan.randrange(1, 5)):
            plan.choice(DEEDS)(client, plan)
        if not orderly:
            client.submit(time.sleep, 60)
            client.map(pow, [(1, 1)])
            os._exit(9)


class Soak:
    """One run: a cluster, and those that come and go."""

    def __init__(self, combo: SchedulerClusterCombo, seed: int, deadline: float) -> None:
        self._combo = combo
        self._address = combo.get_address()
        self._plan = random.Random(seed)
        self._deadline = deadline
        self._clients: dict[subprocess.Popen[bytes], int] = {}
        self._workers: list[subprocess.Popen[bytes]] = []
        self._next_worker_change = 0.0
        self.failures: list[str] = []
        self.counts: Counter[str] = Counter()
        self.watched = [
            Watched("scheduler", combo._scheduler.pid),
            Watched("object storage", combo._object_storage.pid),
        ]

    def run(self) -> None:
        """Churn and sample until the deadline, or until something is wrong."""
        next_sample = 0.0
        try:
            while time.monotonic() < self._deadline and not self.failures:
                self._churn_clients()
                self._churn_workers()
                if time.monotonic() >= next_sample:
                    next_sample = time.monotonic() + _SAMPLE_SECONDS
                    for watched in self.watched:
                        watched.sample()
                time.sleep(0.02)
            self._end_clients()
        finally:
            for process in (*self._clients, *self._workers):
                process.kill()
                process.wait()

    def settle(self) -> None:
        """Check that everything comes to rest: every table is empty, nothing is stored, nothing has grown."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        left: dict[str, int] = {}
        with SchedulerGauges(self._address) as gauges:
            while time.monotonic() < deadline:
                left = {name: value for name, value in gauges.read(10).items() if value and name not in _COUNTS}
                left.update(self._stored())
                if not left and gauges.read(10)["workers"] == _PERMANENT_WORKERS:
                    break
                time.sleep(0.1)
            else:
                self.failures.append(f"not at rest after {_SETTLE_SECONDS:g} seconds: {left}, {gauges.read(10)}")
        for watched in self.watched:
            self.failures += watched.complaints()

    def _churn_clients(self) -> None:
        for process, seed in list(self._clients.items()):
            code = process.poll()
            if code is not None:
                del self._clients[process]
                self._judge(code, seed)
        if len(self._clients) < 3:
            seed = self._plan.randrange(2**31)
            self._clients[self._start("--client", str(seed))] = seed

    def _judge(self, code: int, seed: int) -> None:
        self.counts["clients"] += 1
        if code == 9:
            self.counts["killed clients"] += 1
        elif code != 0:
            self.failures.append(f"the client of seed {seed} ended with code {code}")

    def _churn_workers(self) -> None:
        if time.monotonic() < self._next_worker_change:
            return
        self._next_worker_change = time.monotonic() + self._plan.uniform(1, 4)
        if self._workers:
            worker = self._workers.pop()
            # Both ways of leaving end with the whole cluster process; a killed one takes its workers with it.
            worker.kill() if self._plan.random() < 0.5 else worker.terminate()
            worker.wait()
            self.counts["workers"] += 1
        else:
            self._workers.append(self._start("--worker"))

    def _end_clients(self) -> None:
        deadline = time.monotonic() + 60
        while self._clients and time.monotonic() < deadline:
            for process, seed in list(self._clients.items()):
                code = process.poll()
                if code is not None:
                    del self._clients[process]
                    self._judge(code, seed)
            time.sleep(0.02)
        self.failures += [f"the client of seed {seed} does not end" for seed in self._clients.values()]

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, __file__, "--address", self._address, *arguments])

    def _stored(self) -> dict[str, int]:
        with SyncObjectStorageConnector(self._combo._object_storage_address.to_address()) as connector:
            counts = connector.get_info_total()
        return {name: count for name, count in zip(("stored ids", "contents", "bytes"), counts, strict=True) if count}


def serve_as_worker(address: str) -> None:
    """Run one worker until a signal; only the loss of its processors is reported."""
    from scaler.entry_points.cluster import main as cluster_main

    sys.argv = ["scaler_cluster", "-n", "1", "--logging-level", "CRITICAL", address]
    cluster_main()


def soak(minutes: float, seed: int) -> list[str]:
    """Run for so many minutes and return what was wrong."""
    print(f"soak for {minutes:g} minutes, seed {seed}", flush=True)
    with SchedulerClusterCombo(n_workers=_PERMANENT_WORKERS, logging_level="CRITICAL") as combo:
        combo.wait_for_workers()
        run = Soak(combo, seed, time.monotonic() + minutes * 60)
        run.run()
        run.settle()
        with Client(combo.get_address()) as client:
            client.submit(pow, 2, 3).result(timeout=30)
    print(", ".join(f"{count} {what}" for what, count in run.counts.items()))
    for watched in run.watched:
        growth = watched.growth()
        print(
            f"{watched.name} grew by {growth.rss_bytes / _MEBIBYTE:.1f} MiB, {growth.descriptors} descriptors, "
            f"{growth.threads} threads after the warm-up"
        )
    return run.failures


def main() -> int:
    """Run the soak, or one of those that come and go in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="of the plan of who comes and goes (default: a new one)")
    parser.add_argument("--address", help=argparse.SUPPRESS)
    parser.add_argument("--client", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client is not None:
        live(arguments.address, arguments.client, orderly=arguments.client % 4 != 0)
        return 0
    if arguments.worker:
        serve_as_worker(arguments.address)
        return 0
    failures = soak(arguments.minutes, random.randrange(10**6) if arguments.seed is None else arguments.seed)
    for failure in failures:
        print(f"FAILED: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
