"""Settings of ``scaler_cluster``, section ``[cluster]``."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from scaler.config import defaults
from scaler.config.configuration_error import ConfigurationError
from scaler.config.section.logging_settings import (
    logging_config_file_setting,
    logging_level_setting,
    logging_paths_setting,
)
from scaler.config.setting import check_settings, setting
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.worker import WorkerCapabilities, WorkerNames
from scaler.config.types.zmq import ZMQConfig


def default_worker_names(number: int) -> WorkerNames:
    """Return the short name of this machine for each of a number of workers."""
    return WorkerNames([socket.gethostname().split(".")[0] or "localhost"] * number)


@dataclass(frozen=True)
class ClusterConfig:
    """Everything a set of workers on one machine can be told; the names give the number, or the other way round."""

    scheduler_address: ZMQConfig = setting(positional=True, help="address of the scheduler, like tcp://127.0.0.1:2345")
    object_storage_address: ObjectStorageConfig | None = setting(
        "-osa", default=None, default_text="what the scheduler says", help="address of the object storage server"
    )
    preload: str | None = setting(
        default=None,
        help="function to call in each processor before its first task: 'pkg.mod:func' or 'pkg.mod:func(1)'",
    )
    num_of_workers: int = setting(
        "-n",
        default=None,
        default_text=f"the number of names, or {defaults.DEFAULT_NUMBER_OF_WORKER}: one less than processors",
        minimum=0,
        help="workers to start",
    )
    worker_names: WorkerNames = setting(
        "-wn", default=WorkerNames(), default_text="the name of the machine", help="names of the workers, with commas"
    )
    per_worker_capabilities: WorkerCapabilities = setting(
        "-pwc", "-wc", default=WorkerCapabilities(), help="what each worker can do, like 'linux,cpu=8'"
    )
    per_worker_task_queue_size: int = setting(
        "-wtqs",
        default=defaults.DEFAULT_PER_WORKER_QUEUE_SIZE,
        minimum=1,
        help="tasks that one worker may hold, running ones included",
    )
    heartbeat_interval_seconds: float = setting(
        "-hi",
        default=defaults.DEFAULT_HEARTBEAT_INTERVAL_SECONDS,
        exclusive_minimum=0,
        help="period of the workers' signs of life",
    )
    task_timeout_seconds: float = setting(
        "-tts",
        "-tt",
        default=defaults.DEFAULT_TASK_TIMEOUT_SECONDS,
        minimum=0,
        help="time that one task may take before it is stopped, 0 for no limit",
    )
    death_timeout_seconds: float = setting(
        "-ds",
        "-dt",
        default=defaults.DEFAULT_WORKER_DEATH_TIMEOUT,
        exclusive_minimum=0,
        help="time without an answer of the scheduler after which a worker ends",
    )
    garbage_collect_interval_seconds: float = setting(
        "-gc",
        default=defaults.DEFAULT_GARBAGE_COLLECT_INTERVAL_SECONDS,
        exclusive_minimum=0,
        help="period of garbage collection in processors",
    )
    trim_memory_threshold_bytes: int = setting(
        "-tm",
        default=defaults.DEFAULT_TRIM_MEMORY_THRESHOLD_BYTES,
        minimum=0,
        help="memory of a processor from which it is given back to the system after a collection",
    )
    hard_processor_suspend: bool = setting(
        "-hps",
        default=defaults.DEFAULT_HARD_PROCESSOR_SUSPEND,
        help="suspend processors by stopping them (SIGSTOP) instead of asking them",
    )
    isolated_arguments: bool = setting(
        "-ia",
        default=defaults.DEFAULT_ISOLATED_ARGUMENTS,
        help="give each task a copy of its own of arguments that tasks share, which they then may change",
    )
    capture_native_output: bool = setting(
        "-cno",
        default=defaults.DEFAULT_CAPTURE_NATIVE_OUTPUT,
        help="stream what native code and subprocesses of a task print, too, for clients that want the output of tasks",
    )
    restart_workers: bool = setting(
        "-rw",
        default=defaults.DEFAULT_RESTART_WORKERS,
        help="replace workers that died, after growing pauses when that happens again and again",
    )
    event_loop: str = setting(
        "-e",
        "-el",
        default=defaults.DEFAULT_EVENT_LOOP,
        choices=("builtin", "uvloop"),
        help="implementation of the asyncio loop",
    )
    worker_io_threads: int = setting(
        "-wit", default=defaults.DEFAULT_IO_THREADS, minimum=1, help="threads of a worker that move messages"
    )
    logging_paths: tuple[str, ...] = logging_paths_setting()
    logging_level: str = logging_level_setting()
    logging_config_file: str | None = logging_config_file_setting()

    def __post_init__(self) -> None:
        if self.num_of_workers is None:
            number = len(self.worker_names) or defaults.DEFAULT_NUMBER_OF_WORKER
            object.__setattr__(self, "num_of_workers", number)
        check_settings(self)
        if self.scheduler_address.port == 0:
            raise ConfigurationError(
                f"scheduler_address must have the scheduler's real port, got {self.scheduler_address}"
            )
        if not len(self.worker_names):
            object.__setattr__(self, "worker_names", default_worker_names(self.num_of_workers))
        if len(self.worker_names) != self.num_of_workers:
            raise ConfigurationError(
                f"the number of worker_names ({len(self.worker_names)}: {self.worker_names}) must be "
                f"num_of_workers ({self.num_of_workers})"
            )
