"""Fixtures of the client's tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from client_stand_ins import StandInScheduler, StandInStorage
from client_tasks import ADDRESS

from scaler.client.client import Client


@pytest.fixture
def storage() -> StandInStorage:
    """Return an object storage in a dictionary."""
    return StandInStorage()


@pytest.fixture
def scheduler(storage: StandInStorage, monkeypatch: pytest.MonkeyPatch) -> StandInScheduler:
    """Let clients of this test talk to a scheduler without sockets."""
    from scaler.io.ymq.ymq import PeerEvent

    scheduler = StandInScheduler(storage, PeerEvent)
    monkeypatch.setattr("scaler.client.client.SchedulerLink", lambda identity, address, timeout_seconds: scheduler)
    monkeypatch.setattr("scaler.client.agent.client_storage.SyncObjectStorageConnector", lambda *_, **__: storage)
    return scheduler


@pytest.fixture
def client(scheduler: StandInScheduler) -> Iterator[Client]:
    """Return a client that talks to the stand-in."""
    with Client(ADDRESS, heartbeat_interval_seconds=1) as client:
        yield client


@pytest.fixture(scope="session")
def combo() -> Iterator[Any]:
    """Run one cluster of three workers for all tests that need one."""
    from settle import check_no_failed_events

    from scaler import SchedulerClusterCombo

    combo = SchedulerClusterCombo(n_workers=3)
    yield combo
    try:
        check_no_failed_events(combo.get_address())
    finally:
        combo.shutdown()


@pytest.fixture
def cluster_client(combo: Any) -> Iterator[Client]:
    """Return a client of the cluster."""
    with Client(address=combo.get_address()) as client:
        yield client
