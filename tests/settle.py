"""The settle check: after whatever happened, a cluster is at rest, serves, and leaves nothing behind when it stops."""

from __future__ import annotations

import concurrent.futures
import contextlib
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import psutil
from process_ends import has_ended

from scaler import Client, SchedulerClusterCombo
from scaler.cluster.scheduler_gauges import SchedulerGauges
from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector
from scaler.utility.exceptions import ObjectStorageException

# Sizes of tables. What is left out counts what happened (messages that were dropped or late), or is given: the workers.
_EMPTY_TABLES = (
    "clients",
    "departed_workers",
    "tasks",
    "graphs",
    "waiting_tasks",
    "placed_tasks",
    "open_cancels",
    "objects",
    "loaded_workers",
)
_MEBIBYTE = 1024 * 1024


def wait_until(condition: Callable[[], bool], seconds: float, what: object = "") -> None:
    """Wait until the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {what() if callable(what) else what}"
        time.sleep(0.01)


class Settlement:
    """Looks at a cluster from its start to its end; a context manager around the faults.

    While it is open the memory of scheduler and object storage is sampled.
    """

    def __init__(
        self, combo: SchedulerClusterCombo, growth_bound_bytes: int = 256 * _MEBIBYTE, *, is_besieged: bool = False
    ) -> None:
        """Look at a cluster; ``is_besieged`` when somebody sends it what its own parts never would."""
        self._combo = combo
        self._is_besieged = is_besieged
        self._seen_counts: Counter[str] = Counter()
        self._growth_bound_bytes = growth_bound_bytes
        self._servers = [psutil.Process(self._pid(server)) for server in (combo._scheduler, combo._object_storage)]
        self._first_bytes = [server.memory_info().rss for server in self._servers]
        self._peak_bytes = list(self._first_bytes)
        self._is_over = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="memory sampler", daemon=True)

    def __enter__(self) -> Settlement:
        self._sampler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._sampler.join()

    def check(self, futures: Iterable[concurrent.futures.Future[Any]] = (), workers: int | None = None) -> float:
        """Check that the cluster is at rest and serves. Return how long a fresh client waited for a result.

        All other clients must have left. ``workers`` is how many there must be, now or soon.
        """
        assert all(future.done() for future in futures)
        address = self._combo.get_address()
        for server in self._servers:
            assert not has_ended(server), f"{server} has ended"
        with SchedulerGauges(address) as gauges:
            wait_until(lambda: self._is_at_rest(gauges.read(10), workers), 20, lambda: gauges.read(10))
            counts = Counter(gauges.read(10))
        new = counts - self._seen_counts  # since the last check
        self._seen_counts = counts
        assert new["failed_events"] == 0, f"handlers have failed, its log says which: {new}"
        assert new["dropped_messages"] == 0 or self._is_besieged, f"its own parts sent bad messages: {new}"
        wait_until(lambda: self._stored() == (0, 0, 0), 10, lambda: f"in the object storage: {self._stored()}")
        start = time.monotonic()
        with Client(address) as client:
            assert client.submit(pow, 2, 10).result(timeout=20) == 1024
        waited_seconds = time.monotonic() - start
        for first, peak, server in zip(self._first_bytes, self._peak_bytes, self._servers, strict=True):
            grown = peak - first
            assert grown < self._growth_bound_bytes, f"{server.name()} grew by {grown / _MEBIBYTE:.0f} MiB"
        return waited_seconds

    def growth_mebibytes(self) -> list[float]:
        """Return by how much scheduler and object storage have grown at their peak."""
        return [(peak - first) / _MEBIBYTE for first, peak in zip(self._first_bytes, self._peak_bytes, strict=True)]

    @staticmethod
    def _is_at_rest(gauges: dict[str, int], workers: int | None) -> bool:
        return all(gauges[name] == 0 for name in _EMPTY_TABLES) and workers in (None, gauges["workers"])

    def _stored(self) -> tuple[int, int, int] | None:
        try:
            with SyncObjectStorageConnector(self._combo._object_storage_address.to_address()) as connector:
                return connector.get_info_total()
        except ObjectStorageException:
            return None

    def _sample(self) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):  # of which ``check`` will complain
            while not self._is_over.wait(0.05):
                for position, server in enumerate(self._servers):
                    self._peak_bytes[position] = max(self._peak_bytes[position], server.memory_info().rss)

    @staticmethod
    def _pid(process: Any) -> int:
        assert process.pid is not None
        return int(process.pid)


def check_no_failed_events(address: str) -> None:
    """Check that no handler of the scheduler has failed; its log says which did, and how."""
    with SchedulerGauges(address) as gauges:
        assert gauges.read(10)["failed_events"] == 0


def ports_of(combo: SchedulerClusterCombo) -> dict[str, int]:
    """Return the ports a cluster listens at, by their part."""
    ports = {
        "scheduler": combo._scheduler.address.port,
        "object storage": combo._object_storage.address.port,
        "monitor": combo._scheduler.monitor_address.port,
    }
    assert all(ports.values())
    return {name: port for name, port in ports.items() if port is not None}


def check_ports_free(ports: Iterable[int]) -> None:
    """Check that others can listen at these ports, now or very soon."""
    for port in ports:
        wait_until(lambda port=port: _can_bind(port), 5, f"port {port} is still in use")


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True
