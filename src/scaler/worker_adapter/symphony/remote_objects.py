"""Loads tasks as a processor does, with calls that a service of Symphony carries out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol

from scaler.protocol import codec

if TYPE_CHECKING:
    from scaler.worker.agent.processor.object_cache import ObjectCache
    from scaler.worker.agent.processor.task_objects import LoadedTask, TaskObjects

_MOST_DISCARDS: Final = 10_000


class RemoteCall(Protocol):
    """Carries out a call for a task somewhere else, and waits for its result."""

    def __call__(self, task: codec.Task, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any: ...


class RemoteObjects:
    """What a ``TaskRunner`` loads its tasks from. One thread loads; any may discard."""

    def __init__(self, objects: TaskObjects, cache: ObjectCache, remote_call: RemoteCall) -> None:
        self._objects = objects
        self._cache = cache
        self._remote_call = remote_call
        self.retention_seconds = 0.0
        """For how long objects that no task uses are kept at least, 0 without end; any thread may change it."""
        self._discards: deque[bytes] = deque(maxlen=_MOST_DISCARDS)  # ids never come again: what is lost costs space

    @property
    def fetch_seconds(self) -> float:
        """How long the task that was loaded last had to wait for its objects."""
        return self._objects.fetch_seconds

    def discard(self, object_ids: Iterable[bytes]) -> None:
        """Drop objects before the next task."""
        self._discards.extend(object_ids)

    def load(self, task: codec.Task) -> LoadedTask:
        """Return the loaded task. Raise ObjectStorageException or DeserializeObjectError."""
        while self._discards:
            self._cache.discard((self._discards.popleft(),))
        self._cache.retention_seconds = self.retention_seconds
        self._cache.on_task_end()
        loaded = self._objects.load(task)
        loaded.function = self._remote(task, loaded.function)
        for step in loaded.steps:
            step.function = self._remote(task, step.function)
        return loaded

    def _remote(self, task: codec.Task, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if not keywords:
                return self._remote_call(task, function, arguments)
            return self._remote_call(task, _call_with, (function, keywords, *arguments))

        return call


def _with_keywords() -> Callable[..., Any]:
    def call(function: Callable[..., Any], keywords: dict[str, Any], *arguments: Any) -> Any:
        return function(*arguments, **keywords)

    return call


_call_with: Final = _with_keywords()  # local to a function, so that it travels by value
