"""``scaler_top``: shows a cluster in the terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from scaler.config.command_line import read_command_line
from scaler.config.section.top import TopConfig
from scaler.entry_points.command import run_command

PROGRAM = "scaler_top"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    config = read_command_line(
        TopConfig, PROGRAM, "top", "Show workers, clients and tasks of a cluster in the terminal.", arguments
    )

    def run() -> int:
        from scaler.top.terminal import Terminal

        Terminal(config.monitor_address.to_address(), config.timeout).run()
        return 0

    # The terminal is for the screen: without this, Python would write warnings over it.
    logging.getLogger().addHandler(logging.NullHandler())
    return run_command(PROGRAM, ((), None, "CRITICAL"), run)


if __name__ == "__main__":
    sys.exit(main())
