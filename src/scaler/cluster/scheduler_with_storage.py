"""Starts a scheduler in a stack, with an object storage server of its own unless one is given."""

from __future__ import annotations

import dataclasses

from scaler.cluster.object_storage_server import ObjectStorageServerProcess
from scaler.cluster.scheduler import SchedulerProcess
from scaler.cluster.stack import Stack, Stage
from scaler.config.derived_addresses import own_storage_address
from scaler.config.section.object_storage_server import ObjectStorageServerConfig
from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.zmq import ZMQType


def start_scheduler(stack: Stack, config: SchedulerConfig) -> SchedulerProcess:
    """Start the scheduler, after its object storage server; raise ProcessStartError when one of them cannot start."""
    if config.object_storage_address is None:
        config = _with_own_storage(stack, config)
    scheduler = SchedulerProcess.from_config(config)
    stack.start(scheduler, Stage.scheduler)
    return scheduler


def _with_own_storage(stack: Stack, config: SchedulerConfig) -> SchedulerConfig:
    storage = ObjectStorageServerProcess.from_config(
        ObjectStorageServerConfig(
            object_storage_address=own_storage_address(config.scheduler_address),
            metrics_address=config.object_storage_metrics_address,
            logging_paths=config.logging_paths,
            logging_level=config.logging_level,
            logging_config_file=config.logging_config_file,
        )
    )
    stack.start(storage, Stage.storage)
    advertised = config.advertised_object_storage_address
    if advertised is None and config.advertised_address is not None and config.advertised_address.type is ZMQType.tcp:
        # Both run here, so that whoever reaches the one by that name reaches the other by it.
        advertised = ObjectStorageConfig(config.advertised_address.host, storage.address.port)
    return dataclasses.replace(
        config,
        object_storage_address=storage.advertised_address,
        advertised_object_storage_address=advertised,
        object_storage_metrics_address=None,
    )
