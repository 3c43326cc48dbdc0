"""Messages and bytes for one no-op task on the links of the scheduler, exactly."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from comparison import work

from counts.relay import Relay
from scaler import Client, Cluster
from scaler.cluster.object_storage_server import ObjectStorageServerProcess
from scaler.cluster.scheduler import SchedulerProcess
from scaler.config.section.cluster import ClusterConfig, default_worker_names
from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.zmq import ZMQConfig

_TASKS = 500
_WAIT_SECONDS = 30.0
_LEVEL = "WARNING"


def measure() -> dict[str, float]:
    """Return messages and bytes per task by link and direction, for ``submit`` and for ``map``."""
    with _servers() as (scheduler_address, storage_address), Relay(scheduler_address) as relay:
        address = ZMQConfig.from_string(relay.address)
        cluster = Cluster.from_config(
            # One worker: with two, some tasks are taken back from one for the other, as time has it.
            ClusterConfig(
                scheduler_address=address,
                object_storage_address=storage_address,
                num_of_workers=1,
                worker_names=default_worker_names(1),
                logging_level=_LEVEL,
            )
        )
        cluster.start()
        try:
            with Client(relay.address) as client:
                return _measure(client, relay)
        finally:
            cluster.terminate()
            cluster.join(_WAIT_SECONDS)
            cluster.close()


def _measure(client: Client, relay: Relay) -> dict[str, float]:
    client.submit(work.no_op, 1).result(_WAIT_SECONDS)  # stores the function
    found: dict[str, float] = {}
    for name in ("submit", "map"):
        relay.take_counts()
        if name == "submit":
            results = [future.result() for future in [client.submit(work.no_op, 1) for _ in range(_TASKS)]]
        else:
            results = client.map(work.no_op, [(1,)] * _TASKS)
        assert results == [1] * _TASKS
        relay.wait_for("scheduler_to_client", _TASKS, _WAIT_SECONDS)
        found.update({f"{name}.{what}": count / _TASKS for what, count in relay.take_counts().items()})
    return found


@contextlib.contextmanager
def _servers() -> Iterator[tuple[str, ObjectStorageConfig]]:
    storage = ObjectStorageServerProcess(ObjectStorageConfig("127.0.0.1", 0), ("/dev/stdout",), _LEVEL, None)
    storage.start()
    try:
        config = SchedulerConfig(
            scheduler_address=ZMQConfig.from_string("tcp://127.0.0.1:0"),
            monitor_address=ZMQConfig.from_string("tcp://127.0.0.1:0"),
            object_storage_address=storage.address,
            logging_level=_LEVEL,
        )
        scheduler = SchedulerProcess.from_config(config)
        scheduler.start()
        try:
            yield scheduler.address.to_address(), storage.address
        finally:
            scheduler.terminate()
            scheduler.join(_WAIT_SECONDS)
            scheduler.close()
    finally:
        storage.terminate()
        storage.join(_WAIT_SECONDS)
        storage.close()
