"""What the commands have in common: the environment, logging, and one line instead of a traceback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import NamedTuple, Protocol

from scaler.cluster.readiness import ProcessStartError
from scaler.cluster.stack import FAILURE_EXIT_CODE
from scaler.config.command_line import USAGE_ERROR_EXIT_CODE
from scaler.config.network_backend import network_backend_warning
from scaler.utility.interpreter import keep_standard_descriptors
from scaler.utility.logging.utility import setup_logger


class LoggingSettings(Protocol):
    """The part of a section that every command has."""

    @property
    def logging_paths(self) -> tuple[str, ...]: ...
    @property
    def logging_level(self) -> str: ...
    @property
    def logging_config_file(self) -> str | None: ...


class OwnLogging(NamedTuple):
    """The logging of a command that has no settings for it."""

    logging_paths: tuple[str, ...]
    logging_level: str = "INFO"
    logging_config_file: str | None = None


def run_command(program: str, settings: LoggingSettings, body: Callable[[], int]) -> int:
    """Set up logging and run the body of a command; return its exit status.

    It is 2 when the log or the environment is not usable, 1 after an expected failure of the body.
    """
    try:
        keep_standard_descriptors()
        warning = network_backend_warning()
        setup_logger(settings.logging_paths, settings.logging_config_file, settings.logging_level)
    except (OSError, ValueError) as error:
        return _fail(program, error, USAGE_ERROR_EXIT_CODE)
    if warning:
        logging.warning(warning)
    try:
        return body()
    except (ProcessStartError, OSError, ValueError, ImportError) as error:
        return _fail(program, error, FAILURE_EXIT_CODE)
    finally:
        logging.shutdown()


def _fail(program: str, error: Exception, exit_code: int) -> int:
    print(f"{program}: error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
    return exit_code
