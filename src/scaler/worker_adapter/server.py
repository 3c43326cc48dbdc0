"""Runs a worker adapter until SIGINT or SIGTERM: no new requests, then all groups stop, then the process ends."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from typing import Final, Protocol

from aiohttp import web

from scaler.utility.network_util import is_loopback, join_host_and_port, listening_error
from scaler.worker_adapter.common import WorkerAdapter
from scaler.worker_adapter.webhook import Webhook

_logger = logging.getLogger(__name__)

_LAST_REQUESTS_SECONDS: Final = 1.0


class WebSettings(Protocol):
    """Where an adapter listens, and to whom."""

    @property
    def adapter_web_host(self) -> str: ...
    @property
    def adapter_web_port(self) -> int: ...
    @property
    def adapter_web_token(self) -> str | None: ...


async def serve_adapter(
    adapter: WorkerAdapter,
    settings: WebSettings,
    on_ready: Callable[[str], None],
    hurried: asyncio.Event | None = None,
) -> int:
    """Serve, and return the exit status. Raise OSError when the address cannot be bound.

    ``on_ready`` is told the URL, the first one of several. ``hurried`` is set by SIGINT, and by a second signal: who
    sends those does not want to wait for workers that drain.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(number: signal.Signals) -> None:
        if hurried is not None and (number is signal.SIGINT or stopped.is_set()):
            hurried.set()
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    runner = web.AppRunner(
        Webhook(adapter, settings.adapter_web_token).application(),
        access_log=None,
        shutdown_timeout=_LAST_REQUESTS_SECONDS,
    )
    await runner.setup()
    site = web.TCPSite(runner, settings.adapter_web_host, settings.adapter_web_port)
    try:
        await _start(site, settings)
        _log_addresses(runner, settings)
        on_ready(_url(*runner.addresses[0][:2]))
        await stopped.wait()
        _logger.info("received signal, shutting down")
        await site.stop()
    finally:
        await adapter.close()
        await runner.cleanup()
    return 0


async def _start(site: web.TCPSite, settings: WebSettings) -> None:
    try:
        await site.start()
    except OSError as error:
        place = settings.adapter_web_host, settings.adapter_web_port
        raise listening_error("adapter_web_host and adapter_web_port", *place, error) from None


def _log_addresses(runner: web.AppRunner, settings: WebSettings) -> None:
    for host, port, *_ in runner.addresses:
        _logger.info("listen to %s", _url(host, port))
        if settings.adapter_web_token is None and not is_loopback(host):
            _logger.warning(
                "%s can be reached from other machines, and any of them may start workers: set a token", host
            )


def _url(host: str, port: int) -> str:
    return f"http://{join_host_and_port(host, port)}"
