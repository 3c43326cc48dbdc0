"""Ray on one machine, without its dashboard."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"

import ray

_OBJECT_STORE_BYTES = 2 << 30


class RayEngine:
    """A local Ray."""

    def __init__(self, workers: int) -> None:
        self._remotes: dict[Callable[..., Any], Any] = {}
        ray.init(
            num_cpus=workers,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            object_store_memory=_OBJECT_STORE_BYTES,
        )

    def wait_for_workers(self) -> None:
        """Return at once: worker processes start with the first tasks."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Start one task and return its reference."""
        return self._remote(function).remote(*arguments)

    def collect(self, pending: Sequence[Any]) -> list[Any]:
        """Return the results of tasks in order."""
        return list(ray.get(list(pending)))

    def map(self, function: Callable[..., Any], values: Sequence[Any]) -> list[Any]:
        """Run one task for each value and return the results in order."""
        remote = self._remote(function)
        return list(ray.get([remote.remote(value) for value in values]))

    def share(self, value: Any) -> Any:
        """Put a value into the object store."""
        return ray.put(value)

    def compute(self, graph: Mapping[str, Any], keys: Sequence[str]) -> None:
        """Return None: there are no graphs."""

    def close(self) -> None:
        """End all processes."""
        ray.shutdown()

    def _remote(self, function: Callable[..., Any]) -> Any:
        if function not in self._remotes:
            self._remotes[function] = ray.remote(function)
        return self._remotes[function]
