"""What a client sends and stores for its calls, over a stand-in scheduler."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import itertools
import linecache
import math
import sys
import threading
from types import FrameType
from typing import Any

import numpy as np
import pytest
from client_stand_ins import StandInScheduler, StandInStorage
from client_tasks import ADDRESS, add, eventually, fail_on, identity

from scaler.client.agent.client_agent import ClientAgent
from scaler.client.client import Client
from scaler.protocol import codec
from scaler.utility.exceptions import MissingObjects, ObjectStorageException


def test_submit(client: Client) -> None:
    assert client.submit(identity, 5).result(10) == 5
    assert client.submit(add, 1).result(10) == 111
    assert client.submit(add, 1, c=2, b=3).result(10) == 6
    assert client.submit_verbose(round, (3.15,), {}, {"gpu": -1}).result(10) == 3
    assert client.submit(max, 1, 7).result(10) == 7


@pytest.mark.parametrize(
    ("arguments", "keywords", "name"),
    [((1, threading.Lock()), {}, "argument 2"), ((1,), {"b": 2, "c": threading.Lock()}, "argument 'c'")],
)
def test_an_argument_that_cannot_be_serialized_is_named(
    client: Client, arguments: tuple[Any, ...], keywords: dict[str, Any], name: str
) -> None:
    with pytest.raises(TypeError, match=f"^{name} cannot be serialized: cannot pickle .*lock"):
        client.submit(add, *arguments, **keywords)
    assert client.submit(add, 1).result(10) == 111


@pytest.mark.parametrize("arguments", [(1, 2), [1, 2], range(1, 3)])
def test_any_sequence_of_arguments_will_do(client: Client, arguments: Any) -> None:
    assert client.submit_verbose(add, arguments, {}).result(10) == 103


class AsyncCall:
    """An object whose call has to be awaited."""

    async def __call__(self, value: Any) -> Any:
        return value

    async def method(self, value: Any) -> Any:
        yield value


async def wait_for(value: Any) -> Any:
    return value


@pytest.mark.parametrize(
    "function", [wait_for, functools.partial(wait_for, 1), AsyncCall(), AsyncCall().method], ids=str
)
def test_async_functions_are_no_tasks(client: Client, scheduler: StandInScheduler, function: Any) -> None:
    for call in (
        lambda: client.submit(function, 1),
        lambda: client.map(function, [(1,)]),
        lambda: client.get({"x": 1, "y": (function, "x")}, ["y"]),
    ):
        with pytest.raises(TypeError, match=r"is an async function, which cannot be a task.*asyncio\.run"):
            call()
    assert scheduler.sent_of(codec.Task) == scheduler.sent_of(codec.GraphTask) == []


@pytest.mark.parametrize("line", range(1, 30))
def test_a_submission_that_is_interrupted_leaves_no_task_behind(client: Client, line: int) -> None:
    lines = itertools.count(1)
    previous = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal previous
        if frame.f_code is not ClientAgent.start.__code__:
            return None
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        # A signal handler does not run between the end of a block and the release of its lock, also a "with" line. What
        # it raises amid a comprehension meets the handlers around it; what is raised here at its later steps does not.
        is_new, previous = frame.f_lineno != previous, frame.f_lineno
        if event == "line" and is_new and "with " not in text and next(lines) == line:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            client.submit(identity, 1)
    finally:
        sys.settrace(before)
    assert client.submit(identity, 2).result(10) == 2
    assert client._agent._core.sizes()["tasks"] == 0


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


def test_a_serializer_that_could_not_be_stored_anew_is_not_deleted_behind_the_next_try(
    scheduler: StandInScheduler, storage: StandInStorage
) -> None:
    with Client(ADDRESS, heartbeat_interval_seconds=0.02) as client:
        (serializer,) = storage.objects
        storage.failure = ObjectStorageException("away again")
        storage.objects.clear()
        storage.connections = 2
        announced = len(scheduler.sent_of(codec.ObjectInstruction))
        assert eventually(lambda: len(scheduler.sent_of(codec.ObjectInstruction)) > announced)
        assert eventually(lambda: not client._agent._watch._is_looking)
        storage.failure = None
        assert eventually(lambda: serializer in storage.objects)
        assert client.submit(identity, 1).result(10) == 1
        assert serializer not in scheduler.deleted()


def test_what_is_no_call_is_told_with_the_remedy(client: Client, scheduler: StandInScheduler) -> None:
    future = client.submit(identity, 1)
    for call, text in (
        (lambda: client.submit(identity, future), r"a future cannot leave its process.*result\(\)"),
        (lambda: client.submit(identity, [future]), r"a future cannot leave its process.*result\(\)"),
        (lambda: client.submit_verbose(identity, None, {}), "args must be a tuple of arguments, but got None"),
        (lambda: client.submit_verbose(identity, "a", {}), "args must be a tuple of arguments, but got 'a'"),
        (lambda: client.submit_verbose(identity, {1}, {}), "args must be a tuple of arguments, but got {1}"),
        (lambda: client.submit_verbose(identity, (1,), None), "kwargs must be a dictionary by name, but got None"),
        (lambda: client.submit_verbose(dict, (), {1: 2}), "kwargs must be a dictionary by name, but got {1: 2}"),
        (lambda: client.send_object(1, name=5), "name must be a text, got 5"),
        (lambda: client.map(pow, [(1,)], [(3,)]), r"map takes one iterable of rows, each a tuple.*got \[\(3,\)\]"),
        (lambda: client.get({"a": 1, "b": 2}, "ab"), r"keys must be a list of names.*write \['ab'\]"),
        (lambda: future.result(timeout="x"), "timeout must be a number of seconds or None, got 'x'"),
        (lambda: future.exception(timeout=[]), "timeout must be a number of seconds or None"),
        (lambda: future.cancel(timeout="x"), "timeout must be a number of seconds or None"),
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


def test_what_is_wrong_with_a_graph_names_the_node(client: Client, scheduler: StandInScheduler) -> None:
    sent = client.send_object(1)
    client.clear()
    for graph, keys, error, text in (
        ({"a": -4, "bad": (math.sqrt, "a", "a")}, ["bad"], TypeError, r"^node 'bad': sqrt\(\) too many positional"),
        ({"a": threading.Lock(), "b": (identity, "a")}, ["b"], TypeError, "^node 'a' cannot be serialized: .*lock"),
        ({"a": 1, "b": (threading.Lock().acquire, "a")}, ["b"], TypeError, "^node 'b': function acquire cannot be ser"),
        ({"a": sent, "b": (identity, "a")}, ["b"], MissingObjects, "node 'a'"),
        ({"a": sent}, ["a"], MissingObjects, "node 'a'"),
    ):
        with pytest.raises(error, match=text):
            client.get(graph, keys)
    assert scheduler.sent_of(codec.GraphTask) == []


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
