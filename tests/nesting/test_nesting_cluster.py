"""Tasks that submit tasks, on real workers."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from process_ends import wait_ended
from settle import check_no_failed_events

from scaler import Client, SchedulerClusterCombo
from scaler.cluster.scheduler_gauges import SchedulerGauges
from scaler.utility.exceptions import ProcessorDiedError

pytestmark = pytest.mark.timeout(150)


def square(value: int) -> int:
    return value * value


def sum_of_squares(client: Client, count: int) -> int:
    return sum(client.map(square, [(number,) for number in range(count)]))


def factorial(client: Client, number: int) -> int:
    return 1 if number == 0 else number * client.submit(factorial, client, number - 1).result()


def fibonacci(client: Client, number: int) -> int:
    if number < 2:
        return number
    futures = [client.submit(fibonacci, client, number - step) for step in (1, 2)]
    return sum(future.result() for future in futures)


def with_a_client_of_its_own(address: str | None, value: int) -> int:
    with Client(address=address) as client:
        return client.submit(square, value).result()


def in_a_thread(value: int) -> int:
    results = []

    def run() -> None:
        with Client() as client:
            results.append(client.submit(square, value).result())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


def graph_of_squares(client: Client, value: int) -> int:
    return client.get({"x": value, "y": (square, "x"), "z": (square, "y")}, ["z"])["z"]


def sleep_and_say(seconds: float, text: str) -> str:
    time.sleep(seconds)
    return text


def wait_for_a_child(client: Client, seconds: float) -> str:
    return client.submit(sleep_and_say, seconds, "OK").result()


def wait_for_two_and_name_them(client: Client) -> tuple[int, int, int]:
    first = client.submit(os.getpid).result()
    second = client.submit(os.getpid).result()
    return os.getpid(), first, second


@pytest.fixture(params=[False, True], ids=["soft", "hard"])
def narrow(request: pytest.FixtureRequest) -> Iterator[SchedulerClusterCombo]:
    """A cluster of one worker with a queue of one."""
    cluster = SchedulerClusterCombo(
        n_workers=1, per_worker_task_queue_size=1, hard_processor_suspend=request.param, logging_level="WARNING"
    )
    yield cluster
    try:
        check_no_failed_events(cluster.get_address())
    finally:
        cluster.shutdown()


def test_many_children(narrow: SchedulerClusterCombo) -> None:
    with Client(narrow.get_address()) as client:
        assert client.submit(sum_of_squares, client, 30).result(60) == sum(n * n for n in range(30))


def test_depth_beyond_the_number_of_workers(narrow: SchedulerClusterCombo) -> None:
    with Client(narrow.get_address()) as client:
        assert client.submit(factorial, client, 10).result(90) == 3628800


def test_fibonacci_of_12_on_one_worker(narrow: SchedulerClusterCombo) -> None:
    with Client(narrow.get_address()) as client:
        assert client.submit(fibonacci, client, 12).result(120) == 144


def test_clients_find_the_scheduler_in_tasks_and_in_their_threads(narrow: SchedulerClusterCombo) -> None:
    with Client(narrow.get_address()) as client:
        assert client.submit(with_a_client_of_its_own, None, 5).result(60) == 25
        assert client.submit(with_a_client_of_its_own, narrow.get_address(), 7).result(60) == 49
        assert client.submit(in_a_thread, 6).result(60) == 36


def wait_for_a_sleeping_child(client: Client, seconds: float) -> None:
    client.submit(time.sleep, seconds).result()


def test_the_time_a_task_stands_still_is_not_in_its_profile(narrow: SchedulerClusterCombo) -> None:
    with Client(narrow.get_address()) as client:
        parent = client.submit(wait_for_a_sleeping_child, client, 3)
        assert parent.result(60) is None
        assert parent.profiling_info().duration_s < 3


def identity_of(client: Client) -> bytes:
    return bytes(client.identity)


def test_tasks_of_one_processor_share_the_client_they_are_given(narrow: SchedulerClusterCombo) -> None:
    with Client(narrow.get_address()) as client, SchedulerGauges(narrow.get_address()) as gauges:
        identities = set(client.map(identity_of, [(client,) for _ in range(10)]))
        assert len(identities) == 1 and identities != {bytes(client.identity)}
        assert gauges.read(10)["clients"] == 2


def test_graphs_in_tasks(narrow: SchedulerClusterCombo) -> None:
    with Client(narrow.get_address()) as client:
        assert client.submit(graph_of_squares, client, 3).result(60) == 81


def test_processors_are_used_again(narrow: SchedulerClusterCombo) -> None:
    with Client(narrow.get_address()) as client:
        parent, first, second = client.submit(wait_for_two_and_name_them, client).result(60)
        assert parent != first == second
        again = client.submit(wait_for_two_and_name_them, client).result(60)
        assert set(again) == {parent, first}


def test_more_parents_than_slots_that_wait_for_children() -> None:
    cluster = SchedulerClusterCombo(n_workers=2, per_worker_task_queue_size=2, logging_level="WARNING")
    try:
        with Client(cluster.get_address()) as client:
            futures = [client.submit(fibonacci, client, 5) for _ in range(9)]
            assert [future.result(90) for future in futures] == [5] * 9
    finally:
        cluster.shutdown()


def test_a_client_in_a_task_that_stands_still_is_not_lost() -> None:
    """Its session lasts though it waits for longer than all time-outs."""
    cluster = SchedulerClusterCombo(
        n_workers=1, per_worker_task_queue_size=2, client_timeout_seconds=3, logging_level="WARNING"
    )
    try:
        with Client(cluster.get_address(), timeout_seconds=3) as client:
            assert client.submit(wait_for_a_child, client, 5.0).result(60) == "OK"
    finally:
        cluster.shutdown()


def processes_of(cluster: SchedulerClusterCombo) -> list[psutil.Process]:
    """Return the processor processes of the one worker."""
    [agent] = psutil.Process(cluster._cluster.pid).children()
    return [child for child in agent.children() if child.name() == "Processor"]


def wait_for_processors(cluster: SchedulerClusterCombo, count: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 30
    while len(found := processes_of(cluster)) != count:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def test_the_death_of_a_processor_that_stands_still_fails_its_task(narrow: SchedulerClusterCombo) -> None:
    with Client(narrow.get_address()) as client:
        client.submit(square, 1).result(30)
        [parent] = wait_for_processors(narrow, 1)
        future = client.submit(wait_for_a_child, client, 60.0)
        wait_for_processors(narrow, 2)
        time.sleep(0.5)
        parent.send_signal(signal.SIGKILL)
        with pytest.raises(ProcessorDiedError, match="SIGKILL"):
            future.result(30)
        assert client.submit(square, 3).result(30) == 9


def test_cancelling_a_task_that_stands_still_ends_its_children(narrow: SchedulerClusterCombo) -> None:
    with Client(narrow.get_address()) as client:
        client.submit(square, 1).result(30)
        future = client.submit(wait_for_a_child, client, 60.0)
        wait_for_processors(narrow, 2)
        time.sleep(0.5)
        assert future.cancel(timeout=30)
        began = time.monotonic()
        assert client.submit(square, 3).result(30) == 9
        assert time.monotonic() - began < 10


def test_nothing_that_stands_still_outlives_a_killed_agent(narrow: SchedulerClusterCombo) -> None:
    with Client(narrow.get_address()) as client:
        client.submit(wait_for_a_child, client, 60.0)
        processors = wait_for_processors(narrow, 2)
        time.sleep(0.5)
        [agent] = psutil.Process(narrow._cluster.pid).children()
        agent.kill()
        wait_ended(processors)
