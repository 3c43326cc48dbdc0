"""The workers of one machine as a process, or supervised by this one."""

from __future__ import annotations

import dataclasses
import logging
import sys
from typing import TYPE_CHECKING, ClassVar

from scaler.cluster.supervision import StopRequested, StopSignals
from scaler.cluster.worker_places import WorkerPlaces
from scaler.cluster.worker_restarts import WorkerRestarts
from scaler.config import defaults
from scaler.config.section.cluster import ClusterConfig
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.worker import WorkerCapabilities, WorkerNames
from scaler.config.types.zmq import ZMQConfig
from scaler.utility.logging.utility import setup_logger
from scaler.utility.process import ChildProcess

if TYPE_CHECKING:
    from scaler.worker.worker import Worker

_CLONED = (
    "worker_io_threads",
    "per_worker_task_queue_size",
    "heartbeat_interval_seconds",
    "task_timeout_seconds",
    "death_timeout_seconds",
    "garbage_collect_interval_seconds",
    "trim_memory_threshold_bytes",
    "hard_processor_suspend",
    "event_loop",
    "logging_paths",
    "logging_level",
    "logging_config_file",
)
"""Settings that older programs read from a cluster, with an underscore before the name, to make another one like it."""

STOP_GRACE_SECONDS = 4.0
"""How long workers have to end their processors and themselves, once those that drain have had their time."""


class Cluster(ChildProcess):
    """Runs one worker per name and ends when all of them have ended; SIGINT and SIGTERM stop them.

    With ``restart_workers`` a worker that dies is replaced, after growing pauses when that happens again and again.
    With ``drain_seconds`` above 0, SIGTERM lets workers end for so long what they run, and give the rest to others; a
    second one, and SIGINT, stop them at once.
    ``supervise`` may be called instead, to do the same in this process.
    """

    NAME: ClassVar = "WorkerMaster"
    preparation = "scaler.cluster.preparation:prepare_cluster"

    def __init__(
        self,
        address: ZMQConfig,
        object_storage_address: ObjectStorageConfig | None,
        preload: str | None,
        worker_io_threads: int,
        worker_names: list[str],
        per_worker_capabilities: dict[str, int],
        per_worker_task_queue_size: int,
        heartbeat_interval_seconds: float,
        task_timeout_seconds: float,
        death_timeout_seconds: float,
        garbage_collect_interval_seconds: float,
        trim_memory_threshold_bytes: int,
        hard_processor_suspend: bool,
        event_loop: str,
        logging_paths: tuple[str, ...],
        logging_config_file: str | None,
        logging_level: str,
        isolated_arguments: bool = defaults.DEFAULT_ISOLATED_ARGUMENTS,
        capture_native_output: bool = defaults.DEFAULT_CAPTURE_NATIVE_OUTPUT,
        restart_workers: bool = defaults.DEFAULT_RESTART_WORKERS,
        drain_seconds: float = defaults.DEFAULT_DRAIN_SECONDS,
    ) -> None:
        super().__init__(self.NAME)
        # Its checks are those of the command: a wrong value raises here, not in a process that nobody looks at.
        self._config = ClusterConfig(
            scheduler_address=address,
            object_storage_address=object_storage_address,
            preload=preload,
            num_of_workers=len(worker_names),
            worker_names=WorkerNames(list(worker_names)),
            per_worker_capabilities=WorkerCapabilities(dict(per_worker_capabilities)),
            per_worker_task_queue_size=per_worker_task_queue_size,
            heartbeat_interval_seconds=heartbeat_interval_seconds,
            task_timeout_seconds=task_timeout_seconds,
            death_timeout_seconds=death_timeout_seconds,
            garbage_collect_interval_seconds=garbage_collect_interval_seconds,
            trim_memory_threshold_bytes=trim_memory_threshold_bytes,
            hard_processor_suspend=hard_processor_suspend,
            isolated_arguments=isolated_arguments,
            capture_native_output=capture_native_output,
            restart_workers=restart_workers,
            drain_seconds=drain_seconds,
            event_loop=event_loop,
            worker_io_threads=worker_io_threads,
            logging_paths=tuple(logging_paths),
            logging_level=logging_level,
            logging_config_file=logging_config_file,
        )
        self._address = self._config.scheduler_address
        self.drain_seconds = self._config.drain_seconds
        for name in _CLONED:
            setattr(self, f"_{name}", getattr(self._config, name))

    @classmethod
    def from_config(cls, config: ClusterConfig) -> Cluster:
        """Make the process of a configuration."""
        values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
        del values["num_of_workers"]  # there are as many as names
        values["worker_names"] = config.worker_names.names
        values["per_worker_capabilities"] = config.per_worker_capabilities.capabilities
        return cls(address=values.pop("scheduler_address"), **values)

    def run(self) -> None:
        """Set up logging and supervise; exit with status 1 when a worker failed, or when that cannot be done."""
        try:
            setup_logger(self._config.logging_paths, self._config.logging_config_file, self._config.logging_level)
            succeeded = self.supervise()
        except (OSError, ValueError) as error:
            print(f"{self.NAME}: error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
            succeeded = False
        if not succeeded:
            sys.exit(1)

    def supervise(self) -> bool:
        """Start the workers and wait for them, or for a signal; return whether all of them ended well."""
        config = self._config
        names = config.worker_names.names
        restarts = WorkerRestarts() if config.restart_workers else None
        places = WorkerPlaces(len(names), lambda place: self._make_worker(names[place]), restarts)
        logging.info(
            "Cluster: starting %d workers, heartbeat_interval_seconds=%g, task_timeout_seconds=%g",
            len(names),
            config.heartbeat_interval_seconds,
            config.task_timeout_seconds,
        )
        succeeded = True
        with StopSignals() as signals:
            try:
                places.start(self.prepared or [])
                succeeded = places.wait_for_all(signals)
            except StopRequested:
                logging.info("Cluster: received signal, shutting down")
            finally:
                signals.disarm()
                succeeded = places.stop(STOP_GRACE_SECONDS, signals) and succeeded
        logging.info("Cluster: shutdown")
        return succeeded

    def _make_worker(self, name: str) -> Worker:
        from scaler.worker.worker import Worker

        config = self._config
        return Worker(
            event_loop=config.event_loop,
            name=name,
            address=config.scheduler_address,
            object_storage_address=config.object_storage_address,
            preload=config.preload,
            capabilities=config.per_worker_capabilities.capabilities,
            io_threads=config.worker_io_threads,
            task_queue_size=config.per_worker_task_queue_size,
            heartbeat_interval_seconds=config.heartbeat_interval_seconds,
            garbage_collect_interval_seconds=config.garbage_collect_interval_seconds,
            trim_memory_threshold_bytes=config.trim_memory_threshold_bytes,
            task_timeout_seconds=config.task_timeout_seconds,
            death_timeout_seconds=config.death_timeout_seconds,
            hard_processor_suspend=config.hard_processor_suspend,
            isolated_arguments=config.isolated_arguments,
            capture_native_output=config.capture_native_output,
            drain_seconds=config.drain_seconds,
            logging_paths=config.logging_paths,
            logging_level=config.logging_level,
            logging_config_file=config.logging_config_file,
        )
