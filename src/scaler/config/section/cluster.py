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
from scaler.config.section.worker_settings import (
    capture_native_output_setting,
    death_timeout_seconds_setting,
    drain_seconds_setting,
    event_loop_setting,
    garbage_collect_interval_seconds_setting,
    hard_processor_suspend_setting,
    heartbeat_interval_seconds_setting,
    isolated_arguments_setting,
    per_worker_capabilities_setting,
    per_worker_task_queue_size_setting,
    task_timeout_seconds_setting,
    trim_memory_threshold_bytes_setting,
    worker_io_threads_setting,
)
from scaler.config.setting import check_settings, setting
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.worker import WorkerCapabilities, WorkerNames
from scaler.config.types.zmq import ZMQConfig, ZMQType

MOST_WORKERS = 65536


def default_worker_names(number: int) -> WorkerNames:
    """Return the short name of this machine for each of a number of workers."""
    return WorkerNames([socket.gethostname().split(".")[0] or "localhost"] * number)


def _expect_preload(spec: str) -> str:
    from scaler.worker.preload import PreloadSpecError, parse_preload_spec

    try:
        parse_preload_spec(spec)
    except PreloadSpecError as error:
        return f"a function like 'pkg.mod:func' or 'pkg.mod:func(1)': {error}"
    return ""


@dataclass(frozen=True)
class ClusterConfig:
    """Everything a set of workers on one machine can be told; the names give the number, or the other way round."""

    scheduler_address: ZMQConfig = setting(positional=True, help="address of the scheduler, like tcp://127.0.0.1:2345")
    object_storage_address: ObjectStorageConfig | None = setting(
        "-osa", default=None, default_text="what the scheduler says", help="address of the object storage server"
    )
    preload: str | None = setting(
        default=None,
        check=_expect_preload,
        help="function to call in each processor before its first task: 'pkg.mod:func' or 'pkg.mod:func(1)'",
    )
    num_of_workers: int = setting(
        "-n",
        default=None,
        default_text=f"the number of names, or {defaults.DEFAULT_NUMBER_OF_WORKER}: one less than processors",
        minimum=0,
        maximum=MOST_WORKERS,
        help="workers to start",
    )
    worker_names: WorkerNames = setting(
        "-wn", default=WorkerNames(), default_text="the name of the machine", help="names of the workers, with commas"
    )
    per_worker_capabilities: WorkerCapabilities = per_worker_capabilities_setting()
    per_worker_task_queue_size: int = per_worker_task_queue_size_setting()
    heartbeat_interval_seconds: float = heartbeat_interval_seconds_setting()
    task_timeout_seconds: float = task_timeout_seconds_setting()
    death_timeout_seconds: float = death_timeout_seconds_setting()
    drain_seconds: float = drain_seconds_setting()
    garbage_collect_interval_seconds: float = garbage_collect_interval_seconds_setting()
    trim_memory_threshold_bytes: int = trim_memory_threshold_bytes_setting()
    hard_processor_suspend: bool = hard_processor_suspend_setting()
    isolated_arguments: bool = isolated_arguments_setting()
    capture_native_output: bool = capture_native_output_setting()
    restart_workers: bool = setting(
        "-rw",
        default=defaults.DEFAULT_RESTART_WORKERS,
        help="replace workers that died, after growing pauses when that happens again and again",
    )
    event_loop: str = event_loop_setting()
    worker_io_threads: int = worker_io_threads_setting()
    logging_paths: tuple[str, ...] = logging_paths_setting()
    logging_level: str = logging_level_setting()
    logging_config_file: str | None = logging_config_file_setting()

    def __post_init__(self) -> None:
        if self.num_of_workers is None:
            number = len(self.worker_names) or defaults.DEFAULT_NUMBER_OF_WORKER
            object.__setattr__(self, "num_of_workers", number)
        check_settings(self)
        for name in ("scheduler_address", "object_storage_address"):
            address = getattr(self, name)
            if address is not None and address.port == 0:
                raise ConfigurationError(f"{name} must have the real port, which its server prints, got {address}")
        if self.scheduler_address.type is ZMQType.inproc:
            raise ConfigurationError(f"scheduler_address must be a tcp or ipc address, got {self.scheduler_address}")
        if not len(self.worker_names):
            object.__setattr__(self, "worker_names", default_worker_names(self.num_of_workers))
        if len(self.worker_names) != self.num_of_workers:
            raise ConfigurationError(
                f"the number of worker_names ({len(self.worker_names)}: {self.worker_names}) must be "
                f"num_of_workers ({self.num_of_workers})"
            )
