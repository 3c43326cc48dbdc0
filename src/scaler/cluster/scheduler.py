"""The scheduler as a process."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import logging
import signal
import sys
from typing import TYPE_CHECKING, ClassVar

from scaler.cluster.reporting_process import ReportingProcess
from scaler.config.derived_addresses import advertised_scheduler_address, advertised_storage_address
from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.types.metrics_address import MetricsAddress
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.scaling_controller_strategy import ScalingControllerStrategy
from scaler.config.types.zmq import ZMQConfig, ZMQType
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.utility.event_loop import run_in_event_loop
from scaler.utility.logging.utility import setup_logger
from scaler.utility.network_util import is_loopback

if TYPE_CHECKING:
    from scaler.metrics.keeper import MetricsKeeper
    from scaler.scheduler.scheduler import Scheduler


class SchedulerProcess(ReportingProcess):
    """Runs a scheduler; SIGINT and SIGTERM end it cleanly."""

    NAME: ClassVar = "Scheduler"
    preparation = "scaler.cluster.preparation:prepare_scheduler"

    def __init__(
        self,
        address: ZMQConfig,
        object_storage_address: ObjectStorageConfig | None,
        monitor_address: ZMQConfig | None,
        scaling_controller_strategy: ScalingControllerStrategy | None,
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
        advertised_address: ZMQConfig | None = None,
        advertised_object_storage_address: ObjectStorageConfig | None = None,
        adapter_webhook_token: str | None = None,
        metrics_address: MetricsAddress | None = None,
    ) -> None:
        super().__init__()
        self._metrics: MetricsKeeper | None = None
        self._config = SchedulerConfig(
            scheduler_address=address,
            object_storage_address=object_storage_address,
            monitor_address=monitor_address,
            scaling_controller_strategy=scaling_controller_strategy,
            adapter_webhook_urls=adapter_webhook_urls,
            adapter_webhook_token=adapter_webhook_token,
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
            logging_level=logging_level,
            logging_config_file=logging_config_file,
            advertised_address=advertised_address,
            advertised_object_storage_address=advertised_object_storage_address,
            metrics_address=metrics_address,
        )

    @classmethod
    def from_config(cls, config: SchedulerConfig) -> SchedulerProcess:
        """Make the process of a configuration; a storage server beside it is the caller's to start."""
        values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
        del values["object_storage_metrics_address"]
        return cls(address=values.pop("scheduler_address"), **values)

    @property
    def address(self) -> ZMQConfig:
        """The address that is really bound; known once the scheduler is ready."""
        return ZMQConfig.from_string(self._readiness.wait(self)[0])

    @property
    def advertised_address(self) -> ZMQConfig:
        """The address that others connect to; known once the scheduler is ready."""
        return advertised_scheduler_address(self.address, self._config.advertised_address)

    @property
    def monitor_address(self) -> ZMQConfig:
        """The address to subscribe at, with the port that is really bound; known once the scheduler is ready."""
        return advertised_scheduler_address(ZMQConfig.from_string(self._readiness.wait(self)[2]), None)

    @property
    def metrics_address(self) -> MetricsAddress | None:
        """The address that metrics are really served at, None without them; known once the scheduler is ready."""
        address = self._readiness.wait(self)[3]
        return MetricsAddress.from_string(address) if address else None

    def run(self) -> None:
        """Serve until SIGINT, SIGTERM or an accepted shutdown of the cluster."""
        try:
            # The cores leave no garbage, and what waits in them is much: it is looked through as rarely as makes sense.
            gc.set_threshold(10_000, 20, 50)
            setup_logger(self._config.logging_paths, self._config.logging_config_file, self._config.logging_level)
            run_in_event_loop(self._config.event_loop, self._serve())
        except Exception as error:  # the outermost function of the process
            if not self._readiness.has_parent:
                logging.exception("Scheduler: ended by an error")
            self._readiness.report_error(_one_line(error))
            sys.exit(1)

    async def _serve(self) -> None:
        from scaler.io.ymq.native_log import log_native_lines
        from scaler.scheduler.scheduler import Scheduler

        log_native_lines()
        scheduler = Scheduler(self._config)
        _stop_on_signals(scheduler)
        try:
            await scheduler.run(self._on_ready)
        finally:
            if self._metrics is not None:
                await self._metrics.close()
        logging.info("Scheduler: stopped")

    def _on_ready(self, address: str, object_storage_address: str, monitor_address: str) -> None:
        logging.info("Scheduler: listen to scheduler address %s", address)
        logging.info("Scheduler: connect to object storage server %s", object_storage_address)
        logging.info("Scheduler: listen to scheduler monitor address %s", monitor_address)
        bound = ZMQConfig.from_string(address)
        self._log_advertised(bound, ObjectStorageConfig.from_string(object_storage_address))
        if bound.type is ZMQType.tcp and not is_loopback(bound.host):
            logging.warning("Scheduler: %s can be reached from other machines, without authentication", address)
        self._readiness.report(address, object_storage_address, monitor_address, self._start_metrics(address))

    def _start_metrics(self, scheduler_address: str) -> str:
        """Return the address that metrics are served at, an empty text without them."""
        config = self._config
        if config.metrics_address is None:
            return ""
        from scaler.metrics.keeper import MetricsKeeper
        from scaler.metrics.scheduler_exporter import LoggingSettings

        settings = LoggingSettings(config.logging_paths, config.logging_config_file, config.logging_level)
        self._metrics = MetricsKeeper(config.metrics_address, scheduler_address, settings)
        return str(self._metrics.start())

    def _log_advertised(self, bound: ZMQConfig, storage: ObjectStorageConfig) -> None:
        config = self._config
        told = advertised_storage_address(storage, config.advertised_object_storage_address)
        if (scheduler := advertised_scheduler_address(bound, config.advertised_address)) != bound:
            logging.info("Scheduler: others reach it at %s", scheduler)
        if told != storage:
            logging.info("Scheduler: clients and workers are told the object storage server %s", told)
        if scheduler.type is ZMQType.tcp and is_loopback(told.host) and not is_loopback(scheduler.host):
            logging.warning(
                "Scheduler: other machines cannot reach the object storage server at %s that they are told; "
                "say --advertised-object-storage-address",
                told,
            )


def _stop_on_signals(scheduler: Scheduler) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, scheduler.stop)


def _one_line(error: Exception) -> str:
    """Return the last part of a structured error, or its text; never more than a line."""
    text = error.args[-1] if error.args and isinstance(error.args[-1], str) else str(error)
    return " ".join(text.split()) or type(error).__name__
