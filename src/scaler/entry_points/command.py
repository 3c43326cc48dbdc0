"""What the commands have in common: logging, and one line instead of a traceback."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

from scaler.cluster.readiness import ProcessStartError
from scaler.utility.logging.utility import setup_logger

FAILURE_EXIT_CODE = 1


def run_command(
    program: str, logging_settings: tuple[tuple[str, ...], str | None, str], body: Callable[[], int]
) -> int:
    """Set up logging and run the body of a command; return its exit status, 1 after an expected failure."""
    try:
        setup_logger(*logging_settings)
        return body()
    except (ProcessStartError, OSError, ValueError, ImportError) as error:
        print(f"{program}: error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
        return FAILURE_EXIT_CODE
    finally:
        logging.shutdown()
