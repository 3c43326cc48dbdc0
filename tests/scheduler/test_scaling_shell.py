"""The shell of scaling: requests go their own way, failures come back as events, and the end leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.types.zmq import ZMQConfig
from scaler.scheduler import scaling
from scaler.scheduler.allocate_policy.needs import NO_NEEDS
from scaler.scheduler.controllers.scaling_policies.cluster_load import ClusterLoad, WorkerLoad
from scaler.scheduler.controllers.scaling_policies.worker_group import AdapterInfo
from scaler.scheduler.isolation import Isolation
from scaler.scheduler.scaling import Scaling
from scaler.scheduler.webhook_client import AdapterError


class FakeCluster:
    """A cluster in which one task waits until there is a worker."""

    def __init__(self) -> None:
        self.load = ClusterLoad(1, {}, {NO_NEEDS: 1})
        self.groups: dict[str, list[bytes]] = {}
        self.drained: list[bytes] = []
        self.looks = 0

    def cluster_load(self) -> ClusterLoad:
        self.looks += 1
        return self.load

    def drain_workers(self, workers: Sequence[tuple[bytes, str]]) -> None:
        self.drained += [worker_id for worker_id, _ in workers]

    def set_worker_groups(self, groups: dict[str, list[bytes]]) -> None:
        self.groups = groups


class FakeClient:
    """An adapter that does what the test says."""

    behaviour = "fine"
    started = 0

    def __init__(self, url: str, token: str | None) -> None:
        assert (url, token) == ("http://adapter", "secret")

    async def __aenter__(self) -> FakeClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def get_info(self) -> AdapterInfo:
        if self.behaviour == "hangs":
            await asyncio.Event().wait()
        if self.behaviour == "fails":
            raise AdapterError("for this test")
        if self.behaviour == "breaks":
            raise RuntimeError("a defect")
        return AdapterInfo(None, 1, {})

    async def start_group(self) -> tuple[str, frozenset[bytes]]:
        FakeClient.started += 1
        return "g", frozenset([b"w"])

    async def stop_group(self, group_id: str) -> None:
        pass


async def until(holds: Any) -> None:
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came true")


def scaled(monkeypatch: pytest.MonkeyPatch, behaviour: str, use: Any) -> Isolation:
    """Let scaling run with an adapter that behaves so, until the test is satisfied."""
    monkeypatch.setattr(scaling, "WebhookClient", FakeClient)
    monkeypatch.setattr(scaling, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(FakeClient, "behaviour", behaviour)
    monkeypatch.setattr(FakeClient, "started", 0)
    config = SchedulerConfig(
        scheduler_address=ZMQConfig.from_string("tcp://127.0.0.1:1"),
        adapter_webhook_urls=("http://adapter",),
        adapter_webhook_token="secret",
    )
    isolation = Isolation()

    async def main() -> None:
        cluster = FakeCluster()
        running = asyncio.create_task(Scaling(config, cluster, isolation).run())
        await use(cluster)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert len(asyncio.all_tasks()) == 1  # no request is left

    asyncio.run(main())
    return isolation


def test_a_group_is_started_and_known(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(cluster: FakeCluster) -> None:
        await until(lambda: cluster.groups == {"g": [b"w"]})
        cluster.load = ClusterLoad(1, {b"w": WorkerLoad(1)}, {})
        looks = cluster.looks
        await until(lambda: cluster.looks > looks + 5)
        assert FakeClient.started == 1

    assert scaled(monkeypatch, "fine", use).failures == 0


@pytest.mark.parametrize(("behaviour", "defects"), [("hangs", False), ("fails", False), ("breaks", True)])
def test_whatever_an_adapter_does_scaling_goes_on(
    monkeypatch: pytest.MonkeyPatch, behaviour: str, defects: bool
) -> None:
    async def use(cluster: FakeCluster) -> None:
        await until(lambda: cluster.looks > 10)
        assert cluster.groups == {}

    assert (scaled(monkeypatch, behaviour, use).failures > 0) is defects


def test_a_defect_in_a_look_costs_only_that_look(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(cluster: FakeCluster) -> None:
        load, cluster.load = cluster.load, None  # type: ignore[assignment]
        await until(lambda: cluster.looks > 2)
        cluster.load = load
        await until(lambda: cluster.groups == {"g": [b"w"]})

    assert scaled(monkeypatch, "fine", use).failures > 0
