"""Settings of ``scaler_worker_adapter_symphony``, section ``[symphony_worker_adapter]``."""

from __future__ import annotations

from dataclasses import dataclass

from scaler.config import defaults
from scaler.config.configuration_error import ConfigurationError
from scaler.config.section.adapter_settings import (
    adapter_web_host_setting,
    adapter_web_port_setting,
    adapter_web_token_setting,
    check_adapter_settings,
    io_threads_setting,
    worker_setting,
)
from scaler.config.section.logging_settings import (
    logging_config_file_setting,
    logging_level_setting,
    logging_paths_setting,
)
from scaler.config.setting import setting
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.worker import WorkerCapabilities
from scaler.config.types.zmq import ZMQConfig


@dataclass(frozen=True)
class SymphonyWorkerConfig:
    """Everything an adapter that runs tasks in IBM Spectrum Symphony can be told."""

    scheduler_address: ZMQConfig = worker_setting("scheduler_address")
    service_name: str = setting("-sn", help="service of Symphony that runs the tasks")
    object_storage_address: ObjectStorageConfig | None = worker_setting("object_storage_address")
    adapter_web_host: str = adapter_web_host_setting(default="localhost")
    adapter_web_port: int = adapter_web_port_setting(default=0)
    adapter_web_token: str | None = adapter_web_token_setting()
    base_concurrency: int = setting(
        "-n",
        default=defaults.DEFAULT_NUMBER_OF_WORKER,
        minimum=1,
        help="tasks that may be in Symphony at once, nested ones aside",
    )
    io_threads: int = io_threads_setting()
    worker_capabilities: WorkerCapabilities = worker_setting("per_worker_capabilities", "worker_capabilities")
    worker_task_queue_size: int = worker_setting("per_worker_task_queue_size", "worker_task_queue_size")
    heartbeat_interval: float = worker_setting("heartbeat_interval_seconds", "heartbeat_interval")
    death_timeout_seconds: float = worker_setting("death_timeout_seconds")
    event_loop: str = worker_setting("event_loop")
    logging_paths: tuple[str, ...] = logging_paths_setting()
    logging_level: str = logging_level_setting()
    logging_config_file: str | None = logging_config_file_setting()

    def __post_init__(self) -> None:
        check_adapter_settings(self)
        if not self.service_name:
            raise ConfigurationError("service_name must not be empty")
