"""Settings of ``scaler_top``, section ``[top]``."""

from __future__ import annotations

from dataclasses import dataclass

from scaler.config.configuration_error import ConfigurationError
from scaler.config.setting import check_settings, seconds_setting, setting
from scaler.config.types.zmq import ZMQConfig, ZMQType


@dataclass(frozen=True)
class TopConfig:
    """Everything the monitor in a terminal can be told."""

    monitor_address: ZMQConfig = setting(
        positional=True, help="monitor address of a scheduler, by default its port plus 2, like tcp://127.0.0.1:2347"
    )
    timeout: float = seconds_setting(
        "-t", default=5, exclusive_minimum=0, help="seconds without a message of the scheduler after which to end"
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.monitor_address.type is ZMQType.inproc or self.monitor_address.port == 0:
            raise ConfigurationError(
                "monitor_address must be the tcp or ipc address that the scheduler prints, "
                f"got {str(self.monitor_address)!r}"
            )
