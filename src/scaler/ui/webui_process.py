"""The web UI as a process, a part of a stack."""

from __future__ import annotations

import sys
from typing import ClassVar

from scaler.cluster.reporting_process import ReportingProcess
from scaler.config.section.webui import WebUIConfig
from scaler.ui.webui import serve
from scaler.utility.logging.utility import setup_logger


class WebUIProcess(ReportingProcess):
    """Serves the UI of a configuration until SIGINT or SIGTERM."""

    NAME: ClassVar = "WebUI"

    def __init__(self, config: WebUIConfig) -> None:
        super().__init__()
        self._config = config

    def run(self) -> None:
        """Set up logging and serve; tell the parent why when it cannot."""
        config = self._config
        try:
            setup_logger(config.logging_paths, config.logging_config_file, config.logging_level)
            serve(config, self._readiness.report)
        except (OSError, ValueError, ImportError) as error:
            self._readiness.report_error(str(error))
            sys.exit(1)
