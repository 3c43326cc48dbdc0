"""The scheduler as a process."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scaler.cluster.readiness import START_TIMEOUT_SECONDS, Readiness, ReportingInterpreter
from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.scaling_controller_strategy import ScalingControllerStrategy
from scaler.config.types.zmq import ZMQConfig, ZMQType
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.utility.event_loop import run_in_event_loop
from scaler.utility.logging.utility import setup_logger
from scaler.utility.network_util import is_loopback
from scaler.utility.process import ChildProcess

if TYPE_CHECKING:
    from scaler.scheduler.scheduler import Scheduler
    from scaler.utility.interpreter import Interpreter


class SchedulerProcess(ChildProcess):
    """Runs a scheduler; SIGINT and SIGTERM end it cleanly."""

    _NAME = "Scheduler"
    preparation = "scaler.cluster.preparation:prepare_scheduler"

    def __init__(
        self,
        address: ZMQConfig,
        object_storage_address: ObjectStorageConfig | None,
        monitor_address: ZMQConfig | None,
        scaling_controller_strategy: ScalingControllerStrategy,
        adapter_webhook_urls: tuple[str, ...],
        io_threads: int,
        max_number_of_tasks_waiting: int,
        client_timeout_seconds: float,
        worker_timeout_seconds: float,
        object_retention_seconds: float,
        load_balance_seconds: float,
        load_balance_trigger_times: int,
        protected: bool,
        allocate_policy: AllocatePolicy,
        event_loop: str,
        logging_paths: tuple[str, ...],
        logging_config_file: str | None,
        logging_level: str,
    ) -> None:
        super().__init__(self._NAME)
        self._config = SchedulerConfig(
            scheduler_address=address,
            object_storage_address=object_storage_address,
            monitor_address=monitor_address,
            scaling_controller_strategy=scaling_controller_strategy,
            adapter_webhook_urls=adapter_webhook_urls,
            io_threads=io_threads,
            max_number_of_tasks_waiting=max_number_of_tasks_waiting,
            client_timeout_seconds=client_timeout_seconds,
            worker_timeout_seconds=worker_timeout_seconds,
            object_retention_seconds=object_retention_seconds,
            load_balance_seconds=load_balance_seconds,
            load_balance_trigger_times=load_balance_trigger_times,
            protected=protected,
            allocate_policy=allocate_policy,
            event_loop=event_loop,
            logging_paths=logging_paths,
            logging_config_file=logging_config_file,
            logging_level=logging_level,
        )
        self._readiness = Readiness()

    @classmethod
    def from_config(cls, config: SchedulerConfig) -> SchedulerProcess:
        """Make the process of a configuration."""
        values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
        return cls(address=values.pop("scheduler_address"), **values)

    @classmethod
    def prepare(cls, pass_fds: Sequence[int] = ()) -> ReportingInterpreter:
        """Spawn an interpreter for ``start_prepared``, before the settings are known."""
        return ReportingInterpreter(cls, cls._NAME, pass_fds)

    def start(self, pass_fds: Sequence[int] = (), interpreter: Interpreter | None = None) -> None:
        """Spawn the scheduler and wait until it listens; raise ProcessStartError when it cannot."""
        if interpreter is not None:
            raise ValueError(f"{self.name} reports when it listens: use start_prepared")
        self.start_prepared(self.prepare(pass_fds))

    def start_prepared(self, prepared: ReportingInterpreter) -> None:
        """Do the same in an interpreter of ``prepare``."""
        self._readiness = prepared.readiness
        super().start(interpreter=prepared.interpreter)
        try:
            self.wait_until_ready()
        except BaseException:
            self.close()
            raise

    def wait_until_ready(self, timeout_seconds: float = START_TIMEOUT_SECONDS) -> None:
        """Wait until the scheduler listens; raise ProcessStartError when it could not, ended, or took longer."""
        self._readiness.wait(self, timeout_seconds)

    @property
    def address(self) -> ZMQConfig:
        """The address that is really bound; known once the scheduler is ready."""
        return ZMQConfig.from_string(self._readiness.wait(self)[0])

    @property
    def monitor_address(self) -> ZMQConfig:
        """The monitor address that is really bound; known once the scheduler is ready."""
        return ZMQConfig.from_string(self._readiness.wait(self)[2])

    def run(self) -> None:
        """Serve until SIGINT, SIGTERM or an accepted shutdown of the cluster."""
        try:
            setup_logger(self._config.logging_paths, self._config.logging_config_file, self._config.logging_level)
            run_in_event_loop(self._config.event_loop, self._serve())
        except Exception as error:  # the outermost function of the process
            if not self._readiness.has_parent:
                logging.exception("Scheduler: ended by an error")
            self._readiness.report_error(_one_line(error))
            sys.exit(1)

    async def _serve(self) -> None:
        from scaler.scheduler.scheduler import Scheduler

        scheduler = Scheduler(self._config)
        _stop_on_signals(scheduler)
        await scheduler.run(self._on_ready)
        logging.info("Scheduler: stopped")

    def _on_ready(self, address: str, object_storage_address: str, monitor_address: str) -> None:
        logging.info("Scheduler: listen to scheduler address %s", address)
        logging.info("Scheduler: connect to object storage server %s", object_storage_address)
        logging.info("Scheduler: listen to scheduler monitor address %s", monitor_address)
        bound = ZMQConfig.from_string(address)
        if bound.type is ZMQType.tcp and not is_loopback(bound.host):
            logging.warning("Scheduler: %s can be reached from other machines, without authentication", address)
        self._readiness.report(address, object_storage_address, monitor_address)


def _stop_on_signals(scheduler: Scheduler) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, scheduler.stop)


def _one_line(error: Exception) -> str:
    """Return the last part of a structured error, or its text; never more than a line."""
    text = error.args[-1] if error.args and isinstance(error.args[-1], str) else str(error)
    return " ".join(text.split()) or type(error).__name__
