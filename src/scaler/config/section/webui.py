"""Settings of ``scaler_ui``, section ``[webui]``."""

from __future__ import annotations

from dataclasses import dataclass

from scaler.config import defaults
from scaler.config.configuration_error import ConfigurationError
from scaler.config.section.logging_settings import (
    logging_config_file_setting,
    logging_level_setting,
    logging_paths_setting,
)
from scaler.config.setting import check_settings, expect_host, setting
from scaler.config.types.zmq import ZMQConfig, ZMQType
from scaler.utility.network_util import MAXIMUM_PORT


@dataclass(frozen=True)
class WebUIConfig:
    """Everything the web UI can be told."""

    monitor_address: ZMQConfig = setting(
        positional=True, help="address at which the scheduler publishes its state, like tcp://127.0.0.1:2347"
    )
    web_host: str = setting(
        aliases=("host",),
        default=defaults.DEFAULT_WEB_HOST,
        check=expect_host,
        help="address of this machine to serve at; 0.0.0.0 lets other machines in, and nobody is asked who he is",
    )
    web_port: int = setting(
        aliases=("port",),
        default=defaults.DEFAULT_WEB_PORT,
        minimum=0,
        maximum=MAXIMUM_PORT,
        help="port to serve at, 0 for a free one, which is printed",
    )
    web_allowed_hosts: tuple[str, ...] = setting(
        default=(), help="further names under which browsers may reach the UI; localhost and numbers always may"
    )
    logging_paths: tuple[str, ...] = logging_paths_setting()
    logging_level: str = logging_level_setting()
    logging_config_file: str | None = logging_config_file_setting()

    def __post_init__(self) -> None:
        check_settings(self)
        address = self.monitor_address
        if address.type is ZMQType.inproc or address.port == 0:
            raise ConfigurationError(
                f"monitor_address must be the real address of the scheduler's monitor, by default the scheduler's port "
                f"plus {defaults.MONITOR_PORT_OFFSET}, got {str(address)!r}"
            )
