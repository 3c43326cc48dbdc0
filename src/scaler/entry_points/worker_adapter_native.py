"""``scaler_worker_adapter_native``: starts and stops workers on this machine for a scheduler that asks for them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scaler.config.command_line import read_command_line
from scaler.config.section.native_worker_adapter import NativeWorkerAdapterConfig
from scaler.entry_points.command import run_command
from scaler.utility.event_loop import run_in_event_loop

PROGRAM = "scaler_worker_adapter_native"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    config = read_command_line(
        NativeWorkerAdapterConfig,
        PROGRAM,
        "native_worker_adapter",
        "Start and stop workers on this machine for a scheduler that asks for them.",
        arguments,
    )
    logging_settings = (config.logging_paths, config.logging_config_file, config.logging_level)
    return run_command(PROGRAM, logging_settings, lambda: _run(config))


def _run(config: NativeWorkerAdapterConfig) -> int:
    # Imported here, as all that only a running adapter needs.
    from scaler.worker_adapter.native import NativeWorkerAdapter
    from scaler.worker_adapter.server import serve_adapter

    async def serve() -> int:
        return await serve_adapter(NativeWorkerAdapter(config), config)

    return run_in_event_loop(config.event_loop, serve())


if __name__ == "__main__":
    sys.exit(main())
