"""``scaler_top``: shows a cluster in the terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from scaler.entry_points.commands import command_of_section
from scaler.entry_points.early_end import EarlyEnd

COMMAND = command_of_section("top")
PROGRAM = COMMAND.program


@dataclass(frozen=True)
class _NoLog:
    """The terminal is for the screen."""

    logging_paths: tuple[str, ...] = ()
    logging_level: str = "CRITICAL"
    logging_config_file: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    with EarlyEnd(is_whole_process=arguments is None):
        from scaler.entry_points.command import run_command
        from scaler.top.terminal import Terminal

        config = COMMAND.read(arguments)

        def run() -> int:
            Terminal(config.monitor_address.to_address(), config.timeout).run()
            return 0

        # Without this, Python would write warnings over the screen.
        logging.getLogger().addHandler(logging.NullHandler())
        return run_command(PROGRAM, _NoLog(), run)


if __name__ == "__main__":
    sys.exit(main())
