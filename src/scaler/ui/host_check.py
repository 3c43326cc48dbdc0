"""Refuses requests that a foreign web page makes a browser send.

With DNS rebinding, a page under a name of its own reaches a server that only this machine should reach; the Host header
then has that name. A number in it cannot be rebound. A page of another origin could open a WebSocket to us; then the
Origin header has another host than ours.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_logger = logging.getLogger(__name__)


class AllowedHosts:
    """The names under which the UI may be reached: localhost, any IP address, and what the operator adds."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(("localhost", *(name.lower().strip("[]") for name in names)))

    def refusal(self, host: str, origin: str | None) -> str:
        """Return why a request with these headers is refused, or an empty text."""
        name = host_name(f"//{host}")
        if not self._is_allowed(name):
            return f"the host {host!r} is not allowed: start scaler_ui with --web-allowed-hosts {name or 'NAME'}"
        if origin is not None and host_name(origin) not in (name, *self._names):
            return f"a page of {origin} may not use this server"
        return ""

    def _is_allowed(self, name: str) -> bool:
        return name in self._names or _is_ip_address(name)


def host_name(url: str) -> str:
    """Return the host of a URL in small letters, without port and brackets; empty when there is none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


class HostCheck:
    """An ASGI application that lets another one answer what is allowed, and answers the rest with 403."""

    def __init__(self, application: ASGIApp, allowed: AllowedHosts) -> None:
        self._application = application
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            refusal = self._allowed.refusal(headers.get("host", ""), headers.get("origin"))
            if refusal:
                _logger.warning("a request was refused: %s", refusal)
                await _refuse(scope, refusal, send)
                return
        await self._application(scope, receive, send)


async def _refuse(scope: Scope, refusal: str, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": refusal[:100]})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": f"{refusal}\n".encode()})


def _is_ip_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
