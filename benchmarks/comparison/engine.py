"""What a workload needs of an engine, and where to find each engine's adapter."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class Engine(Protocol):
    """A local cluster with a session on it; made with the number of worker processes, ready for the first call."""

    def __init__(self, workers: int) -> None: ...

    def wait_for_workers(self) -> None:
        """Return when all workers are there."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Start one task and return what ``collect`` takes; arguments may be what ``share`` returned."""

    def collect(self, pending: Sequence[Any]) -> list[Any]:
        """Return the results of submitted tasks in order."""

    def map(self, function: Callable[..., Any], values: Sequence[Any]) -> list[Any]:
        """Run one task for each value and return the results in order."""

    def share(self, value: Any) -> Any:
        """Send a value once, for any number of tasks."""

    def compute(self, graph: Mapping[str, Any], keys: Sequence[str]) -> list[Any] | None:
        """Return the values of some nodes of a graph in order; None when the engine has no graphs."""

    def close(self) -> None:
        """End the session and all processes."""


@dataclasses.dataclass(frozen=True)
class EngineEntry:
    """An engine that can be measured."""

    title: str
    module: str
    class_name: str
    distribution: str | None
    requirements: tuple[str, ...] = ()
    """What pip installs into the engine's environment; none for engines that run in the benchmark's own."""


OURS = "scaler"

ENGINES = {
    OURS: EngineEntry("Scaler", "scaler_engine", "ScalerEngine", "opengris-scaler"),
    "process_pool": EngineEntry("process pool", "process_pool_engine", "ProcessPoolEngine", None),
    "dask": EngineEntry("Dask", "dask_engine", "DaskEngine", "distributed", ("distributed", "numpy")),
    "ray": EngineEntry("Ray", "ray_engine", "RayEngine", "ray", ("ray", "numpy")),
    "reference": EngineEntry(
        "reference", "scaler_engine", "ScalerEngine", "opengris-scaler", ("opengris-scaler==1.12.28", "numpy")
    ),
}


def load_engine(name: str) -> type[Engine]:
    """Import an engine's adapter, and with it the engine."""
    entry = ENGINES[name]
    module = importlib.import_module(f"comparison.engines.{entry.module}")
    engine: type[Engine] = getattr(module, entry.class_name)
    return engine
