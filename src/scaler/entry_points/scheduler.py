"""``scaler_scheduler``: runs a scheduler, and an object storage server beside it unless one is given."""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections.abc import Sequence

from scaler.cluster.object_storage_server import ObjectStorageServerProcess
from scaler.cluster.scheduler import SchedulerProcess
from scaler.cluster.supervision import StopRequested, StopSignals, describe_exit, stop_all, wait_for_any
from scaler.config.command_line import read_command_line
from scaler.config.defaults import OBJECT_STORAGE_PORT_OFFSET
from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.zmq import ZMQConfig, ZMQType
from scaler.entry_points.command import FAILURE_EXIT_CODE, run_command
from scaler.utility.network_util import MAXIMUM_PORT
from scaler.utility.process import ChildProcess

PROGRAM = "scaler_scheduler"

# Together below ten seconds. The storage goes last: the scheduler uses it until its end.
_SCHEDULER_GRACE_SECONDS = 5.0
_STORAGE_GRACE_SECONDS = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    config = read_command_line(
        SchedulerConfig, PROGRAM, "scheduler", "Run a scheduler: it gives the tasks of clients to workers.", arguments
    )
    logging_settings = (config.logging_paths, config.logging_config_file, config.logging_level)
    return run_command(PROGRAM, logging_settings, lambda: _run(config))


def _run(config: SchedulerConfig) -> int:
    processes: list[ChildProcess] = []
    status = 0
    with StopSignals() as signals:
        try:
            _start(config, processes)
            status = _wait(processes, signals)
        except StopRequested:
            logging.info("%s: received signal, shutting down", PROGRAM)
        finally:
            signals.disarm()
            all_ended = stop_all(processes[-1:], _SCHEDULER_GRACE_SECONDS)
            all_ended = stop_all(processes[:-1], _STORAGE_GRACE_SECONDS) and all_ended
            for process in processes:
                process.close()
    return status if all_ended else FAILURE_EXIT_CODE


def _start(config: SchedulerConfig, processes: list[ChildProcess]) -> None:
    if config.object_storage_address is None:
        storage = ObjectStorageServerProcess(
            object_storage_address=_own_storage_address(config.scheduler_address),
            logging_paths=config.logging_paths,
            logging_level=config.logging_level,
            logging_config_file=config.logging_config_file,
        )
        processes.append(storage)
        storage.start()
        config = dataclasses.replace(config, object_storage_address=storage.advertised_address)
    scheduler = SchedulerProcess.from_config(config)
    processes.append(scheduler)
    scheduler.start()


def _wait(processes: list[ChildProcess], signals: StopSignals) -> int:
    """Wait until one process ends, which ends the command, and return the exit status."""
    status = 0
    for ended in wait_for_any(processes, signals):
        if isinstance(ended, SchedulerProcess) and ended.exitcode == 0:
            logging.info("%s: the cluster was shut down", PROGRAM)
        else:
            logging.error("%s: %s ended: %s", PROGRAM, ended.name, describe_exit(ended.exitcode))
            status = ended.exitcode if ended.exitcode is not None and ended.exitcode > 0 else FAILURE_EXIT_CODE
    return status


def _own_storage_address(scheduler_address: ZMQConfig) -> ObjectStorageConfig:
    """Return the port after the scheduler's, or any free one when that is not known or does not exist."""
    if scheduler_address.type is not ZMQType.tcp or not scheduler_address.port:
        host = scheduler_address.host if scheduler_address.type is ZMQType.tcp else "127.0.0.1"
        return ObjectStorageConfig(host, 0)
    port = scheduler_address.port + OBJECT_STORAGE_PORT_OFFSET
    return ObjectStorageConfig(scheduler_address.host, port if port <= MAXIMUM_PORT else 0)


if __name__ == "__main__":
    sys.exit(main())
