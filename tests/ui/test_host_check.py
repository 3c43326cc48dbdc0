"""Which requests are answered: a foreign page must not make a browser read the cluster."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from scaler.ui.host_check import AllowedHosts, HostCheck

ALLOWED = AllowedHosts(("0.0.0.0", "Scaler.Example.org"))


@pytest.mark.parametrize(
    "host", ["localhost:50001", "127.0.0.1:1", "[::1]:50001", "10.1.2.3", "scaler.example.org:80", "SCALER.example.ORG"]
)
def test_hosts_that_cannot_be_rebound_or_were_named(host: str) -> None:
    assert ALLOWED.refusal(host, None) == ""
    assert ALLOWED.refusal(host, f"http://{host}") == ""


@pytest.mark.parametrize("host", ["evil.example.com:50001", "localhost.evil.com", "", "127.0.0.1.evil.com", "[", "a@b"])
def test_other_hosts_are_refused(host: str) -> None:
    assert f"the host {host!r} is not allowed" in ALLOWED.refusal(host, None)


@pytest.mark.parametrize("origin", ["http://evil.com", "http://6.6.6.6", "null", "http://localhost.evil.com", ""])
def test_pages_of_other_origins_are_refused(origin: str) -> None:
    assert ALLOWED.refusal("127.0.0.1:50001", origin) == f"a page of {origin} may not use this server"


def answer(kind: str, headers: list[tuple[bytes, bytes]]) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "served"})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {}

    asyncio.run(HostCheck(application, ALLOWED)({"type": kind, "headers": headers}, receive, send))
    return sent


def test_what_is_refused_does_not_reach_the_application() -> None:
    begin, body = answer("http", [(b"host", b"evil.com")])
    assert begin["status"] == 403
    assert b"--web-allowed-hosts evil.com" in body["body"]
    assert [message["type"] for message in answer("websocket", [(b"host", b"evil.com")])] == ["websocket.close"]
    rebound = [(b"host", b"localhost"), (b"origin", b"http://evil.com")]
    assert [message["type"] for message in answer("websocket", rebound)] == ["websocket.close"]


@pytest.mark.parametrize("kind", ["http", "websocket", "lifespan"])
def test_the_rest_is_served(kind: str) -> None:
    assert answer(kind, [(b"Host", b"localhost:1")]) == [{"type": "served"}]
    assert answer("lifespan", []) == [{"type": "served"}]
