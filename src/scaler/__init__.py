"""Scaler runs Python functions on many cores and many machines.

The names below are loaded when they are first used: a worker's processes import this package without the client.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scaler.about import __version__
    from scaler.client.client import Client
    from scaler.client.future import ScalerFuture
    from scaler.client.serializer.mixins import Serializer
    from scaler.cluster.cluster import Cluster
    from scaler.cluster.combo import SchedulerClusterCombo
    from scaler.scheduler.scheduler import Scheduler

__all__ = ["Client", "Cluster", "ScalerFuture", "Scheduler", "SchedulerClusterCombo", "Serializer", "__version__"]

_MODULES = {
    "Client": "scaler.client.client",
    "Cluster": "scaler.cluster.cluster",
    "ScalerFuture": "scaler.client.future",
    "Scheduler": "scaler.scheduler.scheduler",
    "SchedulerClusterCombo": "scaler.cluster.combo",
    "Serializer": "scaler.client.serializer.mixins",
    "__version__": "scaler.about",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
