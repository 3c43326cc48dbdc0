"""The connection of a viewer: with a publisher that does as it is told, and with a real cluster."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scaler import Client, Cluster, SchedulerClusterCombo
from scaler.config.types.worker import WorkerNames
from scaler.io.ymq.ymq import Context, IOSocketType, Role, Socket, YMQException
from scaler.monitor.events import Event, Reported, SnapshotBegan, TaskEnded, TaskPlaced, WorkerConnected
from scaler.monitor.subscriber import MonitorSubscriber
from scaler.protocol import message
from scaler.scheduler.task.monitor_state import MonitorState
from tests.monitor.publisher import DEADLINE_SECONDS, Publisher


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    yield publisher
    publisher.socket.close(0)


def receive_until(subscriber: MonitorSubscriber, is_enough: Callable[[list[Event]], bool]) -> list[Event]:
    """Return the events up to the one that is enough."""
    events: list[Event] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_enough(events):
        assert time.monotonic() < deadline, events
        events += subscriber.receive(1.0)
    return events


# -- with a publisher


def test_a_subscriber_is_complete_with_its_snapshot(publisher: Publisher) -> None:
    with MonitorSubscriber(publisher.address) as subscriber:
        publisher.tell(publisher.wait_for_subscriber(), 7, isSnapshot=True)
        subscriber.wait_until_complete(DEADLINE_SECONDS)
        publisher.socket.send(b"", b"nonsense")
        publisher.tell(b"", 7)
        assert receive_until(subscriber, bool) == [Reported()]
        assert (subscriber.malformed, subscriber.model.lost_messages) == (1, 0)


def test_a_subscriber_that_missed_messages_connects_again(publisher: Publisher) -> None:
    with MonitorSubscriber(publisher.address) as subscriber:
        first = publisher.wait_for_subscriber()
        publisher.tell(first, 7, isSnapshot=True)
        publisher.tell(b"", 10)
        receive_until(subscriber, lambda _: subscriber.model.needs_snapshot or subscriber.model.lost_messages == 3)
        receive_until(subscriber, lambda _: not subscriber.model.needs_snapshot)  # within a second it has reconnected
        second = publisher.wait_for_subscriber()
        publisher.tell(second, 20, isSnapshot=True)
        subscriber.wait_until_complete(DEADLINE_SECONDS)
        assert (second != first, subscriber.model.lost_messages) == (True, 3)


def test_a_subscriber_outlives_its_scheduler(publisher: Publisher) -> None:
    with MonitorSubscriber(publisher.address) as subscriber:
        publisher.tell(publisher.wait_for_subscriber(), 7, isSnapshot=True)
        subscriber.wait_until_complete(DEADLINE_SECONDS)
        publisher.socket.close(0)
        receive_until(subscriber, lambda _: not subscriber.model.is_complete)
        successor = Publisher(publisher.address)
        try:
            successor.tell(successor.wait_for_subscriber(), 0, isSnapshot=True)
            assert receive_until(subscriber, bool) == [SnapshotBegan()]
            assert subscriber.model.is_complete
        finally:
            successor.socket.close(0)


def test_a_scheduler_that_is_not_there_is_named(chosen_port: int) -> None:
    address = f"tcp://127.0.0.1:{chosen_port}"
    with (
        MonitorSubscriber(address) as subscriber,
        pytest.raises(TimeoutError, match=f"cannot connect to the monitor at {address} in 0.2 seconds"),
    ):
        subscriber.wait_until_complete(0.2)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(YMQException):
        MonitorSubscriber("nowhere")


def test_interrupt_lets_receive_return(publisher: Publisher) -> None:
    with MonitorSubscriber(publisher.address) as subscriber:
        publisher.wait_for_subscriber()
        receive_until(subscriber, lambda _: True)
        subscriber.interrupt()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline and subscriber.receive(DEADLINE_SECONDS):
            pass
        assert time.monotonic() < deadline


def test_what_a_subscriber_that_does_not_read_has_no_room_for_is_dropped_and_counted(publisher: Publisher) -> None:
    context = Context(1)
    deaf = Socket(context, b"deaf", IOSocketType.Unicast, role=Role.monitor, inbound_bound_bytes=1 << 20)
    deaf.connect(publisher.address)
    publisher.wait_for_subscriber()
    with MonitorSubscriber(publisher.address) as subscriber:
        publisher.tell(publisher.wait_for_subscriber(), 0, isSnapshot=True)
        subscriber.wait_until_complete(DEADLINE_SECONDS)
        large = message.encode("stateTask", taskId=b"t" * 16, metadata=bytes(1 << 20))
        for _ in range(200):
            publisher.socket.send(b"deaf", large)  # never waits
        assert publisher.socket.statistics().dropped_messages > 50
        publisher.tell(b"", 0)
        assert receive_until(subscriber, bool) == [Reported()]  # others get theirs
    deaf.close(0)


# -- with a cluster


def sleep_and_return(seconds: float, value: int) -> int:
    time.sleep(seconds)
    return value


def one_worker(combo: SchedulerClusterCombo) -> Cluster:
    """Return another worker for a cluster, not started."""
    config = dataclasses.replace(
        combo._cluster._config, object_storage_address=None, num_of_workers=1, worker_names=WorkerNames(["w"])
    )
    return Cluster.from_config(config)


def test_a_viewer_that_comes_late_sees_a_running_cluster(leftovers: Any) -> None:
    with SchedulerClusterCombo(n_workers=2, per_worker_capabilities={"gpu": 1}, logging_level="ERROR") as combo:
        combo.wait_for_workers()
        with Client(combo.get_address()) as client:
            assert client.submit(pow, 2, 5).result(timeout=DEADLINE_SECONDS) == 32
            futures = [client.submit(sleep_and_return, 3.0, number) for number in range(2)]
            with MonitorSubscriber(combo._scheduler.monitor_address.to_address()) as subscriber:
                subscriber.wait_until_complete(DEADLINE_SECONDS)
                model = subscriber.model
                receive_until(subscriber, lambda _: len(model.tasks) == 2)
                assert {worker.capabilities["gpu"] for worker in model.workers.values()} == {1}
                assert {task.function_name for task in model.tasks.values()} == {"sleep_and_return"}
                assert {task.worker_id for task in model.tasks.values()} <= set(model.workers)
                ends = [
                    event.task
                    for event in receive_until(subscriber, lambda _: not model.tasks)
                    if isinstance(event, TaskEnded)
                ]
                assert {end.state for end in ends} == {MonitorState.success}
                assert {end.function_name for end in ends} == {"sleep_and_return"}
                assert all(end.profile is not None and end.profile.duration_s > 2 for end in ends)
                assert {end.worker_id for end in ends} <= set(model.workers)
                assert sorted(future.result(timeout=DEADLINE_SECONDS) for future in futures) == [0, 1]
                receive_until(subscriber, lambda _: model.report.ended.get(MonitorState.success) == 3)
                assert list(model.clients.values()) == [0]
                assert model.report.received["Task"] == model.report.sent["Task"] == 3
                assert (model.lost_messages, model.ignored, subscriber.malformed) == (0, 0, 0)
    leftovers.wait_until_none(1.0)


def test_workers_and_tasks_are_told_as_they_come(leftovers: Any) -> None:
    with (
        SchedulerClusterCombo(n_workers=0, logging_level="ERROR") as combo,
        MonitorSubscriber(combo._scheduler.monitor_address.to_address()) as subscriber,
        Client(combo.get_address()) as client,
    ):
        subscriber.wait_until_complete(DEADLINE_SECONDS)
        model = subscriber.model
        future = client.submit(pow, 2, 5)
        receive_until(subscriber, lambda _: bool(model.report.shortages))
        assert model.report.shortages[0].waits_for == "no worker is connected"
        cluster = one_worker(combo)
        cluster.start()
        try:
            events = receive_until(subscriber, lambda seen: any(isinstance(event, TaskEnded) for event in seen))
            assert future.result(timeout=DEADLINE_SECONDS) == 32
        finally:
            cluster.terminate()
            cluster.join()
        kinds = [type(event) for event in events if not isinstance(event, Reported)]
        assert kinds == [WorkerConnected, TaskPlaced, TaskEnded]
    leftovers.wait_until_none(1.0)
