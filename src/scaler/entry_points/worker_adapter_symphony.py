"""``scaler_worker_adapter_symphony``: runs tasks in IBM Spectrum Symphony for a scheduler."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scaler.config.command_line import read_command_line
from scaler.config.section.symphony_worker_adapter import SymphonyWorkerConfig
from scaler.entry_points.command import run_command
from scaler.utility.event_loop import run_in_event_loop

PROGRAM = "scaler_worker_adapter_symphony"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    config = read_command_line(
        SymphonyWorkerConfig,
        PROGRAM,
        "symphony_worker_adapter",
        "Run tasks in IBM Spectrum Symphony for a scheduler that asks for it.",
        arguments,
    )
    logging_settings = (config.logging_paths, config.logging_config_file, config.logging_level)
    return run_command(PROGRAM, logging_settings, lambda: _run(config))


def _run(config: SymphonyWorkerConfig) -> int:
    try:
        import soamapi  # noqa: F401  # the error is better said here than by each worker
    except ImportError:
        raise ImportError("soamapi is not installed: it comes with IBM Spectrum Symphony") from None
    # Imported here, as all that only a running adapter needs.
    from scaler.worker_adapter.server import serve_adapter
    from scaler.worker_adapter.symphony.worker_adapter import SymphonyWorkerAdapter

    async def serve() -> int:
        return await serve_adapter(SymphonyWorkerAdapter(config), config)

    return run_in_event_loop(config.event_loop, serve())


if __name__ == "__main__":
    sys.exit(main())
