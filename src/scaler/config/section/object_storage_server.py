"""Settings of ``scaler_object_storage_server``, section ``[object_storage_server]``."""

from __future__ import annotations

from dataclasses import dataclass

from scaler.config.section.logging_settings import (
    logging_config_file_setting,
    logging_level_setting,
    logging_paths_setting,
)
from scaler.config.section.metrics_settings import metrics_address_setting
from scaler.config.setting import check_settings, seconds_setting, setting
from scaler.config.types.metrics_address import MetricsAddress
from scaler.config.types.object_storage_server import ObjectStorageConfig


@dataclass(frozen=True)
class ObjectStorageServerConfig:
    """Everything an object storage server can be told."""

    object_storage_address: ObjectStorageConfig = setting(
        positional=True, help="address to listen at, like tcp://127.0.0.1:2346; port 0 is a free one"
    )
    memory_limit_bytes: int = setting(
        "-ml",
        default=0,
        minimum=0,
        maximum=2**63 - 1,
        help="memory for objects, beyond which storing fails, 0 for no limit",
    )
    get_timeout_seconds: float = seconds_setting(
        "-gt", default=0, minimum=0, help="time to wait for an object that does not exist yet, 0 for no limit"
    )
    shared_memory: bool = setting(
        "-sm", default=True, help="share the memory of objects with processes of this machine instead of sending copies"
    )
    metrics_address: MetricsAddress | None = metrics_address_setting()
    logging_paths: tuple[str, ...] = logging_paths_setting()
    logging_level: str = logging_level_setting()
    logging_config_file: str | None = logging_config_file_setting()

    def __post_init__(self) -> None:
        check_settings(self)
