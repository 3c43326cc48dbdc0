"""The standard library's process pool, which forks its workers and has no shared values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any


class ProcessPoolEngine:
    """A process pool."""

    def __init__(self, workers: int) -> None:
        self._pool = ProcessPoolExecutor(workers)

    def wait_for_workers(self) -> None:
        """Return at once: the pool starts workers with its first tasks."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start one task and return its future."""
        return self._pool.submit(function, *arguments)

    def collect(self, pending: Sequence[Any]) -> list[Any]:
        """Return the results of futures in order."""
        return [future.result() for future in pending]

    def map(self, function: Callable[..., Any], values: Sequence[Any]) -> list[Any]:
        """Run one task for each value, without chunks, and return the results in order."""
        return list(self._pool.map(function, values, chunksize=1))

    def share(self, value: Any) -> Any:
        """Return the value itself: it travels with every task."""
        return value

    def compute(self, graph: Mapping[str, Any], keys: Sequence[str]) -> None:
        """Return None: there are no graphs."""

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()
