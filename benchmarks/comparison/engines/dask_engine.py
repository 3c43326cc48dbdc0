"""Dask distributed with single-threaded worker processes, its scheduler in this process as by default."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dask
from distributed import Client, LocalCluster


class DaskEngine:
    """A local cluster and a client of it."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"})
        self._cluster = LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=logging.ERROR,
            memory_limit=0,
        )
        self._client = Client(self._cluster)

    def wait_for_workers(self) -> None:
        """Return when all workers are there."""
        self._client.wait_for_workers(self._workers)

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Start one task and return its future."""
        return self._client.submit(function, *arguments, pure=False)

    def collect(self, pending: Sequence[Any]) -> list[Any]:
        """Return the results of futures in order, in one request when there are several."""
        return [pending[0].result()] if len(pending) == 1 else list(self._client.gather(list(pending)))

    def map(self, function: Callable[..., Any], values: Sequence[Any]) -> list[Any]:
        """Run one task for each value and return the results in order."""
        return list(self._client.gather(self._client.map(function, values, pure=False)))

    def share(self, value: Any) -> Any:
        """Send a value once to all workers."""
        return self._client.scatter(value, broadcast=True, hash=False)

    def compute(self, graph: Mapping[str, Any], keys: Sequence[str]) -> list[Any]:
        """Return the values of some nodes of a graph in order."""
        return list(self._client.get(dict(graph), list(keys)))

    def close(self) -> None:
        """End the session and all processes."""
        self._client.close()
        self._cluster.close()
