"""What the scheduler makes of the answers of adapters, sensible or not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from scaler.scheduler import webhook_client
from scaler.scheduler.controllers.scaling_policies.worker_group import AdapterInfo
from scaler.scheduler.webhook_client import AdapterError, AdapterFullError, WebhookClient

Use = Callable[[WebhookClient], Awaitable[Any]]


def answered(use: Use, status: int, body: bytes, seen: list[Any] | None = None) -> Any:
    """Let a client talk to an adapter that always answers so."""

    async def answer(request: web.Request) -> web.Response:
        if seen is not None:
            seen.append((request.headers.get("Authorization"), await request.json()))
        return web.Response(status=status, body=body)

    async def run() -> Any:
        application = web.Application()
        application.router.add_post("/", answer)
        async with TestServer(application) as server, WebhookClient(str(server.make_url("/")), "secret") as client:
            return await use(client)

    return asyncio.run(run())


def info(client: WebhookClient) -> Awaitable[AdapterInfo]:
    return client.get_info()


def start(client: WebhookClient) -> Awaitable[Any]:
    return client.start_group()


def stop(client: WebhookClient) -> Awaitable[Any]:
    return client.stop_group("g")


def test_requests_carry_the_token_and_what_is_wanted() -> None:
    seen: list[Any] = []
    answered(stop, 200, b'{"status": "Worker group shutdown"}', seen)
    answered(start, 200, b'{"worker_group_id": "g", "worker_ids": ["a"]}', seen)
    assert seen == [
        ("Bearer secret", {"action": "shutdown_worker_group", "worker_group_id": "g"}),
        ("Bearer secret", {"action": "start_worker_group"}),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"max_worker_groups": 3}', AdapterInfo(3, 1, {})),
        (b'{"max_worker_groups": -1, "workers_per_group": 4}', AdapterInfo(None, 4, {})),
        (b'{"workers_per_group": 1, "base_capabilities": {"gpu": 2}}', AdapterInfo(None, 1, {"gpu": 2})),
        (b'{"status": 1, "worker_groups": {"g": ["w"]}}', AdapterInfo(None, 1, {}, {"g": frozenset([b"w"])})),
    ],
)
def test_info(body: bytes, expected: AdapterInfo) -> None:
    assert answered(info, 200, body) == expected


def test_a_group_and_its_workers() -> None:
    assert answered(start, 200, b'{"worker_group_id": "g", "worker_ids": ["a", "b"]}') == ("g", {b"a", b"b"})


def test_an_unknown_group_is_stopped_already_if_it_is_the_adapter_that_says_so() -> None:
    answered(stop, 404, b'{"error": "Worker group with ID g does not exist."}')
    with pytest.raises(AdapterError, match="answered shutdown_worker_group with 404: 404: Not Found"):
        answered(stop, 404, b"404: Not Found")


def test_no_room() -> None:
    with pytest.raises(AdapterFullError, match="429: no room"):
        answered(start, 429, b'{"error": "no room"}')


@pytest.mark.parametrize("use", [info, start, stop])
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"error": "x"}'),
        (500, b"Traceback"),
        (302, b""),
        (200, b""),
        (200, b"<html>"),
        (200, b"[1]"),
        (200, b'"text"'),
        (200, b"\xff\xff"),
        (200, b"[" * 100_000),
    ],
)
def test_answers_that_are_errors_or_nonsense(use: Use, status: int, body: bytes) -> None:
    with pytest.raises(AdapterError):
        answered(use, status, body)


@pytest.mark.parametrize(
    ("use", "body"),
    [
        (info, b'{"max_worker_groups": "3"}'),
        (info, b'{"max_worker_groups": true}'),
        (info, b'{"workers_per_group": 1.5}'),
        (info, b'{"base_capabilities": ["gpu"]}'),
        (info, b'{"base_capabilities": {"gpu": "x"}}'),
        (info, b'{"worker_groups": ["g"]}'),
        (info, b'{"worker_groups": {"g": []}}'),
        (start, b'{"worker_ids": ["a"]}'),
        (start, b'{"worker_group_id": "g"}'),
        (start, b'{"worker_group_id": "", "worker_ids": ["a"]}'),
        (start, b'{"worker_group_id": "g", "worker_ids": []}'),
        (start, b'{"worker_group_id": "g", "worker_ids": [1]}'),
        (start, b'{"worker_group_id": "\\ud800", "worker_ids": ["a"]}'),
        (start, b'{"worker_group_id": "g", "worker_ids": ["\\ud800"]}'),
    ],
)
def test_answers_with_wrong_fields(use: Use, body: bytes) -> None:
    with pytest.raises(AdapterError, match="must be"):
        answered(use, 200, body)


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_client, "_LONGEST_ANSWER_BYTES", 1000)
    with pytest.raises(AdapterError, match="longer than 1000 bytes"):
        answered(info, 200, b"{" + b" " * 1000 + b"}")


def test_nobody_listens() -> None:
    async def run() -> None:
        async with WebhookClient(f"http://127.0.0.1:{unused_port()}") as client:
            await client.get_info()

    with pytest.raises(AdapterError, match=r"127\.0\.0\.1"):
        asyncio.run(run())


def test_no_answer_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_client, "INFO_TIMEOUT_SECONDS", 0.05)

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1 << 16):
            pass
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    hung_up = asyncio.Event()

    async def run() -> None:
        silent = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        async with silent:
            try:
                async with WebhookClient(f"http://127.0.0.1:{port}") as client:
                    await client.get_info()
            finally:
                await asyncio.wait_for(hung_up.wait(), 10)

    with pytest.raises(AdapterError, match="did not answer get_worker_adapter_info within"):
        asyncio.run(run())


def test_what_answers_is_no_http() -> None:
    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        writer.close()
        await writer.wait_closed()
        hung_up.set()

    hung_up = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(chatter, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            try:
                async with WebhookClient(f"http://127.0.0.1:{port}") as client:
                    await client.get_info()
            finally:
                await asyncio.wait_for(hung_up.wait(), 10)

    with pytest.raises(AdapterError):
        asyncio.run(run())
