"""A worker adapter as a process, a part of a stack."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from scaler.cluster.reporting_process import ReportingProcess
from scaler.utility.logging.utility import setup_logger

if TYPE_CHECKING:
    from scaler.worker_adapter.running import OnReady


class AdapterProcess(ReportingProcess):
    """Runs the adapter of a configuration until SIGINT or SIGTERM; ``run_adapter`` is one of ``running``."""

    NAME: ClassVar = "WorkerAdapter"

    def __init__(self, config: Any, run_adapter: Callable[[Any, OnReady], int]) -> None:
        super().__init__()
        self._config = config
        self.drain_seconds = getattr(config, "drain_seconds", 0.0)  # it waits for workers of its own
        self._run_adapter = run_adapter

    def run(self) -> None:
        """Set up logging and serve; tell the parent why when it cannot."""
        config = self._config
        try:
            setup_logger(config.logging_paths, config.logging_config_file, config.logging_level)
            self._run_adapter(config, self._readiness.report)
        except (OSError, ValueError, ImportError) as error:
            self._readiness.report_error(str(error))
            sys.exit(1)
