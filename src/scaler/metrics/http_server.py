"""A small HTTP server for ``/metrics`` and ``/healthz``, made to bear peers that mean harm.

A connection has one request, a deadline, and a thread, and of connections there is a bound: when it is reached, the one
that has been open longest is ended, so that peers that say nothing keep nobody out. The figures come from ``Readings``:
no request makes anybody compute anything more often than that allows.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, TypeAlias

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from scaler.config.types.metrics_address import MetricsAddress
from scaler.metrics.readings import NoFiguresError

_logger = logging.getLogger(__name__)

_MOST_CONNECTIONS: Final = 32
_CONNECTION_SECONDS: Final = 10.0
_CHECK_SECONDS: Final = 0.5
_NO_DESCRIPTOR_PAUSE_SECONDS: Final = 0.1

Scrape: TypeAlias = Callable[[], CollectorRegistry]
"""Returns what ``/metrics`` shows. Raises NoFiguresError, which is also what ``/healthz`` asks for."""


class MetricsServer:
    """Serves in threads of its own from ``start`` to ``close``. Raise OSError when the address cannot be bound."""

    def __init__(self, address: MetricsAddress, scrape: Scrape) -> None:
        try:
            self._server = _Server(address, scrape)
        except OSError as error:
            reason = error.strerror or str(error)
            raise OSError(f"cannot listen at the metrics_address {address}: {reason}") from None
        self.address = MetricsAddress(address.host, self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_CHECK_SECONDS,), name="metrics")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop listening and end all connections. Threads that wait for figures end when those have come, or not."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.end_connections(0.0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = _MOST_CONNECTIONS
    block_on_close = False

    def __init__(self, address: MetricsAddress, scrape: Scrape) -> None:
        self.scrape = scrape
        self._open: dict[socket.socket, float] = {}
        self._open_lock = threading.Lock()
        family, _, _, _, numeric = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self.address_family = family
        super().__init__(numeric[:2], _Handler)  # type: ignore[arg-type]  # a host and a port, of either family

    def server_bind(self) -> None:
        # Not the parent's, which looks up the name of the host, for seconds where nobody knows it.
        socket.socket.setsockopt(self.socket, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def get_request(self) -> tuple[socket.socket, Any]:
        try:
            return super().get_request()
        except OSError:
            time.sleep(_NO_DESCRIPTOR_PAUSE_SECONDS)  # whoever waits still waits: do not ask again at once
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            while len(self._open) >= _MOST_CONNECTIONS:
                _end(self._open, next(iter(self._open)))
            self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        self.end_connections(_CONNECTION_SECONDS)

    def end_connections(self, age_seconds: float) -> None:
        """End the connections that have been open for that long."""
        limit = time.monotonic() - age_seconds
        with self._open_lock:
            for request in [request for request, since_seconds in self._open.items() if since_seconds <= limit]:
                _end(self._open, request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        _logger.debug("metrics: a connection of %s failed", client_address, exc_info=True)


def _end(open_connections: dict[socket.socket, float], request: socket.socket) -> None:
    """Let the thread of a connection find its end; the thread closes it."""
    del open_connections[request]
    with contextlib.suppress(OSError):  # its peer has gone
        request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _CONNECTION_SECONDS
    server_version = "scaler"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path not in ("/metrics", "/healthz"):
            self._answer(HTTPStatus.NOT_FOUND, b"There are /metrics and /healthz.\n")
            return
        try:
            registry = self.server.scrape()
        except NoFiguresError as error:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n".encode())
            return
        if path == "/healthz":
            self._answer(HTTPStatus.OK, b"ok\n")
        else:
            encode, content_type = choose_encoder(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, encode(registry), content_type)

    do_HEAD = do_GET

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        _logger.debug("metrics: %s: " + format, self.client_address[0], *arguments)
