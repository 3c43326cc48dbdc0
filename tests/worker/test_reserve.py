"""A worker that has lost a processor prepares the one that follows the next."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import psutil
import pytest
from process_ends import wait_ended

from scaler import Client, SchedulerClusterCombo

DEADLINE_SECONDS = 30.0
PREPARED = "Next processor"


@pytest.fixture
def cluster() -> Iterator[SchedulerClusterCombo]:
    combo = SchedulerClusterCombo(n_workers=1)
    yield combo
    combo.shutdown()


def agent_of(cluster: SchedulerClusterCombo) -> psutil.Process:
    [agent] = psutil.Process(cluster._cluster.pid).children()
    return agent


def wait_prepared(agent: psutil.Process, but: int | None = None) -> psutil.Process:
    """Return the process in reserve, another one than that, once there is one."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        found = [child for child in agent.children() if child.pid != but and child.name() == PREPARED]
        if found:
            return found[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_who_loses_no_processor_has_none_in_reserve(cluster: SchedulerClusterCombo) -> None:
    with Client(cluster.get_address()) as client:
        pid = client.submit(os.getpid).result(DEADLINE_SECONDS)
        client.submit(time.sleep, 1.0).result(DEADLINE_SECONDS)
        assert [(child.pid, child.name()) for child in agent_of(cluster).children()] == [(pid, "Processor")]


def test_the_process_in_reserve_serves_next(cluster: SchedulerClusterCombo) -> None:
    with Client(cluster.get_address()) as client:
        os.kill(client.submit(os.getpid).result(DEADLINE_SECONDS), signal.SIGKILL)
        prepared = wait_prepared(agent_of(cluster))
        future = client.submit(time.sleep, 600.0)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not future.running():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert future.cancel(timeout=DEADLINE_SECONDS)
        assert client.submit(os.getpid).result(DEADLINE_SECONDS) == prepared.pid
        assert prepared.name() == "Processor"
        wait_prepared(agent_of(cluster), but=prepared.pid)


def test_one_in_reserve_that_was_killed_is_not_used(cluster: SchedulerClusterCombo) -> None:
    with Client(cluster.get_address()) as client:
        os.kill(client.submit(os.getpid).result(DEADLINE_SECONDS), signal.SIGKILL)
        prepared = wait_prepared(agent_of(cluster))
        serving = client.submit(os.getpid).result(DEADLINE_SECONDS)
        prepared.kill()
        os.kill(serving, signal.SIGKILL)
        assert client.submit(os.getpid).result(DEADLINE_SECONDS) not in (serving, prepared.pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_one_in_reserve_ends_with_its_agent(cluster: SchedulerClusterCombo, number: int) -> None:
    with Client(cluster.get_address()) as client:
        os.kill(client.submit(os.getpid).result(DEADLINE_SECONDS), signal.SIGKILL)
    agent = agent_of(cluster)
    processes = [wait_prepared(agent), *agent.children()]
    agent.send_signal(number)
    wait_ended(processes, DEADLINE_SECONDS)
