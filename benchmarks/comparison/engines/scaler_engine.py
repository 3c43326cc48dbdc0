"""Scaler on one machine; the reference has the same public names, so this adapter serves both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scaler import Client, SchedulerClusterCombo


class ScalerEngine:
    """A local cluster and a client of it."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._cluster = SchedulerClusterCombo(n_workers=workers, logging_level="WARNING")
        self._client = Client(self._cluster.get_address())

    def wait_for_workers(self) -> None:
        """Return when all workers are there."""
        wait = getattr(self._cluster, "wait_for_workers", None)
        if wait is not None:
            wait()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Start one task and return its future."""
        return self._client.submit(function, *arguments)

    def collect(self, pending: Sequence[Any]) -> list[Any]:
        """Return the results of futures in order."""
        return [future.result() for future in pending]

    def map(self, function: Callable[..., Any], values: Sequence[Any]) -> list[Any]:
        """Run one task for each value and return the results in order."""
        return list(self._client.map(function, [(value,) for value in values]))

    def share(self, value: Any) -> Any:
        """Send a value once, for any number of tasks."""
        return self._client.send_object(value)

    def compute(self, graph: Mapping[str, Any], keys: Sequence[str]) -> list[Any]:
        """Return the values of some nodes of a graph in order."""
        results = self._client.get(dict(graph), list(keys))
        return [results[key] for key in keys]

    def close(self) -> None:
        """End the session and all processes."""
        self._client.disconnect()
        self._cluster.shutdown()
