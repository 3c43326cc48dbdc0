"""Clients of a real cluster come and go, and what tasks print reaches them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import pickle
import sys
import threading
import time
from typing import Any

import pytest
from client_tasks import noop, noop_sleep

from scaler import Client, SchedulerClusterCombo
from scaler.utility.exceptions import (
    ClientQuitException,
    DisconnectedError,
)


def test_client_that_left(combo: SchedulerClusterCombo) -> None:
    with Client(address=combo.get_address()) as client:
        future = client.submit(noop_sleep, 10)
    with pytest.raises(concurrent.futures.CancelledError):
        future.result()
    with pytest.raises(ClientQuitException):
        client.submit(noop, 1)


def test_extra_disconnects(combo: SchedulerClusterCombo) -> None:
    with Client(address=combo.get_address()) as client:
        for _ in range(3):
            client.disconnect()


def test_dropped_client(combo: SchedulerClusterCombo) -> None:
    client = Client(address=combo.get_address())
    assert client.submit(noop, 1).result() == 1
    del client


def test_responsiveness(combo: SchedulerClusterCombo, cluster_client: Client) -> None:
    assert cluster_client.map(noop, [(i,) for i in range(30)]) == list(range(30))  # everything is warm

    def timed(action: Any) -> Any:
        start = time.perf_counter()
        result = action()
        assert time.perf_counter() - start < 0.3
        return result

    other = timed(lambda: Client(address=combo.get_address()))
    future = timed(lambda: other.submit(noop, 5))
    assert timed(future.result) == 5
    timed(other.disconnect)


def test_pickled_client(cluster_client: Client) -> None:
    with pickle.loads(pickle.dumps(cluster_client)) as copy:
        assert copy.identity != cluster_client.identity
        assert copy.submit(noop, 1).result() == 1


def test_no_address_outside_a_worker() -> None:
    with pytest.raises(ValueError, match="No scheduler address provided") as info:
        Client()
    assert "not running inside a worker context" in str(info.value)


def test_no_scheduler(combo: SchedulerClusterCombo) -> None:
    start = time.monotonic()
    with pytest.raises(TimeoutError, match=r"tcp://127\.0\.0\.1:9.*1 seconds: Connection refused") as info:
        Client(address="tcp://127.0.0.1:9", timeout_seconds=1)
    assert isinstance(info.value, DisconnectedError)
    assert time.monotonic() - start < 5


def test_refused_shutdown(cluster_client: Client) -> None:
    with pytest.raises(ValueError, match="Scheduler is in protected mode"):
        cluster_client.shutdown()
    assert cluster_client.submit(noop, 1).result() == 1


def test_accepted_shutdown() -> None:
    combo = SchedulerClusterCombo(n_workers=1, protected=False)
    try:
        client = Client(address=combo.get_address())
        assert client.submit(noop, 1).result(timeout=30) == 1
        client.shutdown()
        with pytest.raises(ClientQuitException):
            client.submit(noop, 1)
    finally:
        combo.shutdown()


def test_scheduler_crash() -> None:
    combo = SchedulerClusterCombo(n_workers=1)
    try:
        with Client(address=combo.get_address(), timeout_seconds=5) as client:
            assert client.submit(noop, 1).result(timeout=30) == 1
            future = client.submit(noop_sleep, 60)
            combo._scheduler.kill()
            start = time.monotonic()
            with pytest.raises(DisconnectedError) as info:
                future.result(timeout=20)
            assert isinstance(info.value, TimeoutError)
            assert time.monotonic() - start < 8
            with pytest.raises(ClientQuitException):
                client.submit(noop, 1)
    finally:
        combo.shutdown()


def test_start_and_stop_over_and_over(combo: SchedulerClusterCombo) -> None:
    threads = threading.active_count()
    for number in range(30):
        start = time.monotonic()
        with Client(address=combo.get_address()) as client:
            assert client.submit(noop, number).result() == number
        assert time.monotonic() - start < 5
    assert threading.active_count() <= threads


def speak(text: str) -> int:
    print(text)
    print(text, "to stderr", file=sys.stderr)
    return len(text)


def test_output_of_tasks_appears_in_order_before_their_results(
    combo: SchedulerClusterCombo, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(combo.get_address(), stream_output=True) as client:
        for number in range(3):
            assert client.submit(speak, f"line {number}").result(30) == 6
            captured = capsys.readouterr()
            assert captured.out == f"line {number}\n"
            assert captured.err == f"line {number} to stderr\n"


def test_output_stays_with_the_worker_unless_it_is_asked_for(
    combo: SchedulerClusterCombo, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client(combo.get_address()) as client:
        assert client.submit(speak, "silent").result(30) == 6
    assert "silent" not in capsys.readouterr().out


def test_clients_in_event_loops(combo: SchedulerClusterCombo) -> None:
    async def work() -> int:
        async with Client(combo.get_address()) as client:
            futures = [client.submit(pow, number, 2) for number in range(5)]
            return sum(await asyncio.gather(*(_awaited(future) for future in futures)))

    async def _awaited(future: Any) -> int:
        value: int = await future
        return value

    assert asyncio.run(work()) == 30
