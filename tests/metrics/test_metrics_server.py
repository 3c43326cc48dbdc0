"""The HTTP server with real connections, friendly and hostile ones."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from prometheus_client.registry import CollectorRegistry

from scaler.config.types.metrics_address import MetricsAddress
from scaler.metrics import http_server
from scaler.metrics.families import FixedMetrics, counter, gauge, gauges_by, registry_of
from scaler.metrics.http_server import MetricsServer
from scaler.metrics.readings import NoFiguresError
from tests.metrics.metrics_fixture import get, scrape, wait_until


class Source:
    """What is scraped."""

    def __init__(self) -> None:
        self.failure = ""

    def __call__(self) -> CollectorRegistry:
        if self.failure:
            raise NoFiguresError(self.failure)
        return registry_of(
            FixedMetrics(
                [
                    gauge("scaler_x", "X.", 7),
                    counter("scaler_y", "Y.", 8),
                    gauges_by("kind", "scaler_z", "Z.", {'"quoted"\n': 9}),
                ]
            )
        )


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def server(source: Source) -> Iterator[MetricsServer]:
    server = MetricsServer(MetricsAddress("127.0.0.1", 0), source)
    server.start()
    yield server
    server.close()


def connect(server: MetricsServer) -> socket.socket:
    return socket.create_connection((server.address.host, server.address.port), timeout=30)


def exchange(server: MetricsServer, request: bytes) -> bytes:
    """Return everything that is answered, until the server has closed the connection."""
    with connect(server) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while chunk := connection.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass  # it has not read everything
        return answer


def test_what_there_is(server: MetricsServer) -> None:
    assert scrape(server.address) == {"scaler_x": 7, "scaler_y_total": 8, 'scaler_z{kind="quoted"\n}': 9}
    assert get(server.address, "/metrics?name=x")[0] == 200
    assert get(server.address, "/healthz") == (200, "ok\n")
    assert get(server.address, "/healthz", method="HEAD") == (200, "")
    assert get(server.address, "/metrics", method="HEAD") == (200, "")
    status, text = get(server.address, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert status == 200
    assert text.endswith("# EOF\n")


def test_what_there_is_not(server: MetricsServer) -> None:
    for path in ("/", "/metrics/", "/../metrics", "/healthz2"):
        assert get(server.address, path) == (404, "There are /metrics and /healthz.\n")
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert get(server.address, "/metrics", method=method)[0] == 501


def test_without_figures_both_are_unavailable(server: MetricsServer, source: Source) -> None:
    source.failure = "no answer within 2 seconds"
    for path in ("/metrics", "/healthz"):
        assert get(server.address, path) == (503, "no answer within 2 seconds\n")
    source.failure = ""
    assert get(server.address, "/healthz")[0] == 200


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"GET /metrics\r\n\r\n", b"scaler_x"),
        (b"GET " + b"/" * 70000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"431"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 70000 + b"\r\n\r\n", b"431"),
        (b"GET /metrics HTTP/9.9\r\n\r\n", b"505"),
        (b"GET /metrics HTTP/1.1\r\nAccept: \xff\xfe\r\n\r\n", b"scaler_x"),
        (b"GET /healthz HTTP/1.1\r\nConnection: keep-alive\r\n\r\n", b"ok\n"),
    ],
    ids=["tls", "old", "long-line", "many-headers", "long-header", "version", "no-text", "kept-open"],
)
def test_strange_requests_are_answered_and_disturb_nobody(
    server: MetricsServer, request_bytes: bytes, answer: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    assert answer in exchange(server, request_bytes)
    assert get(server.address, "/healthz")[0] == 200
    assert capfd.readouterr() == ("", "")


def test_peers_that_say_nothing_keep_nobody_out(server: MetricsServer) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(connect(server)) for _ in range(3 * http_server._MOST_CONNECTIONS)]
        for connection in silent[::2]:
            connection.sendall(b"GET /metr")
        assert scrape(server.address)["scaler_x"] == 7
        # The oldest ones were ended to make room.
        assert silent[1].recv(10) == b""


def test_a_connection_has_a_deadline(server: MetricsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_CONNECTION_SECONDS", 0.0)
    with connect(server) as silent:
        assert silent.recv(10) == b""


def test_peers_that_go_without_reading_leave_nothing(server: MetricsServer, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(20):
        with connect(server) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
    wait_until(lambda: not server._server._open)
    assert capfd.readouterr() == ("", "")


def test_many_at_once(server: MetricsServer) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: get(server.address, "/metrics")[0], range(200)))
    assert answers == [200] * 200


def test_a_port_in_use_and_an_unknown_host_are_told(server: MetricsServer, source: Source) -> None:
    with pytest.raises(OSError, match=f"cannot listen at the metrics_address {server.address}: Address already in use"):
        MetricsServer(server.address, source)
    with pytest.raises(OSError, match=r"cannot listen at the metrics_address no-such-host\.invalid:1: "):
        MetricsServer(MetricsAddress("no-such-host.invalid", 1), source)


def test_names_and_ipv6(source: Source) -> None:
    for host in ("localhost", "::1"):
        server = MetricsServer(MetricsAddress(host, 0), source)
        server.start()
        try:
            assert get(server.address, "/healthz") == (200, "ok\n")
        finally:
            server.close()


def test_closing_ends_what_is_open(server: MetricsServer) -> None:
    with connect(server) as silent:
        wait_until(lambda: bool(server._server._open))
        server.close()
        assert silent.recv(10) == b""
    with pytest.raises(OSError):
        connect(server)
