"""Runs the web UI on a socket of its own until a signal ends it; loads NiceGUI only when it is called."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

from scaler.cluster.supervision import StopRequested, StopSignals
from scaler.config.section.webui import WebUIConfig
from scaler.utility.network_util import is_loopback, join_host_and_port, listening_error

_logger = logging.getLogger(__name__)


def serve(config: WebUIConfig, on_listening: Callable[[str], None]) -> None:
    """Serve the UI until SIGINT or SIGTERM, and call ``on_listening`` with its URL before; main thread only.

    Raise OSError when the address cannot be bound, ImportError with the remedy when NiceGUI is not installed.
    """
    try:
        from scaler.ui.server import make_server
    except ImportError as error:
        raise ImportError(f"the web UI needs NiceGUI ({error}): pip install 'opengris-scaler[gui]'") from None
    # From here on a signal is an exception, which would not pass the import of a native module unharmed.
    with StopSignals():
        try:
            with _listen(config.web_host, config.web_port) as listener:
                url = f"http://{join_host_and_port(*listener.getsockname()[:2])}"
                server = make_server(str(config.monitor_address), (config.web_host, *config.web_allowed_hosts))
                _logger.info("web UI: %s shows %s", url, config.monitor_address)
                if not is_loopback(config.web_host):
                    _logger.warning("web UI: %s can be reached from other machines, without authentication", url)
                on_listening(url)
                server.run(sockets=[listener])
        except StopRequested:  # by a signal before the server takes them over, or by the server at its end
            _logger.info("web UI: received signal, shutting down")


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise listening_error("web_host and web_port", host, port, error) from None
