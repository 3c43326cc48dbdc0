"""The processes of a cluster, found and stopped the hard way; and more workers, over any address."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Protocol

import psutil
from settle import wait_until

from scaler.cluster.cluster import Cluster
from scaler.config.section.cluster import default_worker_names
from scaler.config.types.zmq import ZMQConfig


class WaitsForWorkers(Protocol):
    """A cluster, as far as workers are added to it."""

    def wait_for_workers(self, n: int, timeout_seconds: float) -> None: ...


def agents(cluster: Cluster) -> list[psutil.Process]:
    """Return the living agents of a cluster's workers."""
    assert cluster.pid is not None
    return [child for child in psutil.Process(cluster.pid).children() if child.status() != psutil.STATUS_ZOMBIE]


def processors(agent: psutil.Process) -> list[psutil.Process]:
    """Return the living processors of a worker."""
    try:
        return [child for child in agent.children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
    except psutil.NoSuchProcess:
        return []


def freeze(cluster: Cluster) -> list[psutil.Process]:
    """Stop all processes of a cluster's workers with SIGSTOP, and return them."""
    frozen = [process for agent in agents(cluster) for process in (agent, *processors(agent))]
    for process in frozen:
        process.send_signal(signal.SIGSTOP)
    return frozen


def thaw(processes: list[psutil.Process]) -> None:
    """Let stopped processes go on; those that were killed meanwhile are left out."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def more_workers(combo: WaitsForWorkers, address: str, workers: int, registered: int) -> Iterator[Cluster]:
    """Add workers to a cluster over another address of its scheduler; wait until so many have registered.

    These also have a processor each then.
    """
    cluster = Cluster(
        address=ZMQConfig.from_string(address),
        object_storage_address=None,
        preload=None,
        worker_io_threads=1,
        worker_names=default_worker_names(workers).names,
        per_worker_capabilities={},
        per_worker_task_queue_size=1000,
        heartbeat_interval_seconds=0.5,
        task_timeout_seconds=0,
        death_timeout_seconds=60,
        garbage_collect_interval_seconds=30,
        trim_memory_threshold_bytes=1024**3,
        hard_processor_suspend=False,
        event_loop="builtin",
        logging_paths=("/dev/stdout",),
        logging_config_file=None,
        logging_level="WARNING",
    )
    cluster.start()
    try:
        combo.wait_for_workers(registered, timeout_seconds=30)
        wait_until(lambda: all(processors(agent) for agent in agents(cluster)), 30, "processors start")
        yield cluster
    finally:
        cluster.terminate()
        cluster.join(10)
        cluster.close()
