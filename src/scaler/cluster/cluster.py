"""The workers of one machine as a process, or supervised by this one."""

from __future__ import annotations

import dataclasses
import logging
import sys
from typing import TYPE_CHECKING, ClassVar

from scaler.cluster.supervision import StopRequested, StopSignals, describe_exit, stop_all, wait_for_any
from scaler.config.section.cluster import ClusterConfig
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.worker import WorkerCapabilities, WorkerNames
from scaler.config.types.zmq import ZMQConfig
from scaler.utility.logging.utility import setup_logger
from scaler.utility.process import ChildProcess

if TYPE_CHECKING:
    from scaler.utility.interpreter import Interpreter
    from scaler.worker.worker import Worker

STOP_GRACE_SECONDS = 4.0
"""How long workers have to end their work, their processors and themselves."""


class Cluster(ChildProcess):
    """Runs one worker per name and ends when all of them have ended; SIGINT and SIGTERM stop them.

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
            event_loop=event_loop,
            worker_io_threads=worker_io_threads,
            logging_paths=tuple(logging_paths),
            logging_level=logging_level,
            logging_config_file=logging_config_file,
        )

    @classmethod
    def from_config(cls, config: ClusterConfig) -> Cluster:
        """Make the process of a configuration."""
        values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
        del values["num_of_workers"]  # there are as many as names
        values["worker_names"] = config.worker_names.names
        values["per_worker_capabilities"] = config.per_worker_capabilities.capabilities
        return cls(address=values.pop("scheduler_address"), **values)

    def run(self) -> None:
        """Set up logging and supervise; exit with status 1 when a worker failed."""
        setup_logger(self._config.logging_paths, self._config.logging_config_file, self._config.logging_level)
        if not self.supervise():
            sys.exit(1)

    def supervise(self) -> bool:
        """Start the workers and wait for them, or for a signal; return whether all of them ended well."""
        workers: list[Worker] = []
        succeeded = True
        with StopSignals() as signals:
            try:
                self._start_workers(workers)
                succeeded = _wait_for_all(workers, signals)
            except StopRequested:
                logging.info("Cluster: received signal, shutting down")
            finally:
                signals.disarm()
                succeeded = stop_all(workers, STOP_GRACE_SECONDS) and succeeded
                for worker in workers:
                    worker.close()
        logging.info("Cluster: shutdown")
        return succeeded

    def _start_workers(self, workers: list[Worker]) -> None:
        config = self._config
        logging.info(
            "Cluster: starting %d workers, heartbeat_interval_seconds=%g, task_timeout_seconds=%g",
            len(config.worker_names),
            config.heartbeat_interval_seconds,
            config.task_timeout_seconds,
        )
        interpreters: list[Interpreter] = self.prepared or []
        for position, name in enumerate(config.worker_names.names):
            worker = self._make_worker(name)
            workers.append(worker)
            worker.start(interpreter=interpreters[position] if position < len(interpreters) else None)
            logging.info("%r started", worker.identity)

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
            logging_paths=config.logging_paths,
            logging_level=config.logging_level,
            logging_config_file=config.logging_config_file,
        )


def _wait_for_all(workers: list[Worker], signals: StopSignals) -> bool:
    """Wait until every worker has ended, and return whether all of them ended well."""
    living = list(workers)
    succeeded = True
    while living:
        for worker in wait_for_any(living, signals):
            living.remove(worker)
            if worker.exitcode:
                succeeded = False
                logging.error("%r ended: %s", worker.identity, describe_exit(worker.exitcode))
            else:
                logging.info("%r ended", worker.identity)
    return succeeded
