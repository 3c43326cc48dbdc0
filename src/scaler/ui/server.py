"""The server of the web UI: NiceGUI behind the check of hosts, and the feed that lives as long as it serves."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from scaler.monitor.subscriber import MonitorSubscriber
from scaler.ui.cluster_view import ClusterView
from scaler.ui.feed import Feed
from scaler.ui.host_check import AllowedHosts, HostCheck
from scaler.ui.pages.page import register_page

_GRACE_SECONDS: Final = 2
_RECONNECT_SECONDS: Final = 15.0
"""How long a page may be away before it begins anew; a sign of life of it may take 0.4 of that, on a busy machine."""


def make_server(monitor_address: str, allowed_names: Iterable[str]) -> uvicorn.Server:
    """Return a server that shows a cluster, once in a process: NiceGUI has one application.

    It takes SIGINT and SIGTERM over while it runs, and raises them again at its end.
    """
    view = ClusterView()
    feed = Feed(MonitorSubscriber(monitor_address), view.take)

    @asynccontextmanager
    async def follow_the_stream(_application: FastAPI) -> AsyncIterator[None]:
        feed.start()
        try:
            yield
        finally:
            await feed.stop()

    application = FastAPI(lifespan=follow_the_stream, openapi_url=None)
    register_page(view, monitor_address)
    ui.run_with(
        application,
        title="Scaler",
        favicon="📈",
        show_welcome_message=False,
        reconnect_timeout=_RECONNECT_SECONDS,
    )
    return uvicorn.Server(
        uvicorn.Config(
            HostCheck(application, AllowedHosts(allowed_names)),
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
