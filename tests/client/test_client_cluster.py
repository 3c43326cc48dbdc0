"""The client against a real cluster of three workers."""

from __future__ import annotations

import concurrent.futures
import functools
import math
import os
import random
import signal
import threading
import time
from typing import Any

import numpy as np
import pytest
from client_tasks import noop, noop_sleep

from scaler import Client, SchedulerClusterCombo
from scaler.client.serializer.default import DefaultSerializer
from scaler.client.serializer.mixins import Serializer
from scaler.utility.exceptions import (
    MissingObjects,
    ProcessorDiedError,
)

pytestmark = pytest.mark.timeout(120)


def raise_on(value: int, bad: int) -> int:
    if value == bad:
        raise ValueError(f"bad {value}")
    return value


def many_arguments(a: Any, b: Any, c: Any = 3, d: Any = 0) -> tuple[Any, ...]:
    return a, b, c, d


def keyword_only(a: Any, *, b: Any) -> Any:
    return a - b


def length_times(payload: bytes, factor: int) -> int:
    return len(payload) * factor


def die_after(seconds: float) -> None:
    time.sleep(seconds)
    os._exit(1)


def concatenate(left: Any, right: Any) -> Any:
    return left + right


class HoldsLock(Exception):
    def __init__(self) -> None:
        super().__init__("cannot travel")
        self.lock = threading.Lock()


class NeedsArguments(Exception):
    def __init__(self, first: int, second: int) -> None:
        super().__init__(first + second)


def raise_kind(kind: type[BaseException], *args: Any) -> None:
    raise kind(*args)


class TaggedSerializer(Serializer):
    @staticmethod
    def serialize(obj: Any) -> bytes:
        return b"tagged" + DefaultSerializer.serialize(obj)

    @staticmethod
    def deserialize(payload: bytes) -> Any:
        assert payload.startswith(b"tagged")
        return DefaultSerializer.deserialize(payload[6:])


@pytest.fixture
def client(cluster_client: Client) -> Client:
    return cluster_client


# --- waiting


def test_a_wait_that_is_interrupted_goes_on_later(client: Client) -> None:
    main = threading.main_thread().ident
    assert main is not None
    for _ in range(3):
        assert [client.submit(math.sqrt, 16).result(timeout=30) for _ in range(20)] == [4.0] * 20
        future = client.submit(time.sleep, 1.0)
        timer = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
        timer.start()
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            future.result(timeout=30)
        assert time.monotonic() - start < 1.0
        timer.join()
        assert future.result(timeout=30) is None


def test_many_threads_wait_for_futures_in_many_ways(client: Client) -> None:
    def ask(number: int) -> list[float]:
        results = []
        for round_number in range(20):
            futures = [client.submit(math.sqrt, (number + index) ** 2) for index in range(3)]
            if round_number % 3 == 0:
                concurrent.futures.wait(futures, 30)
            elif round_number % 3 == 1:
                assert len(list(concurrent.futures.as_completed(futures, 30))) == 3
            results += [future.result(timeout=30) for future in futures]
        return results

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for number, results in enumerate(pool.map(ask, range(6))):
            assert results == [number, number + 1, number + 2] * 20


# --- submitting


def test_one_submit(client: Client) -> None:
    assert client.submit(noop, 1).result() == 1


def test_one_map(client: Client) -> None:
    assert client.map(noop, [(1,), (2,)]) == [1, 2]


def test_submit_and_map(client: Client) -> None:
    values = [random.randint(0, 1_000_000) for _ in range(100)]
    assert client.map(noop, [(value,) for value in values]) == values
    futures = [client.submit(noop, value) for value in values]
    assert [future.result() for future in futures] == values


def test_many_submits(client: Client) -> None:
    futures = [client.submit(noop, value) for value in range(10_000)]
    assert [future.result() for future in futures] == list(range(10_000))


def test_large_map(client: Client) -> None:
    assert client.map(noop, [(value,) for value in range(10_000)]) == list(range(10_000))


def test_sleeping_tasks(client: Client) -> None:
    futures = [client.submit(noop_sleep, 0.05) for _ in range(30)]
    assert [future.result() for future in futures] == [0.05] * 30


def test_functions(client: Client) -> None:
    assert client.submit(many_arguments, 1, c=4, b=2).result() == (1, 2, 4, 0)
    assert client.submit(many_arguments, a=5, b=3, c=1, d=4).result() == (5, 3, 1, 4)
    assert client.submit(many_arguments, 1, 2, d=9).result() == (1, 2, 3, 9)
    assert client.submit(functools.partial(many_arguments, 5, 6), 1, 2).result() == (5, 6, 1, 2)
    assert client.submit(keyword_only, 5, b=2).result() == 3
    assert client.submit(lambda x: x * 2, 4).result() == 8
    assert client.submit(math.sqrt, 16.0).result() == 4.0
    for wrong in (
        lambda: client.submit(many_arguments, 1),
        lambda: client.submit(keyword_only, 5),
        lambda: client.submit(many_arguments, 1, 2, e=3),
    ):
        with pytest.raises(TypeError):
            wrong()


def test_map_of_rows(client: Client) -> None:
    assert client.map(concatenate, [(1, 2), [3, 4]]) == [3, 7]
    assert client.map(concatenate, ((i, i) for i in range(3))) == [0, 2, 4]
    assert client.map(noop, []) == []


def test_readme_capabilities(client: Client) -> None:
    assert client.submit_verbose(round, args=(3.15,), kwargs={}, capabilities={}).result() == 3


# --- failures


def test_raised_exception(client: Client) -> None:
    futures = [client.submit(raise_on, i, 57) for i in range(100)]
    with pytest.raises(ValueError, match="bad 57"):
        [future.result() for future in futures]
    assert futures[56].result() == 56


def test_failing_map_leaves_the_client_usable(client: Client) -> None:
    other = client.submit(noop_sleep, 0.2)
    with pytest.raises(ValueError, match="bad 3"):
        client.map(raise_on, [(i, 3) for i in range(20)])
    assert other.result() == 0.2
    assert client.submit(noop, 1).result() == 1


def test_processor_died(client: Client) -> None:
    with pytest.raises(ProcessorDiedError):
        client.submit(die_after, 0.1).result(timeout=30)
    assert client.submit(noop, 1).result(timeout=30) == 1


@pytest.mark.parametrize(
    ("kind", "args", "text"),
    [(HoldsLock, (), "cannot travel"), (NeedsArguments, (1, 2), "3")],
    ids=["unpicklable", "own constructor"],
)
def test_difficult_exceptions(client: Client, kind: type[BaseException], args: Any, text: str) -> None:
    failure = client.submit(raise_kind, kind, *args).exception(timeout=30)
    assert failure is not None
    assert not isinstance(failure, ProcessorDiedError)
    assert text in str(failure)


def test_result_that_cannot_be_serialized(client: Client) -> None:
    failure = client.submit(threading.Lock).exception(timeout=30)
    assert failure is not None
    assert "pickle" in str(failure)


# --- objects


def test_send_object(client: Client) -> None:
    reference = client.send_object([1, 2, 3, 4, 5, 6])
    assert [future.result() for future in [client.submit(len, reference) for _ in range(5)]] == [6] * 5
    numbers = client.send_object(3)
    assert client.map(concatenate, [(numbers, 3), (6, numbers)]) == [6, 9]


def test_send_named_object(client: Client) -> None:
    reference = client.send_object([1, 2], name="left")
    assert reference.name == b"left"
    assert client.submit(concatenate, reference, [3]).result() == [1, 2, 3]


def test_clear(client: Client) -> None:
    reference = client.send_object([1])
    finished = client.submit(noop, reference)
    assert finished.result() == [1]
    unfinished = client.submit(noop_sleep, 30, reference)
    start = time.monotonic()
    client.clear()
    assert time.monotonic() - start < 10
    assert not finished.cancelled()
    assert unfinished.cancelled()
    with pytest.raises(concurrent.futures.CancelledError):
        unfinished.result()
    with pytest.raises(MissingObjects):
        client.submit(noop, reference)
    assert client.submit(noop, 5).result() == 5


def test_arrays(client: Client) -> None:
    value = np.random.default_rng(1).normal(size=(500, 500))
    result = client.submit(noop, value).result()
    np.testing.assert_array_equal(result, value)
    result += 1
    assert client.map(np.sum, [(np.full(100_000, i),) for i in range(10)]) == [100_000 * i for i in range(10)]


def increase(array: Any) -> float:
    array += 1
    return float(array.sum())


@pytest.mark.parametrize("shared_memory", [True, False])
def test_shared_arrays_are_read_only_and_results_are_not(shared_memory: bool) -> None:
    with (
        SchedulerClusterCombo(n_workers=1, shared_memory=shared_memory) as combo,
        Client(address=combo.get_address()) as client,
    ):
        shared = client.send_object(np.zeros(100_000))
        for _ in range(2):
            with pytest.raises(ValueError, match="read-only"):
                client.submit(increase, shared).result()
        assert client.submit(np.sum, shared).result() == 0
        result = client.submit(noop, shared).result()
        result += 1
        assert client.submit(np.add, shared, 2.0).result().sum() == 200_000
        assert increase(client.submit(np.multiply, shared, 2.0).result()) == 100_000


def test_heavy_function(client: Client) -> None:
    function = functools.partial(length_times, b"x" * (50 << 20))
    assert client.map(function, [(i,) for i in range(1000)]) == [(50 << 20) * i for i in range(1000)]


VERY_LARGE_BYTES = 2**29 + 300


@pytest.mark.timeout(400)
def test_very_large_function(client: Client) -> None:
    function = functools.partial(length_times, b"x" * VERY_LARGE_BYTES)
    assert client.submit(function, 3).result() == 3 * VERY_LARGE_BYTES


@pytest.mark.timeout(400)
def test_very_large_payload(client: Client) -> None:
    payload = os.urandom(1024) * (VERY_LARGE_BYTES // 1024) + os.urandom(VERY_LARGE_BYTES % 1024)
    assert len(payload) == VERY_LARGE_BYTES
    assert client.submit(noop, payload).result() == payload


def test_unread_result_of_an_unhashable_argument(combo: SchedulerClusterCombo) -> None:
    with Client(address=combo.get_address()) as client:
        client.submit(noop, [1, 2])


def test_custom_serializer(combo: SchedulerClusterCombo) -> None:
    with Client(address=combo.get_address(), serializer=TaggedSerializer()) as client:
        assert client.submit(noop, 1).result() == 1
        heavy = functools.partial(length_times, b"x" * (20 << 20))
        assert client.map(heavy, [(i,) for i in range(5)]) == [(20 << 20) * i for i in range(5)]
        with pytest.raises(ValueError, match="bad 1"):
            client.submit(raise_on, 1, 1).result()


# --- cancelling


def test_cancel_many(client: Client) -> None:
    futures = [client.submit(noop_sleep, 10, 1, 1) for _ in range(30)]
    start = time.monotonic()
    assert all(future.cancel(timeout=20) for future in futures)
    assert all(future.cancelled() for future in futures)
    assert time.monotonic() - start < 20
    assert client.submit(noop, 1).result(timeout=20) == 1


def test_cancel_at_once_over_and_over(client: Client) -> None:
    for number in range(200):
        future = client.submit(noop, number)
        assert future.cancel(timeout=10) or future.result(timeout=10) == number


def test_cancel_a_finished_task(client: Client) -> None:
    future = client.submit(noop, 1)
    assert future.result() == 1
    assert future.cancel() is False
    assert not future.cancelled()


# --- futures


def test_callback(client: Client) -> None:
    seen: list[Any] = []
    is_over = threading.Event()

    def callback(future: Any) -> None:
        seen.append((future.done(), future.result()))
        is_over.set()

    client.submit(math.sqrt, 16.0).add_done_callback(callback)
    assert is_over.wait(10)
    assert seen == [(True, 4.0)]


def test_as_completed(client: Client) -> None:
    future = client.submit(math.sqrt, 100.0)
    assert [done.result() for done in concurrent.futures.as_completed([future], timeout=5)] == [10.0]


def test_state(client: Client) -> None:
    future = client.submit(noop_sleep, 0.5)
    assert future.running()
    assert not future.done()
    future.result()
    assert not future.running()
    assert future.done()


def test_exception(client: Client) -> None:
    future = client.submit(math.sqrt, "16")
    with pytest.raises(TypeError):
        future.result()
    assert isinstance(future.exception(), TypeError)
    assert future.done()


def test_profile(client: Client) -> None:
    future = client.submit(noop_sleep, 0.2)
    with pytest.raises(ValueError, match="didn't receive profiling info"):
        future.profiling_info()
    future.result()
    assert future.profiling_info().duration_s > 0.1


def work_for(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_profile_of_work_and_of_waiting(client: Client) -> None:
    busy = client.submit(work_for, 0.3, profiling=True)  # a keyword that older programs pass
    waiting = client.submit(lambda: time.sleep(0.3), profiling=True)  # which imports nothing
    busy.result()
    waiting.result()
    assert busy.profiling_info().cpu_time_s > 0.2
    assert waiting.profiling_info().cpu_time_s < 0.2
