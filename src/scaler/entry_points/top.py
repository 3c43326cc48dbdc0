"""``scaler_top``: shows a cluster in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scaler.entry_points.early_end import EarlyEnd


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    with EarlyEnd(is_whole_process=arguments is None):
        import logging

        from scaler.entry_points.command import OwnLogging, run_command
        from scaler.entry_points.commands import command_of_section
        from scaler.top.terminal import Terminal

        command = command_of_section("top")
        config = command.read(arguments)

        def run() -> int:
            Terminal(config.monitor_address.to_address(), config.timeout).run()
            return 0

        # Without this, Python would write warnings over the screen.
        logging.getLogger().addHandler(logging.NullHandler())
        return run_command(command.program, OwnLogging((), "CRITICAL"), run)  # the terminal is for the screen


if __name__ == "__main__":
    sys.exit(main())
