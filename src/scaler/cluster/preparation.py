"""What processes of a local cluster do before they know each other's addresses."""

from __future__ import annotations

import logging

from scaler.utility.interpreter import Interpreter


def prepare_object_storage_server() -> None:
    """Import what the server needs."""
    import scaler.cluster.object_storage_server
    import scaler.object_storage.object_storage_server  # noqa: F401


def prepare_scheduler() -> None:
    """Import what the scheduler needs."""
    import scaler.cluster.scheduler
    import scaler.io.ymq.native_log
    import scaler.scheduler.scheduler  # noqa: F401


def prepare_cluster(workers: int = 0) -> list[Interpreter]:
    """Spawn the interpreters of the workers, or as many as the system allows, and import what is needed meanwhile."""
    interpreters: list[Interpreter] = []
    try:
        interpreters.extend(Interpreter("Agent", "scaler.worker.preparation:prepare") for _ in range(workers))
    except OSError as error:
        logging.warning("cannot start a worker early: %s", error)
    import scaler.cluster.cluster
    import scaler.worker.worker  # noqa: F401

    return interpreters
