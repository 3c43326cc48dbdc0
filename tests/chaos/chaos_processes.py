"""The processes of a cluster, found and stopped the hard way; and more workers, over any address."""

from __future__ import annotations

import contextlib
import random
import signal
from collections.abc import Container, Iterator
from types import TracebackType
from typing import Protocol

import psutil
from process_ends import has_ended
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
    return [child for child in psutil.Process(cluster.pid).children() if not has_ended(child)]


def processors(agent: psutil.Process) -> list[psutil.Process]:
    """Return the living processors of a worker."""
    try:
        return [child for child in agent.children(recursive=True) if not has_ended(child)]
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
    cluster = _start_workers(address, workers)
    try:
        combo.wait_for_workers(registered, timeout_seconds=30)
        wait_until(lambda: all(processors(agent) for agent in agents(cluster)), 30, "processors start")
        yield cluster
    finally:
        _stop(cluster)


class Fleet:
    """Workers of which one after another is killed and replaced; a context manager. Each has a cluster of its own."""

    def __init__(self, address: str, size: int) -> None:
        self._address = address
        self._clusters = [_start_workers(address, 1) for _ in range(size)]
        self.killed_agents = 0
        self.killed_processors = 0

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for cluster in self._clusters:
            _stop(cluster)

    def __len__(self) -> int:
        return len(self._clusters)

    def kill_a_processor(self, plan: random.Random, among: Container[int]) -> None:
        """Kill one of the processors whose ids are given, if there is any in this moment."""
        living = [process for cluster in self._clusters for agent in agents(cluster) for process in processors(agent)]
        if candidates := [process for process in living if process.pid in among]:
            with contextlib.suppress(psutil.NoSuchProcess):
                plan.choice(candidates).kill()
                self.killed_processors += 1

    def replace_an_agent(self, plan: random.Random) -> None:
        """Kill the agent of a worker, and start another worker."""
        position = plan.randrange(len(self._clusters))
        cluster = self._clusters[position]
        for agent in agents(cluster):
            agent.kill()
            self.killed_agents += 1
        self._clusters[position] = _start_workers(self._address, 1)
        _stop(cluster)

    def check_alive(self) -> None:
        """Check that no worker has ended by itself."""
        assert all(cluster.is_alive() and len(agents(cluster)) == 1 for cluster in self._clusters)


def _start_workers(address: str, workers: int) -> Cluster:
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
    return cluster


def _stop(cluster: Cluster) -> None:
    cluster.terminate()
    cluster.join(10)
    cluster.close()
