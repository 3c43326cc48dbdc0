"""``scaler_worker_adapter_ecs``: starts and stops workers on Amazon ECS for a scheduler that asks for them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Sequence

from scaler.config.command_line import read_command_line
from scaler.config.section.ecs_worker_adapter import ECSWorkerAdapterConfig
from scaler.entry_points.command import run_command
from scaler.utility.event_loop import run_in_event_loop

PROGRAM = "scaler_worker_adapter_ecs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    config = read_command_line(
        ECSWorkerAdapterConfig,
        PROGRAM,
        "ecs_worker_adapter",
        "Start and stop workers on Amazon ECS for a scheduler that asks for them.",
        arguments,
    )
    logging_settings = (config.logging_paths, config.logging_config_file, config.logging_level)
    return run_command(PROGRAM, logging_settings, lambda: _run(config))


def _run(config: ECSWorkerAdapterConfig) -> int:
    try:
        import botocore.exceptions
    except ImportError:
        raise ImportError("boto3 is not installed: pip install opengris-scaler[aws]") from None
    # Imported here, as all that only a running adapter needs.
    from scaler.worker_adapter.ecs import ECSWorkerAdapter
    from scaler.worker_adapter.ecs_service import EcsError, EcsService
    from scaler.worker_adapter.server import serve_adapter

    try:
        service = EcsService(config)
    except (EcsError, botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise OSError(f"AWS: {error}") from None

    async def serve() -> int:
        adapter = ECSWorkerAdapter(config, service)
        watching = asyncio.get_running_loop().create_task(adapter.watch())
        try:
            return await serve_adapter(adapter, config)
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    return run_in_event_loop(config.event_loop, serve())


if __name__ == "__main__":
    sys.exit(main())
