"""What the webhook of every adapter answers, and what it refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from scaler.worker_adapter.common import AdapterDescription, CapacityExceededError, WorkerGroupNotFoundError
from scaler.worker_adapter.webhook import Webhook


class FakeAdapter:
    """Keeps groups of two in memory, at most two of them."""

    def __init__(self) -> None:
        self.groups: dict[str, list[str]] = {}
        self.fault: Exception | None = None
        self.release = asyncio.Event()
        self.release.set()

    def info(self) -> AdapterDescription:
        return AdapterDescription(2, 2, {"linux": -1}, self.groups)

    async def start_worker_group(self) -> tuple[str, list[str]]:
        await self.release.wait()
        if self.fault is not None:
            raise self.fault
        if len(self.groups) >= 2:
            raise CapacityExceededError("Maximum number of workers (2) reached.")
        group_id = f"fake-{len(self.groups)}"
        self.groups[group_id] = [f"{group_id}-a", f"{group_id}-b"]
        return group_id, self.groups[group_id]

    async def shutdown_worker_group(self, group_id: str) -> None:
        if group_id not in self.groups:
            raise WorkerGroupNotFoundError(f"Worker group with ID {group_id} does not exist.")
        del self.groups[group_id]

    async def close(self) -> None:
        self.groups.clear()


def with_webhook(use: Callable[[TestClient, FakeAdapter], Any], token: str | None = None) -> None:
    async def run() -> None:
        adapter = FakeAdapter()
        async with TestClient(TestServer(Webhook(adapter, token).application())) as client:
            await use(client, adapter)

    asyncio.run(run())


async def post(client: TestClient, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client.post("/", data=data, headers=headers) as response:
        assert response.content_type == "application/json"
        return response.status, await response.json()


def test_a_group_is_started_listed_and_shut_down() -> None:
    async def use(client: TestClient, adapter: FakeAdapter) -> None:
        status, started = await post(client, {"action": "start_worker_group"})
        workers = ["fake-0-a", "fake-0-b"]
        expected = {"status": "Worker group started", "worker_group_id": "fake-0", "worker_ids": workers}
        assert (status, started) == (200, expected)
        assert await post(client, {"action": "get_worker_adapter_info"}) == (
            200,
            {
                "max_worker_groups": 2,
                "workers_per_group": 2,
                "base_capabilities": {"linux": -1},
                "worker_groups": {"fake-0": workers},
            },
        )
        stop = {"action": "shutdown_worker_group", "worker_group_id": "fake-0"}
        assert await post(client, stop) == (200, {"status": "Worker group shutdown"})
        status, answer = await post(client, stop)
        assert (status, "fake-0" in answer["error"]) == (404, True)

    with_webhook(use)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff\xfe{}", "not valid JSON"),
        (b"[" * 50_000, "not valid JSON"),
        ([], "must be a JSON object, got list"),
        ({}, "No action specified"),
        ({"action": ""}, "No action specified"),
        ({"action": 7}, "action must be a text, got 7"),
        ({"action": "explode"}, "Unknown action 'explode', known: get_worker_adapter_info, start_worker_group"),
        ({"action": "shutdown_worker_group"}, "No worker_group_id specified"),
        ({"action": "shutdown_worker_group", "worker_group_id": ["x"]}, "worker_group_id must be a text"),
    ],
    ids=str,
)
def test_bad_requests(body: Any, text: str) -> None:
    async def use(client: TestClient, adapter: FakeAdapter) -> None:
        status, answer = await post(client, body)
        assert (status, text in answer["error"]) == (400, True), answer

    with_webhook(use)


def test_full_and_failing_adapters() -> None:
    async def use(client: TestClient, adapter: FakeAdapter) -> None:
        start = {"action": "start_worker_group"}
        for _ in range(2):
            assert (await post(client, start))[0] == 200
        assert await post(client, start) == (429, {"error": "Maximum number of workers (2) reached."})
        adapter.fault = RuntimeError("the cloud\nis down")
        assert await post(client, start) == (500, {"error": "RuntimeError: the cloud is down"})

    with_webhook(use)


def test_other_methods_paths_and_too_long_requests() -> None:
    async def use(client: TestClient, adapter: FakeAdapter) -> None:
        for method, path, body, expected in [
            ("GET", "/", b"", 405),
            ("PUT", "/", b"{}", 405),
            ("POST", "/other", b"{}", 404),
            ("POST", "/", b" " * 100_000, 413),
        ]:
            async with client.request(method, path, data=body) as response:
                assert response.status == expected

    with_webhook(use)


def test_a_token_is_asked_for() -> None:
    async def use(client: TestClient, adapter: FakeAdapter) -> None:
        start = {"action": "start_worker_group"}
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "secret"}):
            status, answer = await post(client, start, **headers)
            assert (status, "Authorization" in answer["error"]) == (401, True)
        assert adapter.groups == {}
        assert (await post(client, start, Authorization="Bearer secret"))[0] == 200

    with_webhook(use, token="secret")


def test_a_request_that_takes_long_holds_up_no_other() -> None:
    async def use(client: TestClient, adapter: FakeAdapter) -> None:
        adapter.release.clear()
        slow = asyncio.create_task(post(client, {"action": "start_worker_group"}))
        assert (await post(client, {"action": "get_worker_adapter_info"}))[0] == 200
        assert not slow.done()
        adapter.release.set()
        assert (await slow)[0] == 200

    with_webhook(use)
