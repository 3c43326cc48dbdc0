"""Objects, cancelling and callbacks of a client over a stand-in scheduler."""

from __future__ import annotations

import concurrent.futures
import gc
import pickle
import threading
import time
from typing import Any

import pytest
from client_stand_ins import StandInScheduler, StandInStorage
from client_tasks import ADDRESS, add, eventually, identity

from scaler.client.client import Client
from scaler.client.object_reference import ObjectReference
from scaler.protocol import codec
from scaler.utility.exceptions import MissingObjects
from scaler.utility.identifiers import ClientID, ObjectID


def test_send_object(client: Client, storage: StandInStorage) -> None:
    reference = client.send_object([1, 2, 3], name="numbers")
    assert isinstance(reference, ObjectReference)
    assert reference.name == b"numbers"
    assert reference.size == len(storage.objects[bytes(reference.object_id)])
    assert repr(reference).startswith("ObjectReference(name=b'numbers', size=")
    assert client.submit(len, reference).result(10) == 3
    assert client.submit(add, 1, b=2, c=client.send_object(3)).result(10) == 6
    assert client.map(len, [(reference,)] * 2) == [3, 3]
    assert client.submit(type, [reference]).result(10) is list


def test_references_compare_by_their_object(client: Client) -> None:
    one, two = client.send_object(1), client.send_object(1)
    assert one != two
    assert one == pickle.loads(pickle.dumps(one))
    assert len({one, two, pickle.loads(pickle.dumps(one))}) == 2


def test_foreign_reference_is_missing(client: Client) -> None:
    foreign = ObjectReference(b"", 1, ObjectID.generate_object_id(ClientID.generate_client_id()))
    for call in (
        lambda: client.submit(identity, foreign),
        lambda: client.submit(identity, value=foreign),
        lambda: client.map(identity, [(1,), (foreign,)]),
    ):
        with pytest.raises(MissingObjects):
            call()


def test_graph_is_not_sent_when_what_a_key_stands_for_is_missing(client: Client, scheduler: StandInScheduler) -> None:
    foreign = ObjectReference(b"", 1, ObjectID.generate_object_id(ClientID.generate_client_id()))
    cleared = client.send_object(1)
    client.clear()
    for reference in (foreign, cleared):
        with pytest.raises(MissingObjects):
            client.get({"data": reference, "call": (identity, "value"), "value": 1}, ["call", "data"], block=False)
    assert scheduler.sent_of(codec.GraphTask) == []
    assert client._agent._core.sizes()["graphs"] == 0


def test_clear(client: Client, scheduler: StandInScheduler) -> None:
    reference = client.send_object("x")
    finished = client.submit(identity, reference)
    assert finished.result(10) == "x"
    scheduler.is_holding = True
    unfinished = client.submit(identity, reference)
    client.clear()
    scheduler.is_holding = False
    assert not finished.cancelled()
    assert unfinished.cancelled()
    with pytest.raises(concurrent.futures.CancelledError):
        unfinished.result()
    with pytest.raises(MissingObjects):
        client.submit(identity, reference)
    assert client.submit(identity, 5).result(10) == 5
    assert bytes(reference.object_id) in scheduler.deleted()
    assert ObjectID.generate_serializer_object_id(client.identity) not in scheduler.deleted()


def test_clear_keeps_unfetched_results_of_ended_futures(client: Client) -> None:
    future = client.submit(identity, b"x" * 50_000)
    assert eventually(future.done)
    client.clear()
    assert future.result(10) == b"x" * 50_000


def test_clear_without_verdicts_is_bounded(scheduler: StandInScheduler) -> None:
    scheduler.is_holding, scheduler.cancel_answer = True, None
    with Client(ADDRESS, timeout_seconds=1, heartbeat_interval_seconds=0.1) as client:
        futures = [client.submit(identity, 1) for _ in range(5)]
        start = time.monotonic()
        client.clear()
        assert 0.5 < time.monotonic() - start < 3
        assert all(future.cancelled() for future in futures)
        assert len(scheduler.sent_of(codec.TaskCancel)) == 5


def test_unread_result_is_deleted_when_its_future_goes(client: Client, scheduler: StandInScheduler) -> None:
    future = client.submit(identity, b"x" * 50_000)
    assert eventually(future.done)
    result_id = future._outcome.object_id
    del future
    gc.collect()
    client.submit(identity, 1).result(10)
    assert eventually(lambda: bytes(result_id) in scheduler.deleted())


def test_cancel(client: Client, scheduler: StandInScheduler) -> None:
    scheduler.is_holding = True
    future = client.submit(identity, 1)
    assert future.cancel(timeout=10) is True
    with pytest.raises(concurrent.futures.CancelledError):
        future.result()
    scheduler.is_holding = False
    done = client.submit(identity, 1)
    done.result(10)
    assert done.cancel() is False
    assert len(scheduler.sent_of(codec.TaskCancel)) == 1


def test_cancels_and_results_race(client: Client, scheduler: StandInScheduler) -> None:
    """Whatever wins, every future ends, and the agent has no error."""
    scheduler.cancel_answer = codec.TaskCancelConfirmType.cancelNotFound
    futures = [client.submit(identity, number) for number in range(500)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda future: future.cancel(10), futures))
    for number, (future, verdict) in enumerate(zip(futures, verdicts, strict=True)):
        assert future.cancelled() is verdict
        assert verdict or future.result(10) == number
    assert client._agent._core.counters["bad messages"] == 0


def test_callback_may_use_the_client(client: Client) -> None:
    results: list[Any] = []
    is_over = threading.Event()

    def callback(future: Any) -> None:
        results.append(client.submit(add, future.result()).result(10))
        is_over.set()

    client.submit(identity, 1).add_done_callback(callback)
    assert is_over.wait(10)
    assert results == [111]


def test_callback_fetches_a_large_result_off_the_receiving_thread(client: Client, scheduler: StandInScheduler) -> None:
    names: list[str] = []
    is_over = threading.Event()
    scheduler.is_holding = True
    future = client.submit(identity, b"x" * 50_000)
    future.add_done_callback(lambda done: (names.append(threading.current_thread().name), is_over.set()))
    scheduler.run_held()
    assert is_over.wait(10)
    assert "callbacks" in names[0]
    assert not future.has_stored_result()
