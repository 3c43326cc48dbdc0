"""Settings of ``scaler_scheduler``, section ``[scheduler]``."""

from __future__ import annotations

from dataclasses import dataclass

from scaler.config import defaults
from scaler.config.configuration_error import ConfigurationError
from scaler.config.section.logging_settings import (
    logging_config_file_setting,
    logging_level_setting,
    logging_paths_setting,
)
from scaler.config.section.metrics_settings import metrics_address_setting
from scaler.config.setting import check_settings, setting
from scaler.config.types.metrics_address import MetricsAddress
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.scaling_controller_strategy import ScalingControllerStrategy
from scaler.config.types.zmq import ZMQConfig, ZMQType
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy


@dataclass(frozen=True)
class SchedulerConfig:
    """Everything a scheduler can be told."""

    scheduler_address: ZMQConfig = setting(
        positional=True, help="address to bind for clients and workers, like tcp://127.0.0.1:2345; port 0 is a free one"
    )
    object_storage_address: ObjectStorageConfig | None = setting(
        "-osa",
        default=None,
        default_text="an own one at the scheduler's port plus 1",
        help="address of an object storage server that runs already",
    )
    monitor_address: ZMQConfig | None = setting(
        "-ma", default=None, default_text="the scheduler's port plus 2", help="address to publish the state at"
    )
    metrics_address: MetricsAddress | None = metrics_address_setting()
    scaling_controller_strategy: ScalingControllerStrategy = setting(
        "-scs", default=ScalingControllerStrategy.NULL, help="policy that asks worker adapters for workers"
    )
    adapter_webhook_urls: tuple[str, ...] = setting("-awu", default=(), help="URLs of the worker adapters")
    io_threads: int = setting(default=defaults.DEFAULT_IO_THREADS, minimum=1, help="threads that move messages")
    max_number_of_tasks_waiting: int = setting(
        "-mt",
        default=defaults.DEFAULT_MAX_NUMBER_OF_TASKS_WAITING,
        minimum=-1,
        help="tasks that may wait for a worker before further ones are refused, -1 for no limit",
    )
    client_timeout_seconds: float = setting(
        "-ct",
        default=defaults.DEFAULT_CLIENT_TIMEOUT_SECONDS,
        exclusive_minimum=0,
        help="silence after which a client is given up",
    )
    worker_timeout_seconds: float = setting(
        "-wt",
        default=defaults.DEFAULT_WORKER_TIMEOUT_SECONDS,
        exclusive_minimum=0,
        help="silence after which a worker is given up and its tasks run elsewhere",
    )
    object_retention_seconds: float = setting(
        "-ot",
        default=defaults.DEFAULT_OBJECT_RETENTION_SECONDS,
        exclusive_minimum=0,
        help="accepted for older set-ups; an object is kept exactly as long as its client needs it",
    )
    load_balance_seconds: float = setting(
        "-ls",
        default=defaults.DEFAULT_LOAD_BALANCE_SECONDS,
        minimum=-1,
        help="least time between two rounds of balancing between workers, 0 or -1 for none",
    )
    load_balance_trigger_times: int = setting(
        "-lbt",
        default=defaults.DEFAULT_LOAD_BALANCE_TRIGGER_TIMES,
        minimum=1,
        help="looks in a row, ten a second, that must find that a task should move before it does",
    )
    event_loop: str = setting(
        "-e",
        "-el",
        default=defaults.DEFAULT_EVENT_LOOP,
        choices=("builtin", "uvloop"),
        help="implementation of the asyncio loop",
    )
    protected: bool = setting("-p", default=True, help="refuse a client's request to shut the cluster down")
    allocate_policy: AllocatePolicy = setting("-ap", default=AllocatePolicy.even, help="how tasks are placed")
    logging_paths: tuple[str, ...] = logging_paths_setting()
    logging_level: str = logging_level_setting()
    logging_config_file: str | None = logging_config_file_setting()

    def __post_init__(self) -> None:
        check_settings(self)
        for name in ("scheduler_address", "monitor_address"):
            address = getattr(self, name)
            if address is not None and address.type is ZMQType.inproc:
                raise ConfigurationError(f"{name} must be a tcp or ipc address, got {str(address)!r}")
        if self.scaling_controller_strategy is not ScalingControllerStrategy.NULL or self.adapter_webhook_urls:
            raise ConfigurationError(
                f"scaling_controller_strategy {self.scaling_controller_strategy.name} with "
                f"{len(self.adapter_webhook_urls)} adapter_webhook_urls: this release knows NULL without URLs only"
            )
