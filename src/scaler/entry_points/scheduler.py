"""``scaler_scheduler``: runs a scheduler, and an object storage server beside it unless one is given."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from scaler.cluster.object_storage_server import ObjectStorageServerProcess
from scaler.cluster.scheduler import SchedulerProcess
from scaler.cluster.stack import Stack, Stage, run_stack
from scaler.config.derived_addresses import own_storage_address
from scaler.config.section.object_storage_server import ObjectStorageServerConfig
from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.zmq import ZMQType
from scaler.entry_points.command import run_command
from scaler.entry_points.commands import command_of_section

COMMAND = command_of_section("scheduler")
PROGRAM = COMMAND.program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    config: SchedulerConfig = COMMAND.read(arguments)

    def run() -> int:
        return run_stack(PROGRAM, lambda stack: start(stack, config))

    return run_command(PROGRAM, config, run)


def start(stack: Stack, config: SchedulerConfig) -> Mapping[str, Any]:
    """Start the scheduler, after an object storage server of its own when none is given; return its real addresses."""
    if config.object_storage_address is None:
        config = _with_own_storage(stack, config)
    scheduler = SchedulerProcess.from_config(config)
    stack.start(scheduler, Stage.scheduler)
    return {"scheduler_address": scheduler.advertised_address, "monitor_address": scheduler.monitor_address}


def _with_own_storage(stack: Stack, config: SchedulerConfig) -> SchedulerConfig:
    storage = ObjectStorageServerProcess.from_config(
        ObjectStorageServerConfig(
            object_storage_address=own_storage_address(config.scheduler_address),
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
        config, object_storage_address=storage.advertised_address, advertised_object_storage_address=advertised
    )


if __name__ == "__main__":
    sys.exit(main())
