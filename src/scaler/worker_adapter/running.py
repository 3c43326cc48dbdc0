"""Runs each kind of worker adapter; imports what that needs only then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from scaler.utility.event_loop import run_in_event_loop
from scaler.worker_adapter.server import serve_adapter

if TYPE_CHECKING:
    from scaler.config.section.ecs_worker_adapter import ECSWorkerAdapterConfig
    from scaler.config.section.native_worker_adapter import NativeWorkerAdapterConfig
    from scaler.config.section.symphony_worker_adapter import SymphonyWorkerConfig

OnReady: TypeAlias = Callable[[str], None]
"""Told the URL of an adapter as soon as that listens."""


def run_native(config: NativeWorkerAdapterConfig, on_ready: OnReady) -> int:
    """Start and stop workers of this machine until a signal; return the exit status. Raise OSError."""
    from scaler.worker_adapter.native import NativeWorkerAdapter

    async def serve() -> int:
        hurried = asyncio.Event()
        return await serve_adapter(NativeWorkerAdapter(config, hurried), config, on_ready, hurried)

    return run_in_event_loop(config.event_loop, serve())


def run_ecs(config: ECSWorkerAdapterConfig, on_ready: OnReady) -> int:
    """Start and stop tasks of Amazon ECS until a signal; return the exit status. Raise ImportError, OSError."""
    try:
        import botocore.exceptions
    except ImportError:
        raise ImportError("boto3 is not installed: pip install opengris-scaler[aws]") from None
    from scaler.worker_adapter.ecs import ECSWorkerAdapter
    from scaler.worker_adapter.ecs_service import EcsError, EcsService

    errors = (EcsError, botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)
    try:
        service = EcsService(config)
    except errors as error:
        raise OSError(f"AWS: {error}") from None

    async def serve() -> int:
        adapter = ECSWorkerAdapter(config, service)
        try:
            await adapter.take_over()
        except errors as error:
            raise OSError(f"AWS: {error}") from None
        watching = asyncio.get_running_loop().create_task(adapter.watch())
        try:
            return await serve_adapter(adapter, config, on_ready)
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    return run_in_event_loop(config.event_loop, serve())


def run_symphony(config: SymphonyWorkerConfig, on_ready: OnReady) -> int:
    """Run tasks in Symphony until a signal; return the exit status. Raise ImportError, OSError."""
    try:
        import soamapi  # noqa: F401  # the error is better said here than by each worker
    except ImportError:
        raise ImportError("soamapi is not installed: it comes with IBM Spectrum Symphony") from None
    from scaler.worker_adapter.symphony.worker_adapter import SymphonyWorkerAdapter

    async def serve() -> int:
        return await serve_adapter(SymphonyWorkerAdapter(config), config, on_ready)

    return run_in_event_loop(config.event_loop, serve())
