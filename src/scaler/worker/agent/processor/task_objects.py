"""Finds what a task needs: the serializer of its client, its function, its arguments."""

from __future__ import annotations

import pickle
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from scaler.protocol import codec
from scaler.utility.exceptions import DeserializeObjectError
from scaler.utility.serialization import deserialize, payload_size
from scaler.worker.agent.processor.object_cache import ABSENT
from scaler.worker.agent.processor.task_needs import TaskNeeds
from scaler.worker.agent.processor.task_profiler import running_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Buffer

    from scaler.client.serializer.mixins import Serializer
    from scaler.worker.agent.processor.object_cache import ObjectCache
    from scaler.worker.agent.processor.storage import Storage

_OBJECT_ID: Final = int(codec.ArgumentType.objectID)
_VALUE: Final = int(codec.ArgumentType.value)
_PREVIOUS: Final = int(codec.ArgumentType.previous)


class _Decode(Protocol):
    def __call__(self, payload: Buffer, is_shared: bool = False) -> Any: ...


class ObjectsAhead(Protocol):
    """What was fetched before its task began, see ``Prefetcher``."""

    def take(self, object_ids: Iterable[bytes]) -> dict[bytes, Buffer]: ...
    def begin(self, in_use: list[bytes]) -> None: ...


class LoadedStep:
    """A call that follows another; what stands at the positions ``previous`` is the result of that one."""

    __slots__ = ("_arguments", "_previous", "function")

    def __init__(self, function: Callable[..., Any], arguments: list[Any], previous: list[int]) -> None:
        self.function = function
        self._arguments = arguments
        self._previous = previous

    def arguments(self, result: Any) -> list[Any]:
        """Return the arguments of the call, given the result of the one before."""
        arguments = list(self._arguments)
        for position in self._previous:
            arguments[position] = result
        return arguments


class LoadedTask:
    """A task ready to be called, and the serializer for its result."""

    __slots__ = ("arguments", "function", "keywords", "serializer", "steps")

    def __init__(
        self,
        serializer: Serializer,
        function: Callable[..., Any],
        arguments: list[Any],
        keywords: dict[str, Any],
        steps: list[LoadedStep],
    ) -> None:
        self.serializer = serializer
        self.function = function
        self.arguments = arguments
        self.keywords = keywords
        self.steps = steps


class TaskObjects:
    """Loads tasks by means of the cache and the storage.

    Tasks share what is cached. With ``isolated_arguments`` the bytes of arguments are cached instead, and each task
    loads them anew, into memory of its own. What was fetched ahead is taken from there.
    """

    def __init__(
        self,
        cache: ObjectCache,
        storage: Storage,
        isolated_arguments: bool = False,
        ahead: ObjectsAhead | None = None,
    ) -> None:
        self._cache = cache
        self._storage = storage
        self._ahead = ahead
        self._needs = TaskNeeds()
        self._isolated_arguments = isolated_arguments
        self.fetch_seconds = 0.0
        """How long the task that was loaded last had to wait for its objects."""

    def load(self, task: codec.Task) -> LoadedTask:
        """Return the loaded task. Raise ObjectStorageException or DeserializeObjectError."""
        needed = self._needs.of(task)
        serializer_id, arguments, steps = needed[0], task.function_args, task.steps
        objects, has_lacked = self._find(needed)

        serializer: Serializer = self._take(objects, serializer_id, "serializer", pickle.loads)

        def decode(payload: Buffer, is_shared: bool = False) -> Any:
            return deserialize(serializer, payload, is_shared)

        function = self._take(objects, task.func_object_id, "function", decode)
        values, keywords = _named(self._values(objects, arguments, decode), task.keyword_names)
        loaded_steps = [self._step(objects, step, decode) for step in steps]
        if has_lacked and self._ahead is not None:
            self._ahead.begin(needed)
        return LoadedTask(serializer, function, values, keywords, loaded_steps)

    def _step(self, objects: dict[bytes, Any], step: codec.Step, decode: _Decode) -> LoadedStep:
        function = self._take(objects, step.func_object_id, "function", decode)
        arguments = step.function_args
        previous = [position for position, argument in enumerate(arguments) if argument.type == _PREVIOUS]
        return LoadedStep(function, self._values(objects, arguments, decode, is_step=True), previous)

    def _values(
        self,
        objects: dict[bytes, Any],
        arguments: list[codec.Argument],
        decode: _Decode,
        is_step: bool = False,
    ) -> list[Any]:
        values = []
        for position, argument in enumerate(arguments):
            if argument.type == _VALUE:
                values.append(_decoded(decode, argument.data, "argument", position))
            elif argument.type == _OBJECT_ID and self._isolated_arguments:
                values.append(self._copy(objects, argument.data, decode, position))
            elif argument.type == _OBJECT_ID:
                values.append(self._take(objects, argument.data, "argument", partial(decode, is_shared=True), position))
            elif argument.type == _PREVIOUS and is_step:
                values.append(None)
            else:
                raise DeserializeObjectError(f"argument {position} is neither an object nor a value")
        return values

    def _find(self, object_ids: list[bytes]) -> tuple[dict[bytes, Any], bool]:
        """Return the objects by id, and whether there are some that were not cached: these as ``_Payload``."""
        get = self._cache.get
        objects = {each: get(each) for each in object_ids}
        missing = [each for each, value in objects.items() if value is ABSENT]
        self.fetch_seconds = 0.0
        if missing:
            started = running_seconds()
            try:
                objects.update(self._fetch(missing))
            finally:
                self.fetch_seconds = running_seconds() - started
        return objects, bool(missing)

    def _fetch(self, missing: list[bytes]) -> dict[bytes, Any]:
        """Return what was fetched ahead, and get the rest in one go."""
        fetched: dict[bytes, Any] = {}
        if self._ahead is not None:
            fetched.update((each, _Payload(payload)) for each, payload in self._ahead.take(missing).items())
        rest = [each for each in missing if each not in fetched]
        if rest:
            for object_id, payload in zip(rest, self._storage.get_objects(rest), strict=True):
                fetched[object_id] = _Payload(payload)
        return fetched

    def _take(
        self,
        objects: dict[bytes, Any],
        object_id: bytes,
        what: str,
        decode: Callable[[Buffer], Any],
        position: int | None = None,
    ) -> Any:
        """Return one of the objects, decoded and from now on cached."""
        value = objects[object_id]
        if type(value) is _Payload:
            payload = value.buffer
            value = _decoded(decode, payload, what, position, object_id)
            self._cache.put(object_id, value, payload_size(payload))
            objects[object_id] = value
        return value

    def _copy(self, objects: dict[bytes, Any], object_id: bytes, decode: _Decode, position: int) -> Any:
        """Return an object that is this task's alone, from its bytes, which are from now on cached."""
        value = objects[object_id]
        if type(value) is _Payload:
            payload = value.buffer
            if object_id not in self._cache:
                self._cache.put(object_id, value, payload_size(payload))
            value = _decoded(decode, bytearray(payload), "argument", position, object_id)
            objects[object_id] = value
        return value


class _Payload:
    """An object that is not decoded yet."""

    __slots__ = ("buffer",)

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = buffer


def _named(values: list[Any], keyword_names: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """Return the values without the last ones, and those by their names."""
    if not keyword_names:
        return values, {}
    first = len(values) - len(keyword_names)
    if first < 0:
        raise DeserializeObjectError(f"{len(keyword_names)} keyword arguments are named, but there are {len(values)}")
    return values[:first], dict(zip(keyword_names, values[first:], strict=True))


def _decoded(
    decode: Callable[[Buffer], Any], payload: Buffer, what: str, position: int | None, object_id: bytes | None = None
) -> Any:
    """Return the decoded object. Loading runs code of users: whatever it raises must not end the processor."""
    try:
        return decode(payload)
    except BaseException as error:
        which = _function_name(payload) if what == "function" else ""
        if not which and object_id is not None:
            which = object_id.hex()
        names = [what, None if position is None else str(position), which]
        name = " ".join(filter(None, names))
        raise DeserializeObjectError(f"{name} could not be decoded: {type(error).__name__}: {_text(error)}") from error


def _function_name(payload: Buffer) -> str:
    from scaler.worker.agent.processor.pickled_name import pickled_name  # only needed where a task has failed

    return pickled_name(payload)


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception whose text cannot be made is the user's code, too
        return "(its text cannot be made)"
