"""``scaler_worker_adapter_native``: starts and stops workers on this machine for a scheduler that asks for them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scaler.entry_points.early_end import EarlyEnd

if TYPE_CHECKING:
    from scaler.cluster.stack import Stack
    from scaler.config.section.native_worker_adapter import NativeWorkerAdapterConfig


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    with EarlyEnd(is_whole_process=arguments is None):
        from scaler.entry_points.command import run_command
        from scaler.entry_points.commands import command_of_section
        from scaler.worker_adapter.running import run_native

        command = command_of_section("native_worker_adapter")
        config = command.read(arguments)
        return run_command(command.program, config, lambda: run_native(config, lambda _url: None))


def start(stack: Stack, config: NativeWorkerAdapterConfig) -> Mapping[str, Any]:
    """Start the adapter as a part of a stack."""
    from scaler.cluster.stack import Stage
    from scaler.worker_adapter.adapter_process import AdapterProcess
    from scaler.worker_adapter.running import run_native

    stack.start(AdapterProcess(config, run_native), Stage.others)
    return {}


if __name__ == "__main__":
    sys.exit(main())
