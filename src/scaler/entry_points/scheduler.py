"""``scaler_scheduler``: runs a scheduler, and an object storage server beside it unless one is given."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scaler.entry_points.early_end import EarlyEnd

if TYPE_CHECKING:
    from scaler.cluster.stack import Stack
    from scaler.config.section.scheduler import SchedulerConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    with EarlyEnd(is_whole_process=arguments is None):
        from scaler.cluster.stack import run_stack
        from scaler.entry_points.command import run_command
        from scaler.entry_points.commands import command_of_section

        command = command_of_section("scheduler")
        config = command.read(arguments)
        program = command.program
        return run_command(program, config, lambda: run_stack(program, lambda stack: start(stack, config)))


def start(stack: Stack, config: SchedulerConfig) -> Mapping[str, Any]:
    """Start the scheduler, and its object storage server, as parts of a stack; return its real addresses."""
    from scaler.cluster.scheduler_with_storage import start_scheduler

    scheduler = start_scheduler(stack, config)
    return {"scheduler_address": scheduler.advertised_address, "monitor_address": scheduler.monitor_address}


if __name__ == "__main__":
    sys.exit(main())
