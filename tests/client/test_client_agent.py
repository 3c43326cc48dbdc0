"""The client over a stand-in scheduler: real messages and threads, no sockets."""

from __future__ import annotations

import concurrent.futures
import contextlib
import gc
import io
import logging
import os
import pickle
import sys
import threading
import time
import warnings
import weakref
from typing import Any

import numpy as np
import pytest
from client_stand_ins import StandInScheduler, StandInStorage
from interruption import Interruption

from scaler.client.client import Client
from scaler.client.object_reference import ObjectReference
from scaler.client.serializer.default import DefaultSerializer
from scaler.protocol import codec
from scaler.utility.exceptions import (
    ClientQuitException,
    DeserializeObjectError,
    DisconnectedError,
    MissingObjects,
    ObjectStorageException,
    SchedulerRefusedError,
)
from scaler.utility.identifiers import ClientID, ObjectID

ADDRESS = "tcp://127.0.0.1:1"


def identity(value: Any) -> Any:
    return value


def add(a: Any, b: Any = 10, *, c: Any = 100) -> Any:
    return a + b + c


def fail_on(value: int, bad: int) -> int:
    if value == bad:
        raise ValueError(f"row {value}")
    return value


def eventually(condition: Any, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


@pytest.fixture
def client(scheduler: StandInScheduler) -> Any:
    with Client(ADDRESS, heartbeat_interval_seconds=1) as client:
        yield client


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


def test_submit(client: Client) -> None:
    assert client.submit(identity, 5).result(10) == 5
    assert client.submit(add, 1).result(10) == 111
    assert client.submit(add, 1, c=2, b=3).result(10) == 6
    assert client.submit_verbose(round, (3.15,), {}, {"gpu": -1}).result(10) == 3
    assert client.submit(max, 1, 7).result(10) == 7


def test_task_message(client: Client, scheduler: StandInScheduler) -> None:
    future = client.submit_verbose(add, (1,), {"c": 5}, {"gpu": 2})
    (task,) = scheduler.sent_of(codec.Task)
    assert task.task_id == future.task_id
    assert task.source == client.identity
    assert task.capabilities == {"gpu": 2}
    assert task.keyword_names == ["c"]  # and no default is shipped
    assert [argument.type for argument in task.function_args] == [codec.ArgumentType.value] * 2


def test_wrong_calls_raise_at_submit(client: Client, scheduler: StandInScheduler) -> None:
    for call in (lambda: client.submit(add), lambda: client.submit(add, 1, d=1), lambda: client.submit(add, 1, a=2)):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(TypeError):
        client.submit(5)
    assert scheduler.sent_of(codec.Task) == []
    assert client.submit(add, 1, profiling=True).result(10) == 111


def test_unserializable_argument_raises_at_submit(client: Client, scheduler: StandInScheduler) -> None:
    with pytest.raises(TypeError):
        client.submit(identity, threading.Lock())
    assert client.submit(identity, 1).result(10) == 1


def test_function_is_stored_once(client: Client, scheduler: StandInScheduler) -> None:
    value = [1]
    for _ in range(5):
        client.submit(identity, 1).result(10)
        client.submit(lambda: value).result(10)  # another object with the same bytes each time
    announced = [name for i in scheduler.sent_of(codec.ObjectInstruction) for name in i.object_names]
    assert announced == [b"serializer", b"identity", b"<lambda>"]


def test_changed_closure_is_seen(client: Client) -> None:
    value = [1]
    futures = [client.submit(lambda: value)]
    value.append(2)
    futures.append(client.submit(lambda: value))
    assert [future.result(10) for future in futures] == [[1], [1, 2]]


def test_changed_argument_is_seen(client: Client, scheduler: StandInScheduler) -> None:
    scheduler.is_holding = True
    value, large = [1], np.zeros(100_000)
    futures = [client.submit(identity, value), client.submit(np.sum, large)]
    value.append(2)
    large += 1
    scheduler.run_held()
    assert futures[0].result(10) == [1]
    assert futures[1].result(10) == 0


def test_large_arguments_and_results_go_through_the_storage(
    client: Client, scheduler: StandInScheduler, storage: StandInStorage
) -> None:
    value = np.arange(100_000)
    future = client.submit(identity, value)
    result = future.result(10)
    np.testing.assert_array_equal(result, value)
    result += 1  # it is writable
    (task,) = scheduler.sent_of(codec.Task)
    assert task.function_args[0].type == codec.ArgumentType.objectID
    result_id = next(i for kind, i in storage.log if kind == "get")
    assert eventually(lambda: set(scheduler.deleted()) == {task.function_args[0].data, result_id})


def test_many_small_arguments_beyond_the_limit_of_a_message_are_stored(
    client: Client, scheduler: StandInScheduler
) -> None:
    values = ["x" * 30_000 for _ in range(6)]
    assert client.submit(max, *values).result(10) == values[0]
    (task,) = scheduler.sent_of(codec.Task)
    types = [argument.type for argument in task.function_args]
    assert types.count(codec.ArgumentType.objectID) == 2


def test_objects_are_announced_before_they_are_stored_and_stored_before_the_task(
    client: Client, scheduler: StandInScheduler, storage: StandInStorage
) -> None:
    order: list[str] = []
    set_objects, send_all = storage.set_objects, scheduler.send_all
    storage.set_objects = lambda objects: order.append("store") or set_objects(objects)  # type: ignore[method-assign]

    def record(frames: Any, is_stopping: Any, may_wait: bool = False) -> None:
        order.extend(type(codec.decode(frame)).__name__ for frame in frames)
        send_all(frames, is_stopping)

    scheduler.send_all = record  # type: ignore[method-assign]
    client.submit(identity, b"x" * 100_000).result(10)
    assert order == ["ObjectInstruction", "store", "Task"]


def test_failed_upload_raises_and_leaves_nothing(
    client: Client, scheduler: StandInScheduler, storage: StandInStorage
) -> None:
    storage.failure = ObjectStorageException("full")
    with pytest.raises(ObjectStorageException):
        client.submit(identity, b"x" * 100_000)
    storage.failure = None
    assert scheduler.sent_of(codec.Task) == []
    assert client.submit(identity, 1).result(10) == 1
    created = [i for item in scheduler.sent_of(codec.ObjectInstruction) for i in item.object_ids]
    assert len(set(created) & set(scheduler.deleted())) >= 1


def test_function_whose_upload_failed_is_stored_anew_under_another_id(
    client: Client, scheduler: StandInScheduler, storage: StandInStorage
) -> None:
    storage.failure = ObjectStorageException("full")
    with pytest.raises(ObjectStorageException):
        client.submit(identity, 1)
    storage.failure = None
    future = client.submit(identity, 1)  # at once, before the deletion has left
    assert future.result(10) == 1
    (task,) = scheduler.sent_of(codec.Task)
    created = [i for item in scheduler.sent_of(codec.ObjectInstruction) for i in item.object_ids if item.object_names]
    assert eventually(lambda: len(scheduler.deleted()) == 1)
    assert scheduler.deleted() == [created[1]]
    assert task.func_object_id == created[2] != created[1]


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


def test_a_wait_that_is_interrupted_anywhere_loses_nothing(client: Client, scheduler: StandInScheduler) -> None:
    reception, main = client._agent._reception, threading.get_ident()
    take = reception._take
    reception._take = lambda own: own == main and take(own)  # type: ignore[method-assign]
    assert client.submit(identity, 1).result(10) == 1  # after which the client's thread receives no more
    for place in range(10_000):
        future, other = client.submit(identity, place), client.submit(identity, b"x" * 2000)
        interruption = Interruption(place, "/scaler/client/")
        with contextlib.suppress(KeyboardInterrupt), interruption:
            future.result(10)
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


def test_what_is_no_call_is_told_with_the_remedy(client: Client, scheduler: StandInScheduler) -> None:
    future = client.submit(identity, 1)
    for call, text in (
        (lambda: client.submit(identity, future), r"a future cannot leave its process.*result\(\)"),
        (lambda: client.submit(identity, [future]), r"a future cannot leave its process.*result\(\)"),
        (lambda: client.submit_verbose(identity, None, {}), "args must be a tuple of arguments, but got None"),
        (lambda: client.submit_verbose(identity, "a", {}), "args must be a tuple of arguments, but got 'a'"),
        (lambda: client.submit_verbose(identity, (1,), None), "kwargs must be a dictionary by name, but got None"),
    ):
        with pytest.raises(TypeError, match=text):
            call()
    assert len(scheduler.sent_of(codec.Task)) == 1


@pytest.mark.parametrize("needs", [["gpu"], {"gpu": 0.5}, {"gpu": "1"}, {1: 1}, {"gpu": 2**63}, "gpu"], ids=str)
def test_capabilities_that_are_none_are_named(client: Client, scheduler: StandInScheduler, needs: Any) -> None:
    for call in (
        lambda: client.submit_verbose(identity, (1,), {}, needs),
        lambda: client.map(identity, [(1,)], needs),
        lambda: client.get({"x": 1, "y": (identity, "x")}, ["y"], capabilities=needs),
    ):
        with pytest.raises((TypeError, ValueError), match=r"capabilities must be .*gpu.*, but got"):
            call()
    assert scheduler.sent_of(codec.Task) == scheduler.sent_of(codec.GraphTask) == []


# --- map


def test_map(client: Client) -> None:
    assert client.map(add, [(1, 2), [3, 4]]) == [103, 107]
    assert client.map(add, ((i, i) for i in range(3))) == [100, 102, 104]
    assert client.map(add, []) == []
    assert client.map(identity, [(i,) for i in range(1500)]) == list(range(1500))
    assert client.map(identity, [(np.full(10_000, i),) for i in range(20)])[19][0] == 19


@pytest.mark.parametrize("rows", [[1], ["ab"], [(1,), 2], [{1: 2}]])
def test_map_of_other_rows_is_a_type_error(client: Client, scheduler: StandInScheduler, rows: Any) -> None:
    with pytest.raises(TypeError, match="rows"):
        client.map(identity, rows)
    assert scheduler.sent_of(codec.Task) == []


def test_map_checks_every_row_before_it_sends(client: Client, scheduler: StandInScheduler) -> None:
    with pytest.raises(TypeError):
        client.map(identity, [(1,), (1, 2)])
    assert scheduler.sent_of(codec.Task) == []


def test_failing_row_raises_and_leaves_the_client_usable(client: Client, scheduler: StandInScheduler) -> None:
    scheduler.is_holding = True
    other = client.submit(identity, "other")
    pool = concurrent.futures.ThreadPoolExecutor(1)
    mapped = pool.submit(client.map, fail_on, [(i, 1) for i in range(5)])
    assert eventually(lambda: len(scheduler.held) == 6)
    rest = [scheduler.held.pop(0), *[scheduler.held.pop(-1) for _ in range(2)]]
    scheduler.run_held()
    with pytest.raises(ValueError, match="row 1"):
        mapped.result(10)
    pool.shutdown()
    cancelled = {cancel.task_id for cancel in scheduler.sent_of(codec.TaskCancel)}
    assert cancelled == {task.task_id for task in rest[1:]}
    scheduler._run(rest[0])
    assert other.result(10) == "other"
    scheduler.is_holding = False
    assert client.submit(identity, 1).result(10) == 1


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


# --- objects


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


# --- cancelling


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


# --- callbacks


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
    assert "pool" in names[0]
    assert not future.has_stored_result()


# --- the end


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
    client.shutdown()
    with pytest.raises(ClientQuitException):
        client.submit(identity, 1)


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
