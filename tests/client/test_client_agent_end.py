"""How a client ends, by itself and by what happens to it, over a stand-in scheduler."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import os
import time
import warnings
import weakref

import pytest
from client_stand_ins import StandInScheduler, StandInStorage
from client_tasks import ADDRESS, eventually, identity

from scaler.client.client import Client
from scaler.utility.exceptions import (
    ClientQuitException,
    DisconnectedError,
    ObjectStorageException,
    SchedulerRefusedError,
)
from scaler.utility.identifiers import ClientID, ObjectID

CALLS = {
    "submit": lambda client: client.submit(identity, 1),
    "submit_verbose": lambda client: client.submit_verbose(identity, (1,), {}),
    "map": lambda client: client.map(identity, [(1,)]),
    "send_object": lambda client: client.send_object(1),
    "clear": lambda client: client.clear(),
}


@pytest.mark.parametrize("name", CALLS)
def test_stopped_client_quits(client: Client, name: str) -> None:
    client.disconnect()
    with pytest.raises(ClientQuitException, match="client is already stopped"):
        CALLS[name](client)


def test_disconnect_cancels_tells_and_closes(
    client: Client, scheduler: StandInScheduler, storage: StandInStorage
) -> None:
    scheduler.is_holding, scheduler.cancel_answer = True, None
    future = client.submit(identity, 1)
    start = time.monotonic()
    for _ in range(3):
        client.disconnect()
    assert time.monotonic() - start < 0.3
    assert future.cancelled()
    with pytest.raises(
        concurrent.futures.CancelledError, match="was cancelled because its client has left: get results"
    ):
        future.result()
    assert scheduler.sent.count("disconnect") == 1
    assert scheduler.is_closed
    assert storage.is_closed
    assert not client._agent._thread.is_alive()


def test_result_that_was_not_fetched_goes_with_its_client(client: Client) -> None:
    small, large = client.submit(identity, 1), client.submit(identity, b"x" * 50_000)
    assert eventually(lambda: small.done() and large.done())
    client.disconnect()
    assert small.result() == 1
    for _ in range(2):
        with pytest.raises(ObjectStorageException, match=r"has left.*result\(\).*before"):
            large.result()


def test_leaving_the_block_keeps_its_exception(scheduler: StandInScheduler) -> None:
    with pytest.raises(KeyError), Client(ADDRESS):
        raise KeyError
    assert "disconnect" in scheduler.sent


def test_refused_shutdown_leaves_everything(client: Client, scheduler: StandInScheduler) -> None:
    scheduler.is_holding = True
    future = client.submit(identity, 1)
    with pytest.raises(ValueError, match=r"Scheduler is in protected mode\. Can't shutdown"):
        client.shutdown()
    assert future.running()
    scheduler.run_held()
    assert future.result(10) == 1


def test_accepted_shutdown_stops_the_client(client: Client, scheduler: StandInScheduler) -> None:
    scheduler.is_protected = False
    client.shutdown()
    with pytest.raises(ClientQuitException):
        client.submit(identity, 1)


def test_every_call_after_the_end_says_so_but_disconnect(client: Client, scheduler: StandInScheduler) -> None:
    async def enter() -> None:
        async with client:
            raise AssertionError("the session has ended")

    client.disconnect()
    client.disconnect()
    for call in (
        lambda: client.submit(identity, 1),
        lambda: client.submit_verbose(identity, (1,), {}),
        lambda: client.map(identity, [(1,)]),
        lambda: client.map(identity, []),
        lambda: client.get({"a": 1}, ["a"]),
        lambda: client.send_object(1),
        client.clear,
        client.shutdown,
        client.__enter__,
        lambda: asyncio.run(enter()),
    ):
        with pytest.raises(ClientQuitException):
            call()
    assert repr(client).endswith("stopped>")


def test_shutdown_without_an_answer_is_bounded(scheduler: StandInScheduler) -> None:
    with Client(ADDRESS, timeout_seconds=1, heartbeat_interval_seconds=0.1) as client:
        scheduler.is_answering = False
        with pytest.raises(DisconnectedError):
            client.shutdown()


def test_lost_scheduler_fails_futures_with_a_distinct_error(client: Client, scheduler: StandInScheduler) -> None:
    from scaler.io.ymq.ymq import PeerEvent

    scheduler.is_holding = True
    future = client.submit(identity, 1)
    scheduler.deliver(PeerEvent.lost)
    with pytest.raises(DisconnectedError) as info:
        future.result(10)
    assert isinstance(info.value, TimeoutError)
    client.disconnect()
    assert "disconnect" not in scheduler.sent


def test_refused_connection_is_told_with_its_reason(client: Client, scheduler: StandInScheduler) -> None:
    from scaler.io.ymq.ymq import PeerEvent

    scheduler.is_holding = True
    future = client.submit(identity, 1)
    scheduler.deliver(PeerEvent.refused)
    with pytest.raises(SchedulerRefusedError, match=r"tcp://.* refused the connection: its identity is in use"):
        future.result(10)
    with pytest.raises(ClientQuitException) as info:
        client.submit(identity, 1)
    assert isinstance(info.value.__cause__, SchedulerRefusedError)


def test_client_that_loses_its_scheduler_deletes_what_it_has_stored(
    client: Client, scheduler: StandInScheduler, storage: StandInStorage
) -> None:
    """The scheduler that was lost may never have heard of it."""
    from scaler.io.ymq.ymq import PeerEvent

    others = ObjectID.generate_object_id(ClientID(b"Client|other"))
    storage.objects[others] = b"of another client"
    client.send_object([1, 2, 3])
    assert client.submit(identity, 1).result(10) == 1
    scheduler.deliver(PeerEvent.lost)
    assert eventually(lambda: storage.is_closed)
    assert list(storage.objects) == [others]


def test_client_ends_although_its_objects_cannot_be_deleted(
    client: Client, scheduler: StandInScheduler, storage: StandInStorage
) -> None:
    from scaler.io.ymq.ymq import PeerEvent

    storage.failure = ObjectStorageException("the storage is lost as well")
    scheduler.deliver(PeerEvent.lost)
    assert eventually(lambda: storage.is_closed)


def test_silent_scheduler_is_lost_within_the_timeout(scheduler: StandInScheduler) -> None:
    client = Client(ADDRESS, timeout_seconds=1, heartbeat_interval_seconds=0.2)
    scheduler.is_holding, scheduler.is_answering = True, False
    future = client.submit(identity, 1)
    start = time.monotonic()
    with pytest.raises(DisconnectedError):
        future.result(10)
    assert time.monotonic() - start < 2
    client.disconnect()


def test_dropped_client_leaves_without_blocking(scheduler: StandInScheduler) -> None:
    client = Client(ADDRESS)
    scheduler.is_holding = True
    future = client.submit(identity, 1)
    watch = weakref.ref(client)
    start = time.monotonic()
    del client
    gc.collect()
    assert watch() is None
    assert time.monotonic() - start < 10, "a fraction of what it would wait for an answer"
    assert eventually(lambda: scheduler.is_closed)
    assert "disconnect" in scheduler.sent
    assert future.cancelled()


def test_forked_child_gets_a_clear_error(client: Client, scheduler: StandInScheduler) -> None:
    scheduler.is_holding = True
    future = client.submit(identity, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads, which is the point
        pid = os.fork()
    if pid == 0:
        code = len(CALLS) + 2
        for call in (*CALLS.values(), lambda _: future.result(), lambda _: future.cancel()):
            with pytest.raises(RuntimeError, match="forked"):
                call(client)
            code -= 1
        client.disconnect()
        os._exit(code)
    assert os.waitpid(pid, 0)[1] == 0
    scheduler.run_held()
    assert future.result(10) == 1
