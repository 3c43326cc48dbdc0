"""Addresses that follow from that of a scheduler when nobody says them."""

from __future__ import annotations

import dataclasses

from scaler.config.defaults import MONITOR_PORT_OFFSET, OBJECT_STORAGE_PORT_OFFSET
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.zmq import ZMQConfig, ZMQType
from scaler.utility.network_util import MAXIMUM_PORT, advertised_host

_LOCAL_HOST = "127.0.0.1"
_MONITOR_ENDING = "_monitor"


def own_storage_address(scheduler: ZMQConfig) -> ObjectStorageConfig:
    """Return where the object storage of a scheduler listens: at the port after the scheduler's.

    It is any free port when the scheduler has none, or takes any itself.
    """
    if scheduler.type is not ZMQType.tcp:
        return ObjectStorageConfig(_LOCAL_HOST, 0)
    return ObjectStorageConfig(scheduler.host, _port_after(scheduler, OBJECT_STORAGE_PORT_OFFSET))


def own_monitor_address(scheduler: ZMQConfig) -> ZMQConfig:
    """Return where a scheduler publishes its state: at the second port after its own, or any free one, as above."""
    if scheduler.type is not ZMQType.tcp:
        return dataclasses.replace(scheduler, host=scheduler.host + _MONITOR_ENDING)
    return ZMQConfig(ZMQType.tcp, scheduler.host, _port_after(scheduler, MONITOR_PORT_OFFSET))


def monitor_taken_for_scheduler(address: str) -> str:
    """Return what to tell who has connected to the monitor stream of a scheduler, and wanted the scheduler."""
    text = f"what answers at {address} is the monitor stream of a scheduler, and not the scheduler"
    monitor = ZMQConfig.from_string(address)
    if monitor.type is ZMQType.tcp and monitor.port is not None and monitor.port > MONITOR_PORT_OFFSET:
        scheduler = dataclasses.replace(monitor, port=monitor.port - MONITOR_PORT_OFFSET)
    elif monitor.host.endswith(_MONITOR_ENDING):
        scheduler = dataclasses.replace(monitor, host=monitor.host.removesuffix(_MONITOR_ENDING))
    else:
        return text
    return f"{text}, which is probably at {scheduler.to_address()}"


def advertised_scheduler_address(bound: ZMQConfig, advertised: ZMQConfig | None) -> ZMQConfig:
    """Return the address that others connect to: what was said, or the bound one; port 0 is the bound port."""
    if advertised is not None:
        return dataclasses.replace(advertised, port=bound.port) if advertised.port == 0 else advertised
    if bound.type is not ZMQType.tcp:
        return bound
    return dataclasses.replace(bound, host=advertised_host(bound.host))


def advertised_storage_address(
    reached: ObjectStorageConfig, advertised: ObjectStorageConfig | None
) -> ObjectStorageConfig:
    """Return the address that clients and workers are told; by default the one at which the scheduler reaches it."""
    if advertised is not None:
        return dataclasses.replace(advertised, port=reached.port) if advertised.port == 0 else advertised
    return dataclasses.replace(reached, host=advertised_host(reached.host))


def _port_after(scheduler: ZMQConfig, offset: int) -> int:
    port = (scheduler.port or 0) + offset
    return port if scheduler.port and port <= MAXIMUM_PORT else 0
