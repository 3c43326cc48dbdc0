"""Settings of ``scaler_scheduler``, section ``[scheduler]``."""

from __future__ import annotations

from dataclasses import dataclass

from scaler.config import defaults
from scaler.config.configuration_error import ConfigurationError
from scaler.config.section.adapter_settings import ADAPTER_TOKEN_VARIABLE, adapter_token
from scaler.config.section.logging_settings import (
    logging_config_file_setting,
    logging_level_setting,
    logging_paths_setting,
)
from scaler.config.section.metrics_settings import metrics_address_setting
from scaler.config.section.worker_settings import MOST_IO_THREADS, event_loop_setting
from scaler.config.setting import check_settings, seconds_setting, setting
from scaler.config.types.metrics_address import MetricsAddress
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.scaling_controller_strategy import ScalingControllerStrategy
from scaler.config.types.zmq import ZMQConfig, ZMQType
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.utility.network_util import check_host


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
    advertised_address: ZMQConfig | None = setting(
        "-aa",
        default=None,
        default_text="the bound address",
        help="address at which others reach the scheduler, where that is not the one it binds; port 0 is the bound one",
    )
    advertised_object_storage_address: ObjectStorageConfig | None = setting(
        "-aosa",
        default=None,
        default_text="the host of the advertised address for an own one, otherwise where the scheduler reaches it",
        help="address at which clients and workers reach the object storage server",
    )
    monitor_address: ZMQConfig | None = setting(
        "-ma", default=None, default_text="the scheduler's port plus 2", help="address to publish the state at"
    )
    metrics_address: MetricsAddress | None = metrics_address_setting()
    object_storage_metrics_address: MetricsAddress | None = metrics_address_setting(
        " of an object storage server that is started beside the scheduler"
    )
    scaling_controller_strategy: ScalingControllerStrategy | None = setting(
        "-scs",
        default=None,
        default_text="what the number of URLs asks for",
        help="policy that asks worker adapters for workers: NULL takes no URL, VANILLA one, FIXED_ELASTIC two",
    )
    adapter_webhook_urls: tuple[str, ...] = setting(
        "-awu",
        aliases=("adapter_webhook_url",),
        default=(),
        help="URLs of the worker adapters, the preferred one first",
    )
    adapter_webhook_token: str | None = setting(
        default=None,
        default_text=f"${ADAPTER_TOKEN_VARIABLE}",
        help="what the worker adapters want to be told before they obey",
    )
    io_threads: int = setting(
        "-it",
        default=defaults.DEFAULT_IO_THREADS,
        minimum=1,
        maximum=MOST_IO_THREADS,
        help="threads that move messages",
    )
    max_number_of_tasks_waiting: int = setting(
        "-mt",
        default=defaults.DEFAULT_MAX_NUMBER_OF_TASKS_WAITING,
        minimum=-1,
        help="tasks that may wait for a worker before further ones are refused, -1 for no limit",
    )
    client_timeout_seconds: float = seconds_setting(
        "-ct",
        default=defaults.DEFAULT_CLIENT_TIMEOUT_SECONDS,
        exclusive_minimum=0,
        help="silence after which a client is given up",
    )
    worker_timeout_seconds: float = seconds_setting(
        "-wt",
        default=defaults.DEFAULT_WORKER_TIMEOUT_SECONDS,
        exclusive_minimum=0,
        help="silence after which a worker is given up and its tasks run elsewhere",
    )
    object_retention_seconds: float = seconds_setting(
        "-ot",
        default=defaults.DEFAULT_OBJECT_RETENTION_SECONDS,
        exclusive_minimum=0,
        help="time after which a processor drops an object that no task has used from its cache",
    )
    load_balance_seconds: float = seconds_setting(
        "-ls",
        default=defaults.DEFAULT_LOAD_BALANCE_SECONDS,
        minimum=-1,
        help="least time between two rounds of balancing between workers, 0 or -1 for none",
    )
    load_balance_trigger_times: int = setting(
        "-lbt",
        default=defaults.DEFAULT_LOAD_BALANCE_TRIGGER_TIMES,
        minimum=1,
        maximum=10**9,
        help="looks in a row, ten a second, that must find that a task should move before it does",
    )
    event_loop: str = event_loop_setting()
    protected: bool = setting("-p", default=True, help="refuse a client's request to shut the cluster down")
    allocate_policy: AllocatePolicy = setting("-ap", default=AllocatePolicy.even, help="how tasks are placed")
    logging_paths: tuple[str, ...] = logging_paths_setting()
    logging_level: str = logging_level_setting()
    logging_config_file: str | None = logging_config_file_setting()

    def __post_init__(self) -> None:
        check_settings(self)
        if self.object_storage_address is not None and self.object_storage_address.port == 0:
            raise ConfigurationError(
                "object_storage_address must have the real port, which its server prints, "
                f"got {self.object_storage_address}"
            )
        if self.object_storage_address is not None and self.object_storage_metrics_address is not None:
            raise ConfigurationError(
                f"object_storage_metrics_address ({self.object_storage_metrics_address}) is for an object storage "
                "server that is started beside the scheduler, and object_storage_address "
                f"({self.object_storage_address}) names one that runs already: leave one of them out, and give that "
                "server a metrics_address of its own"
            )
        for name in ("scheduler_address", "advertised_address", "monitor_address"):
            address = getattr(self, name)
            if address is not None and address.type is ZMQType.inproc:
                raise ConfigurationError(f"{name} must be a tcp or ipc address, got {str(address)!r}")
        self._check_advertised_address()
        object.__setattr__(self, "adapter_webhook_token", adapter_token(self.adapter_webhook_token))
        self._check_scaling()

    @property
    def strategy(self) -> ScalingControllerStrategy:
        """Return the strategy, the one that takes so many URLs when none was chosen."""
        chosen = self.scaling_controller_strategy
        if chosen is not None:
            return chosen
        return next(
            each
            for each in ScalingControllerStrategy
            if each.number_of_adapters == min(2, len(self.adapter_webhook_urls))
        )

    def _check_advertised_address(self) -> None:
        bound, advertised = self.scheduler_address, self.advertised_address
        if advertised is None:
            return
        if bound.type is ZMQType.tcp and advertised.type is ZMQType.ipc:
            raise ConfigurationError(
                f"advertised_address must be a tcp address, as scheduler_address ({bound}) is, got {str(advertised)!r}"
            )
        if bound.type is ZMQType.ipc and advertised.port == 0:
            raise ConfigurationError(
                f"advertised_address must have a port of its own, for scheduler_address ({bound}) has none, "
                f"got {str(advertised)!r}"
            )

    def _check_scaling(self) -> None:
        urls, needed = self.adapter_webhook_urls, self.strategy.number_of_adapters
        if len(urls) != needed:
            raise ConfigurationError(
                f"scaling_controller_strategy {self.strategy.name} takes {needed} adapter_webhook_urls, "
                f"got {len(urls)}: {' '.join(urls) or 'none'}"
            )
        for url in urls:
            if not _is_http_url(url):
                raise ConfigurationError(f"adapter_webhook_urls must be like http://127.0.0.1:8080, got {url!r}")
        if len(set(urls)) != len(urls):
            raise ConfigurationError(f"adapter_webhook_urls must be different adapters, got {' '.join(urls)}")


def _is_http_url(text: str) -> bool:
    from urllib.parse import urlsplit  # only who scales needs it

    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and parts.port != 0 and bool(check_host(parts.hostname or ""))
    except ValueError:
        return False
