"""The client over a stand-in scheduler: real messages and threads, no sockets."""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import io
import logging
import pickle
import sys
import threading
import time
from typing import Any

import pytest
from client_stand_ins import StandInScheduler, StandInStorage
from client_tasks import ADDRESS, eventually, identity
from interruption import Interruption

from scaler.client.client import Client
from scaler.client.serializer.default import DefaultSerializer
from scaler.protocol import codec
from scaler.utility.exceptions import (
    ClientQuitException,
    DeserializeObjectError,
    DisconnectedError,
)
from scaler.utility.identifiers import ClientID, ObjectID

# --- starting


def test_start_registers_and_stores_the_serializer(client: Client, scheduler: StandInScheduler) -> None:
    assert scheduler.sent[0] == "clientHeartbeat"
    announcement = scheduler.sent[1]
    assert announcement.instruction_type == codec.ObjectInstructionType.create
    assert announcement.object_user == client.identity
    assert announcement.object_names == [b"serializer"]
    assert announcement.object_ids == [ObjectID.generate_serializer_object_id(client.identity)]
    assert isinstance(scheduler.stored_serializer(), DefaultSerializer)
    assert isinstance(client.identity, ClientID)


def test_no_answer_within_the_timeout(scheduler: StandInScheduler) -> None:
    scheduler.is_answering = False
    start = time.monotonic()
    with pytest.raises(DisconnectedError, match=r"tcp://stand-in:1 .*0\.3 seconds") as info:
        Client(ADDRESS, timeout_seconds=0.3, heartbeat_interval_seconds=0.1)
    assert isinstance(info.value, TimeoutError)
    assert time.monotonic() - start < 5
    assert scheduler.is_closed


def test_the_address_of_a_monitor_stream_is_told_from_that_of_a_scheduler(
    scheduler: StandInScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    from scaler.protocol import message

    scheduler.is_answering = False
    for _ in range(2):
        scheduler.deliver(message.encode("stateScheduler"))
    with pytest.raises(DisconnectedError, match="is the monitor stream of a scheduler"):
        Client(ADDRESS, timeout_seconds=20)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"address": 5}, "address must be a text like tcp://127.0.0.1:2345, got 5"),
        ({"address": ADDRESS, "serializer": 5}, "serializer must be an object of a class derived from .*got 5"),
        ({"address": ADDRESS, "serializer": DefaultSerializer}, "serializer must be an object .*got <class"),
    ],
)
def test_settings_of_other_types_are_type_errors(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        Client(**settings)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "http://127.0.0.1:1", "tcp://127.0.0.1", "tcp://127.0.0.1:port"])
def test_malformed_address_is_a_value_error(address: str) -> None:
    with pytest.raises(ValueError):  # the texts belong to the address type
        Client(address)


@pytest.mark.parametrize(
    "times",
    [
        {"timeout_seconds": 0},
        {"heartbeat_interval_seconds": -1},
        {"timeout_seconds": float("nan")},
        {"heartbeat_interval_seconds": float("inf")},
    ],
    ids=str,
)
def test_times_that_are_not_positive_are_value_errors(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(times))} must be positive"):
        Client(ADDRESS, **times)


def test_the_variable_for_a_network_backend_is_checked(
    scheduler: StandInScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCALER_NETWORK_BACKEND", "tcp_zmq")
    with pytest.warns(RuntimeWarning, match="SCALER_NETWORK_BACKEND=tcp_zmq has no effect"):
        Client(ADDRESS).disconnect()
    monkeypatch.setenv("SCALER_NETWORK_BACKEND", "pigeon")
    with pytest.raises(ValueError, match="SCALER_NETWORK_BACKEND=pigeon: expected ymq or tcp_zmq"):
        Client(ADDRESS)


def test_finalizers_may_use_the_client_anywhere(client: Client) -> None:
    """The garbage collector calls finalizers in any thread, also while that holds the client's locks."""
    agent = client._agent
    with agent._lock, agent.future_lock:
        assert client.submit(identity, 1).cancelled() is False
        agent._core.on_tick(time.monotonic())


# --- tasks


def test_results_of_no_op_tasks_in_order(client: Client) -> None:
    futures = [client.submit(identity, number) for number in range(10_000)]
    assert [future.result(30) for future in futures] == list(range(10_000))
    assert client._agent._core.sizes()["tasks"] == 0


def test_threads_submit_concurrently(client: Client) -> None:
    def submit_some(base: int) -> list[Any]:
        return [client.submit(identity, [base + i, b"x" * 40_000]) for i in range(50)]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for base, futures in enumerate(pool.map(submit_some, range(8))):
            assert [future.result(30)[0] for future in futures] == [base + i for i in range(50)]


def test_undecodable_result_fails_only_its_future(client: Client, scheduler: StandInScheduler) -> None:
    scheduler.is_holding = True
    bad, good = client.submit(identity, 1), client.submit(identity, 2)
    scheduler.answer(scheduler.held.pop(0), b"garbage", codec.TaskResultType.success)
    scheduler.run_held()
    for _ in range(2):
        with pytest.raises(DeserializeObjectError):
            bad.result(10)
    assert good.result(10) == 2


def test_bad_message_is_logged_and_counted(
    client: Client, scheduler: StandInScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    from scaler.protocol import message

    with caplog.at_level(logging.ERROR):
        scheduler.deliver(b"garbage")
        scheduler.deliver(codec.ProcessorInitialized().encode())
        scheduler.deliver(message.encode("stateClient"))
        assert client.submit(identity, 1).result(10) == 1
    assert client._agent._core.counters["bad messages"] == 3
    assert len(caplog.records) == 3


def test_unexpected_end_of_the_thread_fails_every_future(
    client: Client, scheduler: StandInScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler.is_holding = True
    future = client.submit(identity, 1)

    def broken(timeout_seconds: float, into: Any) -> None:
        raise RuntimeError("a bug")

    scheduler.receive = broken  # type: ignore[method-assign]
    scheduler.interrupt()
    with pytest.raises(RuntimeError, match="a bug"):
        future.result(10)
    assert eventually(lambda: scheduler.is_closed)
    with pytest.raises(ClientQuitException) as info:
        client.submit(identity, 1)
    assert str(info.value.__cause__) == "a bug"


class AlarmError(Exception):
    """What the handler of a signal raises to end a call."""


@pytest.mark.parametrize("kind", [KeyboardInterrupt, AlarmError])
def test_a_wait_that_is_interrupted_anywhere_loses_nothing(
    client: Client, scheduler: StandInScheduler, kind: type[BaseException]
) -> None:
    reception, main = client._agent._reception, threading.get_ident()
    take = reception._take
    reception._take = lambda own: own == main and take(own)  # type: ignore[method-assign]
    assert client.submit(identity, 1).result(10) == 1  # after which the client's thread receives no more
    for place in range(10_000):
        future, other = client.submit(identity, place), client.submit(identity, b"x" * 2000)
        interruption = Interruption(place, "/scaler/client/", kind)
        raised = None
        try:
            with interruption:
                future.result(10)
        except kind as error:
            raised = error
        assert interruption.has_struck == (raised is not None)
        assert future.result(10) == place
        assert other.result(10) == b"x" * 2000
        if not interruption.has_struck:
            break
    assert place > 30  # compiled modules have none of their own
    assert client._agent._core.counters["bad messages"] == 0


def test_a_wait_that_is_interrupted_just_before_the_end_leaves_no_future_behind(scheduler: StandInScheduler) -> None:
    for place in range(1_000):
        scheduler.is_holding, scheduler.is_closed = False, False
        interruption = Interruption(place, "/scaler/client/agent/core")
        with Client(ADDRESS) as client, contextlib.suppress(KeyboardInterrupt):
            client.submit(identity, 1).result(10)  # after which the client's thread leaves receiving to this one
            scheduler.is_holding = True
            futures = [client.submit(identity, number) for number in range(2)]
            scheduler.run_held()
            with interruption:
                futures[1].result(10)
        assert eventually(lambda: all(future.done() for future in futures), 2)  # noqa: B023  # it is called at once
        if not interruption.has_struck:
            break
        scheduler.deliver(scheduler._events.connected)  # for the next session on the one stand-in
    assert place > 5


def test_what_tasks_print_cannot_end_the_client(
    client: Client, scheduler: StandInScheduler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed = io.StringIO()
    closed.close()
    for stream in (io.TextIOWrapper(io.BytesIO(), "ascii"), None, closed):
        monkeypatch.setattr(sys, "stdout", stream)
        scheduler.is_holding = True
        future = client.submit(identity, 1)
        log = codec.TaskLog(task_id=future.task_id, log_type=codec.LogType.stdout, content="é")
        scheduler.deliver(log.encode())
        scheduler.run_held()
        assert future.result(10) == 1
    assert client._agent._core.counters["failed endings"] == 1  # of the closed one
    assert len(caplog.records) == 1
    assert not client._agent.is_stopped


# --- map


def test_a_graph_is_known_before_it_is_sent(client: Client, scheduler: StandInScheduler) -> None:
    """Its results, and its end, may be back before the call that sends it returns."""

    def answer_at_once(frames: Any, is_stopping: Any, may_wait: bool = False) -> None:
        for frame in frames:
            graph = codec.decode(frame)
            if isinstance(graph, codec.GraphTask):
                success = codec.TaskResultType.success
                value = pickle.dumps(7)
                for target in graph.targets:
                    scheduler.deliver(codec.TaskResult(task_id=target, result_type=success, value=value).encode())
                scheduler.deliver(codec.TaskResult(task_id=graph.task_id, result_type=success).encode())
                assert eventually(lambda: scheduler._inbox.empty() and client._agent._core.sizes()["graphs"] == 0)
            else:
                scheduler.send([frame])

    scheduler.send_all = answer_at_once  # type: ignore[method-assign]
    futures = client.get({"a": 3, "b": (identity, "a")}, ["b"], block=False)
    assert futures["b"].result(10) == 7
    assert client._agent._core.counters["results of unknown tasks"] == 0


# --- pickling


class OtherSerializer(DefaultSerializer):
    """A serializer to be told apart."""


def test_pickled_client_is_a_new_one_with_the_same_settings(
    scheduler: StandInScheduler, storage: StandInStorage
) -> None:
    with Client(ADDRESS, True, 7, 3, OtherSerializer(), True) as client:
        scheduler.deliver(scheduler._events.connected)  # for the second session on the one stand-in
        data = pickle.dumps(client)
    scheduler._inbox = type(scheduler._inbox)()
    scheduler.deliver(scheduler._events.connected)
    with pickle.loads(data) as copy:
        assert copy.identity != client.identity
        names = ("_address", "_profiling", "_timeout_seconds", "_heartbeat_interval_seconds", "_stream_output")
        for name in names:
            assert getattr(copy, name) == getattr(client, name)
        assert isinstance(copy._serializer, OtherSerializer)


# --- cost


def test_pending_tasks_are_light(client: Client, scheduler: StandInScheduler) -> None:
    import tracemalloc

    class Sink:
        """Takes task frames and keeps nothing."""

        def __call__(self, frames: Any, is_stopping: Any, may_wait: bool = False) -> None:
            return

    client.submit(identity, 1).result(10)
    scheduler.send_all = Sink()  # type: ignore[method-assign]
    gc.collect()
    tracemalloc.start()
    futures = [client.submit(identity, 1) for _ in range(5_000)]
    used = tracemalloc.get_traced_memory()[0] / len(futures)
    tracemalloc.stop()
    assert used < 600
