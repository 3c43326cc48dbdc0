"""Settings of ``scaler_worker_adapter_native``, section ``[native_worker_adapter]``."""

from __future__ import annotations

from dataclasses import dataclass

from scaler.config.section.adapter_settings import (
    adapter_web_host_setting,
    adapter_web_port_setting,
    adapter_web_token_setting,
    check_adapter_settings,
    io_threads_setting,
    limit_setting,
    worker_setting,
)
from scaler.config.section.logging_settings import (
    logging_config_file_setting,
    logging_level_setting,
    logging_paths_setting,
)
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.worker import WorkerCapabilities
from scaler.config.types.zmq import ZMQConfig


@dataclass(frozen=True)
class NativeWorkerAdapterConfig:
    """Everything an adapter that starts workers on its own machine can be told."""

    scheduler_address: ZMQConfig = worker_setting("scheduler_address")
    object_storage_address: ObjectStorageConfig | None = worker_setting("object_storage_address")
    adapter_web_host: str = adapter_web_host_setting(default="localhost")
    adapter_web_port: int = adapter_web_port_setting(default=8080)
    adapter_web_token: str | None = adapter_web_token_setting()
    max_workers: int = limit_setting("-mw", help="workers that may run at once, -1 for no limit")
    io_threads: int = io_threads_setting()
    preload: str | None = worker_setting("preload")
    per_worker_capabilities: WorkerCapabilities = worker_setting("per_worker_capabilities")
    worker_task_queue_size: int = worker_setting("per_worker_task_queue_size", "worker_task_queue_size")
    heartbeat_interval_seconds: float = worker_setting("heartbeat_interval_seconds")
    task_timeout_seconds: float = worker_setting("task_timeout_seconds")
    death_timeout_seconds: float = worker_setting("death_timeout_seconds")
    drain_seconds: float = worker_setting("drain_seconds")
    garbage_collect_interval_seconds: float = worker_setting("garbage_collect_interval_seconds")
    trim_memory_threshold_bytes: int = worker_setting("trim_memory_threshold_bytes")
    hard_processor_suspend: bool = worker_setting("hard_processor_suspend")
    isolated_arguments: bool = worker_setting("isolated_arguments")
    capture_native_output: bool = worker_setting("capture_native_output")
    event_loop: str = worker_setting("event_loop")
    logging_paths: tuple[str, ...] = logging_paths_setting()
    logging_level: str = logging_level_setting()
    logging_config_file: str | None = logging_config_file_setting()

    def __post_init__(self) -> None:
        check_adapter_settings(self, "max_workers")
