"""The server of the web UI: NiceGUI behind a check of the Host header, on a socket of our own."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from scaler.cluster.supervision import StopRequested, StopSignals
from scaler.config.section.webui import WebUIConfig
from scaler.monitor.subscriber import MonitorSubscriber
from scaler.ui.cluster_view import ClusterView
from scaler.ui.feed import Feed
from scaler.ui.host_check import AllowedHosts, HostCheck
from scaler.utility.network_util import join_host_and_port

_logger = logging.getLogger(__name__)

TITLE: Final = "Scaler"
_GRACE_SECONDS: Final = 2


def require_packages() -> None:
    """Raise ImportError with the remedy when NiceGUI is not installed."""
    try:
        import nicegui  # noqa: F401
    except ImportError as error:
        raise ImportError(f"the web UI needs NiceGUI ({error}): pip install 'opengris-scaler[gui]'") from None


def serve(config: WebUIConfig, on_listening: Callable[[str], None]) -> None:
    """Serve the UI until SIGINT or SIGTERM, and call ``on_listening`` with the real address before; main thread only.

    Raise OSError when the address cannot be bound, ImportError without NiceGUI.
    """
    with StopSignals():
        try:
            require_packages()
            with _listen(config.web_host, config.web_port) as listener:
                url = f"http://{join_host_and_port(*listener.getsockname()[:2])}"
                _logger.info("web UI: %s shows %s", url, config.monitor_address)
                on_listening(url)
                allowed = AllowedHosts((config.web_host, *config.web_allowed_hosts))
                _serve(listener, allowed, str(config.monitor_address))
        except StopRequested:  # at the start, or by the server, which raises the signal again behind its end
            _logger.info("web UI: received signal, shutting down")


def _serve(listener: socket.socket, allowed: AllowedHosts, monitor_address: str) -> None:
    # Loaded here, for they are slow and not everybody has them.
    import uvicorn
    from fastapi import FastAPI
    from nicegui import ui

    from scaler.ui.pages.page import register_page

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
    ui.run_with(application, title=TITLE, favicon="📈", show_welcome_message=False)
    server = uvicorn.Server(
        uvicorn.Config(
            HostCheck(application, allowed),
            log_config=None,
            log_level=logging.WARNING,
            access_log=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        place = join_host_and_port(host, port)
        # That of a socket names the address a second time; the number of a name that is not known is negative.
        reason = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror
        raise OSError(f"web_host and web_port: cannot listen at {place}: {reason}; port 0 is a free one") from None
