"""The metrics of a scheduler in a process of their own, so that no request can take time from the scheduler's loop.

It asks the scheduler as anybody may, by a message. What it loads is loaded in its own process only.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from scaler.cluster.reporting_process import ReportingProcess
from scaler.config.types.metrics_address import MetricsAddress

if TYPE_CHECKING:
    from scaler.cluster.scheduler_gauges import SchedulerGauges


class LoggingSettings(NamedTuple):
    """Where the process logs, and what: as the scheduler does."""

    paths: tuple[str, ...]
    config_file: str | None
    level: str


class SchedulerMetricsProcess(ReportingProcess):
    """A child of the scheduler's process, and gone with it. ``scheduler_address`` is one to connect to."""

    NAME: ClassVar = "SchedulerMetrics"

    def __init__(
        self, address: MetricsAddress, scheduler_address: str, scheduler_pid: int, logging_settings: LoggingSettings
    ) -> None:
        super().__init__()
        self._address = address
        self._scheduler_address = scheduler_address
        self._scheduler_pid = scheduler_pid
        self._logging_settings = logging_settings

    @property
    def address(self) -> MetricsAddress:
        """The address that is really bound; known once the process is ready."""
        return MetricsAddress(self._address.host, int(self._readiness.wait(self)[0]))

    def run(self) -> None:
        """Serve until SIGTERM. SIGINT, which a terminal sends to all, is for the scheduler."""
        from scaler.metrics.exporter import Exporter
        from scaler.metrics.scheduler_metrics import PREFIX, scheduler_metrics
        from scaler.utility.logging.utility import setup_logger

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        read = SchedulerReader(self._scheduler_address)
        try:
            setup_logger(*self._logging_settings)
            exporter = Exporter(self._address, read, scheduler_metrics, PREFIX, self._scheduler_pid)
        except (OSError, ValueError) as error:
            self._readiness.report_error(str(error))
            sys.exit(1)
        logging.debug("metrics: http://%s shows %s", exporter.address, self._scheduler_address)
        self._readiness.report(str(exporter.address.port))
        while True:
            signal.pause()


class SchedulerReader:
    """Asks a scheduler for its statistics, and connects again after each failure. Called by one thread."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection: SchedulerGauges | None = None

    def __call__(self) -> Mapping[str, Any]:
        """Return the statistics. Raise TimeoutError without an answer in time, and what connecting raises."""
        from scaler.cluster.scheduler_gauges import SchedulerGauges
        from scaler.metrics.exporter import HEALTHY_SECONDS

        connection = self._connection or SchedulerGauges(self._address)
        self._connection = None
        try:
            statistics: Mapping[str, Any] = connection.ask(b"statistics", HEALTHY_SECONDS)
        except Exception:  # whatever it is: the next question wants a connection without half an answer
            connection.close()
            raise
        self._connection = connection
        return statistics
