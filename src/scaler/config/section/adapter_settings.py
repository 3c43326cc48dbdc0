"""The settings that worker adapters share, and their checks; those of workers are declared by ``scaler_cluster``."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from scaler.config import defaults
from scaler.config.configuration_error import ConfigurationError
from scaler.config.section.worker_settings import MOST_IO_THREADS
from scaler.config.setting import check_settings, expect_host, redeclare, setting
from scaler.config.types.zmq import ZMQType

ADAPTER_TOKEN_VARIABLE = "SCALER_ADAPTER_TOKEN"
"""Where adapters and schedulers find their token when none is configured, so that no command line shows it."""

NO_LIMIT = -1


def adapter_token(configured: str | None) -> str | None:
    """Return the configured token, or that of the environment; an empty one is none."""
    return configured or os.environ.get(ADAPTER_TOKEN_VARIABLE) or None


def worker_setting(name: str, own_name: str = "") -> Any:
    """Declare a setting as ``scaler_cluster`` does, under a name of its own where it has one."""
    from scaler.config.section.cluster import ClusterConfig

    return redeclare({field.name: field for field in dataclasses.fields(ClusterConfig)}[name], own_name or name)


def adapter_web_host_setting(**declaration: Any) -> Any:
    return setting(
        aliases=("host",), check=expect_host, help="host name or address to listen at for requests", **declaration
    )


def adapter_web_port_setting(**declaration: Any) -> Any:
    return setting(
        "-p", aliases=("port",), minimum=0, help="port to listen at for requests; 0 is a free one", **declaration
    )


def adapter_web_token_setting() -> Any:
    return setting(
        default=None,
        default_text=f"${ADAPTER_TOKEN_VARIABLE}, or none",
        help="what requests must carry as 'Authorization: Bearer TOKEN'",
    )


def io_threads_setting() -> Any:
    return setting(
        "-it",
        default=defaults.DEFAULT_IO_THREADS,
        minimum=1,
        maximum=MOST_IO_THREADS,
        help="threads of a worker that move messages",
    )


def limit_setting(*short_flags: str, help: str) -> Any:
    return setting(*short_flags, default=defaults.DEFAULT_NUMBER_OF_WORKER, minimum=NO_LIMIT, help=help)


def check_adapter_settings(section: Any, limit: str | None = None) -> None:
    """Check a section of an adapter, and take its token from the environment when it has none.

    ``limit`` names the setting that limits its groups. Raise ConfigurationError.
    """
    check_settings(section)
    object.__setattr__(section, "adapter_web_token", adapter_token(section.adapter_web_token))
    if section.adapter_web_port > 65535:
        raise ConfigurationError(f"adapter_web_port must be at most 65535, got {section.adapter_web_port}")
    for name in ("scheduler_address", "object_storage_address"):
        address = getattr(section, name)
        if address is not None and address.port == 0:
            raise ConfigurationError(f"{name} must have the real port, which its server prints, got {address}")
    if section.scheduler_address.type is ZMQType.inproc:
        raise ConfigurationError(f"scheduler_address must be a tcp or ipc address, got {section.scheduler_address}")
    if limit is not None and getattr(section, limit) == 0:
        raise ConfigurationError(f"{limit} must be above 0, or {NO_LIMIT} for no limit, got 0")
