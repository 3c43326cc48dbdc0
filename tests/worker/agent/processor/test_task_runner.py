"""What becomes of a task in the processor: every outcome is a result, with the cause named."""

from __future__ import annotations

import functools
import os
import pickle
import threading
import time

import cloudpickle
import pytest

from scaler.client.serializer.default import DefaultSerializer
from scaler.client.serializer.mixins import Serializer
from scaler.protocol import codec
from scaler.utility.exceptions import DeserializeObjectError, ObjectStorageException, UnserializableError
from scaler.utility.failures import deserialize_failure
from scaler.utility.identifiers import ClientID, ObjectID, TaskID
from scaler.utility.metadata.profile_result import ProfileResult
from scaler.utility.serialization import INLINE_VALUE_BYTES, deserialize, serialize
from scaler.worker.agent.processor.object_cache import ObjectCache
from scaler.worker.agent.processor.task_objects import TaskObjects
from scaler.worker.agent.processor.task_runner import TaskRunner


class ReversedPickle(Serializer):
    """A serializer of a client's own."""

    @staticmethod
    def serialize(obj):
        return pickle.dumps(obj)[::-1]

    @staticmethod
    def deserialize(payload):
        return pickle.loads(bytes(payload)[::-1])


class FakeStorage:
    def __init__(self) -> None:
        self.objects: dict[bytes, bytes] = {}
        self.gets: list[list[bytes]] = []
        self.is_down = False

    def get_objects(self, object_ids):
        self._check()
        self.gets.append(list(object_ids))
        return [self.objects[each] for each in object_ids]

    def set_object(self, object_id, payload):
        self._check()
        self.objects[object_id] = b"".join(payload) if isinstance(payload, list) else bytes(payload)

    def _check(self):
        if self.is_down:
            raise ObjectStorageException("connection refused")


class Bench:
    """A runner with everything around it, and a client that makes its tasks."""

    def __init__(
        self, serializer: Serializer | None = None, cache_bytes: int = 1 << 30, isolated_arguments: bool = False
    ) -> None:
        self.client = ClientID.generate_client_id()
        self.storage = FakeStorage()
        self.announced: list[codec.ObjectInstruction] = []
        self.serializer = serializer or DefaultSerializer()
        self.storage.objects[ObjectID.generate_serializer_object_id(self.client)] = cloudpickle.dumps(self.serializer)
        self.cache = ObjectCache(cache_bytes)
        self.runner = TaskRunner(TaskObjects(self.cache, self.storage, isolated_arguments), self.storage, self.announce)

    def announce(self, frame: bytes) -> None:
        self.announced.append(codec.decode(frame))

    def store(self, value) -> ObjectID:
        payload = serialize(self.serializer, value)
        content = b"".join(payload) if isinstance(payload, list) else payload
        object_id = ObjectID.generate_content_object_id(self.client, content)
        self.storage.objects[object_id] = content
        return object_id

    def cache_function(self, function) -> ObjectID:
        """Return the id of a function that is in the cache already, as it is."""
        function_id = self.store(len)
        self.cache.put(function_id, function, 1)
        return function_id

    def value(self, value) -> codec.Argument:
        payload = serialize(self.serializer, value)
        return codec.Argument(codec.ArgumentType.value, b"".join(payload) if isinstance(payload, list) else payload)

    def reference(self, value) -> codec.Argument:
        return codec.Argument(codec.ArgumentType.objectID, self.store(value))

    def step(self, function, *arguments) -> codec.Step:
        """Return a call that follows; ``...`` stands for the result of the call before."""
        previous = codec.Argument(codec.ArgumentType.previous, b"")
        converted = [previous if each is ... else self.value(each) for each in arguments]
        return codec.Step(self.store(function), converted)

    def run(self, function, *arguments, names=(), attempt=0, steps=(), retry_on=b"") -> codec.TaskResult:
        function_id = function if isinstance(function, ObjectID) else self.store(function)
        arguments = [each if isinstance(each, codec.Argument) else self.value(each) for each in arguments]
        self.task_id = TaskID.generate_task_id()
        task = codec.Task(
            task_id=self.task_id,
            source=self.client,
            func_object_id=function_id,
            function_args=arguments,
            keyword_names=names,
            attempt=attempt,
            steps=steps,
            retry_on=retry_on,
        )
        result = codec.decode(self.runner.run(codec.decode(task.encode())))
        assert result.task_id == self.task_id
        return result

    def returned(self, *arguments, **fields):
        result = self.run(*arguments, **fields)
        assert result.result_type == codec.TaskResultType.success
        assert result.cause == codec.TaskEndCause.none
        payload = result.value if result.value is not None else self.storage.objects[result.results[0]]
        return deserialize(self.serializer, payload)

    def raised(self, *arguments, cause=codec.TaskEndCause.exception, **fields):
        result = self.run(*arguments, **fields)
        assert result.result_type == codec.TaskResultType.failed
        assert result.cause == cause
        payload = result.value if result.value is not None else self.storage.objects[result.results[0]]
        return deserialize_failure(payload)


@pytest.fixture
def bench():
    return Bench()


def add(a, b=0, *, c=0):
    return a + 10 * b + 100 * c


# -- success


def test_calls_the_function_with_values_and_objects(bench):
    assert bench.returned(add, 1, bench.reference(2)) == 21


def test_passes_the_last_arguments_by_keyword(bench):
    assert bench.returned(add, 1, 3, 2, names=("c", "b")) == 321


@pytest.mark.parametrize("value", [None, 0, "text", b"", {"a": [1]}, add, functools.partial(add, 1)])
def test_returns_values_of_any_kind(bench, value):
    result = bench.returned(lambda each: each, value)
    assert result == value or (callable(result) and result(1) == value(1))


def test_uses_the_serializer_of_the_client():
    assert Bench(ReversedPickle()).returned(abs, -5) == 5


def test_keeps_the_attempt(bench):
    assert bench.run(add, 1, attempt=2).attempt == 2


def test_returns_small_results_in_the_message_and_stores_large_ones(bench):
    small = bench.run(bytes, INLINE_VALUE_BYTES - 100)
    assert small.value is not None and small.results == [] and bench.announced == []

    large = bench.run(bytes, INLINE_VALUE_BYTES + 1)
    assert large.value is None and len(large.results) == 1
    object_id = ObjectID(large.results[0])
    assert object_id.is_owner(bench.client)
    assert deserialize(bench.serializer, bench.storage.objects[object_id]) == bytes(INLINE_VALUE_BYTES + 1)
    (create,) = bench.announced
    assert create.instruction_type == codec.ObjectInstructionType.create
    assert (create.object_user, create.object_ids) == (bench.client, [object_id])
    assert create.object_types == [codec.ObjectContentType.object]
    assert create.object_names == [f"<res {object_id!r}>".encode()]


def test_announces_a_large_result_before_it_is_stored(bench):
    """So that whoever deletes what a lost worker leaves behind knows of it."""
    function_id = bench.store(bytes)
    bench.returned(function_id, 1)
    bench.storage.is_down = True
    bench.raised(function_id, INLINE_VALUE_BYTES + 1, cause=codec.TaskEndCause.objectUnavailable)
    (create,) = bench.announced
    assert create.instruction_type == codec.ObjectInstructionType.create
    assert not set(create.object_ids) & set(bench.storage.objects)


def test_returns_large_arrays(bench):
    numpy = pytest.importorskip("numpy")
    array = bench.returned(numpy.arange, 100_000)
    assert (array == numpy.arange(100_000)).all()


def test_fills_the_profile(bench):
    def work():
        data = bytearray(64 << 20)
        return sum(range(300_000)) + len(data) * 0

    profile = ProfileResult.deserialize(bench.run(work).metadata)
    assert 0 < profile.duration_s < 10
    assert 0 < profile.cpu_time_s < 10
    assert profile.memory_peak >= 0
    failed = bench.run(lambda: 1 / 0)
    assert ProfileResult.deserialize(failed.metadata).duration_s > 0


# -- the cache


def test_fetches_everything_it_lacks_in_one_go_and_only_once(bench):
    function_id, argument = bench.store(add), bench.reference(5)
    assert bench.returned(function_id, argument) == 5
    assert len(bench.storage.gets) == 1 and len(bench.storage.gets[0]) == 3
    assert bench.returned(function_id, argument, argument) == 55
    assert len(bench.storage.gets) == 1


def test_fetches_again_what_was_evicted(bench):
    function_id = bench.store(add)
    bench.returned(function_id, 1)
    bench.cache.discard([function_id])
    bench.returned(function_id, 1)
    assert bench.storage.gets[1:] == [[function_id]]


class Ahead:
    """Objects that were fetched before; remembers when it was asked to look ahead, and for what the task uses."""

    def __init__(self, objects):
        self.objects = objects
        self.begun = []

    def take(self, object_ids):
        return {each: self.objects.pop(each) for each in object_ids if each in self.objects}

    def begin(self, in_use):
        self.begun.append(list(in_use))


def test_takes_what_was_fetched_ahead_and_looks_ahead_only_when_it_lacked_something(bench):
    function_id, argument = bench.store(add), bench.reference(5)
    ahead = Ahead({argument.data: bench.storage.objects.pop(argument.data)})
    bench.runner = TaskRunner(TaskObjects(bench.cache, bench.storage, ahead=ahead), bench.storage, bench.announce)
    assert bench.returned(function_id, argument) == 5
    assert [len(each) for each in bench.storage.gets] == [2], "the rest is fetched as ever"
    assert [each[1:] for each in ahead.begun] == [[function_id, argument.data]]
    assert bench.returned(function_id, argument) == 5
    assert len(ahead.begun) == 1
    bench.raised(
        bench.store(len),
        codec.Argument(codec.ArgumentType.value, b"rubbish"),
        cause=codec.TaskEndCause.objectUnavailable,
    )
    assert len(ahead.begun) == 1


def test_runs_tasks_whose_objects_are_larger_than_the_cache():
    bench = Bench(cache_bytes=10)
    assert bench.returned(add, bench.reference(1), bench.reference(2)) == 21
    assert bench.cache.size_bytes <= 10


def test_arrays_that_tasks_share_are_read_only(bench):
    numpy = pytest.importorskip("numpy")

    def increase(array, by):
        array += by

    argument = bench.reference(numpy.zeros(100_000))
    for _ in range(2):
        assert "read-only" in str(bench.raised(increase, argument, 1))
    assert bench.returned(numpy.sum, argument) == 0
    result = bench.returned(numpy.asarray, argument)
    result += 1


def test_tasks_share_cached_objects(bench):
    shared = bench.reference([])

    def append(items):
        items.append(1)
        return len(items)

    assert [bench.returned(append, shared) for _ in range(3)] == [1, 2, 3]


def append_and_look(items, again):
    items.append(1)
    return len(items), items is again


@pytest.mark.parametrize("serializer", [DefaultSerializer(), ReversedPickle()])
def test_isolated_arguments_are_each_task_s_own(serializer):
    bench = Bench(serializer, isolated_arguments=True)
    shared, function = bench.reference([]), bench.store(append_and_look)
    for _ in range(3):
        assert bench.returned(function, shared, shared) == (1, True)
    assert len(bench.storage.gets) == 1, "they are fetched once all the same"
    assert bench.cache.size_bytes > 0


def test_isolated_arrays_can_be_written(monkeypatch):
    numpy = pytest.importorskip("numpy")
    bench = Bench(isolated_arguments=True)

    def increase(array):
        array += 1
        return array.sum()

    argument, function = bench.reference(numpy.zeros(100_000)), bench.store(increase)
    for _ in range(3):
        assert bench.returned(function, argument) == 100_000
    assert len(bench.storage.gets) == 1


# -- what it costs


def test_the_time_that_objects_take_on_their_way_is_not_the_task_s(bench, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    get_objects, set_object = bench.storage.get_objects, bench.storage.set_object

    def spend(seconds, call, *arguments):
        clock[0] += seconds
        return call(*arguments)

    monkeypatch.setattr(bench.storage, "get_objects", lambda ids: spend(8, get_objects, ids))
    monkeypatch.setattr(bench.storage, "set_object", lambda name, payload: spend(16, set_object, name, payload))

    def work(size):
        clock[0] += 2
        return bytes(size)

    monkeypatch.setattr(bench.runner._profiler, "_ended", 0.0)
    function = bench.cache_function(work)
    result = bench.run(function, bench.reference(INLINE_VALUE_BYTES + 1))
    assert result.results and ProfileResult.deserialize(result.metadata).duration_s == 2
    assert ProfileResult.deserialize(bench.run(function, 1).metadata).duration_s == 2


# -- failures


def test_reports_the_exception_with_its_traceback(bench):
    def fail():
        raise ValueError("wrong")

    error = bench.raised(fail)
    assert isinstance(error, ValueError) and error.args == ("wrong",)
    assert error.__traceback__ is not None
    assert error.__traceback__.tb_frame.f_code.co_name == "fail"


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError, RecursionError])
def test_survives_every_exception(bench, kind):
    def fail():
        raise kind("out")

    assert isinstance(bench.raised(fail), kind)


def test_reports_wrong_arguments(bench):
    assert isinstance(bench.raised(add), TypeError)


class HoldsLock(Exception):
    def __init__(self):
        super().__init__("held")
        self.lock = threading.Lock()


class NoText(Exception):
    def __str__(self):
        raise RuntimeError("no text")


class TwoArguments(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class BadReduce(Exception):
    def __reduce__(self):
        raise RuntimeError("no pickle")


class LoadsWrong(Exception):
    def __reduce__(self):
        return LoadsWrong, (1, 2), {}, None

    def __init__(self):
        super().__init__("loads wrong")


@pytest.mark.parametrize("make", [HoldsLock, NoText, lambda: TwoArguments(1, 2), BadReduce, LoadsWrong])
def test_exceptions_that_cannot_travel_or_be_printed_are_reported(bench, make):
    def fail():
        raise make()

    error = bench.raised(fail)
    kind = make.__name__ if isinstance(make, type) else "TwoArguments"
    assert type(error).__name__ == kind or kind in str(error)
    assert bench.returned(add, 1) == 1


def test_classes_of_functions_are_reported(bench):
    class Local(Exception):
        pass

    def fail():
        raise Local("local")

    assert "local" in str(bench.raised(fail))


def test_results_that_cannot_be_pickled_are_reported(bench):
    error = bench.raised(threading.Lock)
    assert isinstance(error, UnserializableError)
    assert "lock" in str(error) and "cannot pickle" in str(error)
    assert isinstance(error.__cause__, TypeError)


def test_an_exception_too_large_for_a_message_is_stored(bench):
    def fail():
        raise ValueError("x" * (INLINE_VALUE_BYTES + 1))

    assert len(str(bench.raised(fail))) == INLINE_VALUE_BYTES + 1
    assert len(bench.announced) == 1


class RaisesWhenLoaded:
    def __init__(self, kind=RuntimeError):
        self.kind = kind

    def __reduce__(self):
        return raise_error, (self.kind,)


def raise_error(kind):
    raise kind("while loading")


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit, KeyboardInterrupt, NoText])
@pytest.mark.parametrize("where", ["function", "value", "object"])
def test_what_cannot_be_decoded_is_named(bench, kind, where):
    bad = RaisesWhenLoaded(kind)
    calls = {"function": (bad,), "value": (add, 1, bench.value(bad)), "object": (add, 1, bench.reference(bad))}
    error = bench.raised(*calls[where], cause=codec.TaskEndCause.objectUnavailable)
    assert isinstance(error, DeserializeObjectError)
    assert ("function" if where == "function" else "argument 1") in str(error)
    assert kind.__name__ in str(error)
    assert bench.returned(add, 1) == 1


def test_names_the_missing_module_and_the_function(bench):
    function_id = bench.store(add)
    bench.storage.objects[function_id] = b"cno_such_module_anywhere\nfunction\n."
    error = bench.raised(function_id, cause=codec.TaskEndCause.objectUnavailable)
    assert "function no_such_module_anywhere.function could not be decoded" in str(error)
    assert "No module named 'no_such_module_anywhere'" in str(error)


def test_names_a_serializer_that_cannot_be_decoded(bench):
    serializer_id = ObjectID.generate_serializer_object_id(bench.client)
    bench.storage.objects[serializer_id] = b"rubbish"
    error = bench.raised(add, 1, cause=codec.TaskEndCause.objectUnavailable)
    assert isinstance(error, DeserializeObjectError) and "serializer" in str(error)
    bench.storage.objects[serializer_id] = cloudpickle.dumps(bench.serializer)
    assert bench.returned(add, 1) == 1


@pytest.mark.parametrize("argument", [codec.Argument(codec.ArgumentType.task, bytes(16))])
def test_refuses_arguments_that_are_results_of_other_tasks(bench, argument):
    error = bench.raised(add, argument, cause=codec.TaskEndCause.objectUnavailable)
    assert isinstance(error, DeserializeObjectError) and "argument 0" in str(error)


def test_refuses_more_keywords_than_arguments(bench):
    error = bench.raised(add, 1, names=("a", "b"), cause=codec.TaskEndCause.objectUnavailable)
    assert isinstance(error, DeserializeObjectError)


def test_a_lost_storage_is_the_failure_of_the_tasks_that_need_it(bench):
    function_id = bench.store(bytes)
    bench.returned(function_id, 1)
    bench.storage.is_down = True
    unavailable = codec.TaskEndCause.objectUnavailable
    assert isinstance(bench.raised(bench.store(add), 1, cause=unavailable), ObjectStorageException)
    assert isinstance(bench.raised(function_id, INLINE_VALUE_BYTES + 1, cause=unavailable), ObjectStorageException)
    assert bench.returned(function_id, 3) == bytes(3), "what is cached and small needs no storage"
    bench.storage.is_down = False
    assert bench.returned(add, 1) == 1


def test_a_large_failure_without_storage_still_arrives(bench):
    def fail():
        raise ValueError("x" * (INLINE_VALUE_BYTES + 1))

    function_id = bench.store(fail)
    bench.returned(add, 1)
    bench.cache.put(function_id, fail, 1)
    bench.storage.is_down = True
    error = bench.raised(function_id, cause=codec.TaskEndCause.objectUnavailable)
    assert isinstance(error, UnserializableError) and "ValueError" in str(error)


def test_this_process_is_still_here(bench):
    assert bench.returned(os.getpid) == os.getpid()


# -- several calls in one run


def test_steps_take_the_result_of_the_call_before_them():
    bench = Bench()
    steps = [bench.step(pow, ..., 2), bench.step(divmod, 100, ...), bench.step(max, ...), bench.step(pow, ..., ...)]
    assert bench.returned(abs, -3, steps=steps) == 11**11


def test_what_is_between_steps_is_not_serialized():
    bench = Bench()
    assert bench.returned(threading.Lock, steps=[bench.step(repr, ...)]).startswith("<unlocked")


def test_a_step_that_raises_ends_the_task_with_its_exception():
    bench = Bench()
    steps = [bench.step(pow, ..., "x"), bench.step(os._exit, 3)]
    assert isinstance(bench.raised(abs, -3, steps=steps), TypeError)


def test_a_step_that_cannot_be_loaded_ends_the_task_before_its_first_call():
    bench = Bench()
    broken = ObjectID.generate_object_id(bench.client)
    bench.storage.objects[broken] = b"no pickle"
    error = bench.raised(os._exit, 3, steps=[codec.Step(broken)], cause=codec.TaskEndCause.objectUnavailable)
    assert isinstance(error, DeserializeObjectError)


def test_the_first_call_has_no_result_before_it():
    bench = Bench()
    previous = codec.Argument(codec.ArgumentType.previous, b"")
    error = bench.raised(abs, previous, cause=codec.TaskEndCause.objectUnavailable)
    assert isinstance(error, DeserializeObjectError)


# -- exceptions to try again after


@pytest.mark.parametrize(
    ("types", "cause"),
    [
        ((ValueError,), codec.TaskEndCause.retryable),
        ((OSError, Exception), codec.TaskEndCause.retryable),
        ((OSError,), codec.TaskEndCause.exception),
        ((), codec.TaskEndCause.exception),
    ],
)
def test_exceptions_of_the_given_types_are_marked(types, cause):
    assert isinstance(Bench().raised(int, "x", retry_on=pickle.dumps(types), cause=cause), ValueError)


@pytest.mark.parametrize("retry_on", [b"no pickle", pickle.dumps(("ValueError",))])
def test_types_that_cannot_be_used_change_nothing(retry_on):
    assert isinstance(Bench().raised(int, "x", retry_on=retry_on), ValueError)
