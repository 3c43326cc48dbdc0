"""Carries out tasks in threads, each of which waits for the service of Symphony while its task runs there.

Design note. A thread serves one task at a time, with its own cache and its own connection to the object storage. What
it has to say reaches the event loop in order, by ``post``. Giving a task up ends the wait for it here; what the service
does with it cannot be stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

from scaler.protocol import codec
from scaler.worker.agent.processor.object_cache import CACHE_BYTES, ObjectCache
from scaler.worker.agent.processor.service import last_resort
from scaler.worker.agent.processor.storage import Storage
from scaler.worker.agent.processor.task_objects import TaskObjects
from scaler.worker.agent.processor.task_runner import TaskRunner
from scaler.worker_adapter.symphony.nested_call import as_task
from scaler.worker_adapter.symphony.remote_objects import RemoteObjects

_MOST_THREADS: Final = 4096
_LEAST_CACHE_BYTES: Final = 16 << 20


class Session(Protocol):
    """What is needed of a session with Symphony."""

    def submit(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Future[Any]: ...
    def fail(self, reason: str) -> None: ...


class Execution:
    """One run of a task; ``frames`` takes what it sends while it runs, ``done`` its result."""

    def __init__(
        self, task: codec.Task, frames: Callable[[bytes], None], done: Callable[[Execution, bytes], None]
    ) -> None:
        self.task = task
        self.frames = frames
        self.done = done
        self._lock = threading.Lock()
        self._is_given_up = False
        self._future: Future[Any] | None = None

    def give_up(self) -> None:
        """End the wait for the service."""
        with self._lock:
            self._is_given_up = True
            if self._future is not None:
                self._future.cancel()

    def wait_for(self, submit: Callable[[], Future[Any]]) -> Any:
        """Submit a call and wait for it. Raise CancelledError when the task is given up."""
        with self._lock:
            if self._is_given_up:
                raise CancelledError
        future = submit()
        with self._lock:
            self._future = future
            if self._is_given_up:
                future.cancel()
        return future.result()


@dataclass
class _Place:
    """What a thread has: the runner of its tasks, and the execution that it is at."""

    runner: TaskRunner
    objects: RemoteObjects
    storage: Storage
    execution: Execution | None = None


class Executions:
    """The threads. ``post`` calls a function in the event loop, in the order of the calls; made for one storage."""

    def __init__(
        self,
        session: Session,
        scheduler_address: str,
        storage_address: str,
        concurrency: int,
        post: Callable[[Callable[[], None]], None],
    ) -> None:
        self._session = session
        self._scheduler_address = scheduler_address
        self._storage_address = storage_address
        self._cache_bytes = max(_LEAST_CACHE_BYTES, CACHE_BYTES // concurrency)
        self._post = post
        self._retention_seconds = 0.0
        self._pool = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="symphony")
        self._local = threading.local()
        self._places: list[_Place] = []

    def start(self, execution: Execution) -> None:
        """Carry out a task; returns at once."""
        try:
            self._pool.submit(self._run, execution)
        except RuntimeError as error:  # the system gives no further thread; one of the others may still come to it
            execution.give_up()
            frame = last_resort(execution.task, error)
            self._post(lambda: execution.done(execution, frame))

    def discard(self, object_ids: Iterable[bytes]) -> None:
        """Drop objects from the caches."""
        ids = list(object_ids)
        for place in list(self._places):
            place.objects.discard(ids)

    def keep_objects_for(self, retention_seconds: float) -> None:
        """Drop objects from the caches that no task has used for so long, 0 for never."""
        self._retention_seconds = retention_seconds
        for place in list(self._places):
            place.objects.retention_seconds = retention_seconds

    def close(self) -> None:
        """Let all threads end; what is under way should have been given up."""
        self._session.fail("the worker leaves")
        self._pool.shutdown(wait=False, cancel_futures=True)
        for place in list(self._places):
            place.storage.close()

    def _run(self, execution: Execution) -> None:
        try:
            place = self._place()
            place.execution = execution
            frame = place.runner.run(_silent(execution.task))
        except BaseException as error:  # the outermost function of the thread: every task gets an end
            frame = last_resort(execution.task, error)
        self._post(lambda: execution.done(execution, frame))

    def _place(self) -> _Place:
        place: _Place | None = getattr(self._local, "place", None)
        if place is None:
            storage = Storage(self._storage_address)
            cache = ObjectCache(self._cache_bytes)
            objects = RemoteObjects(TaskObjects(cache, storage), cache, self._call)
            objects.retention_seconds = self._retention_seconds
            place = self._local.place = _Place(TaskRunner(objects, storage, self._announce), objects, storage)
            self._places.append(place)
        return place

    def _call(self, task: codec.Task, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        remote = as_task(function, task.level, self._scheduler_address, self._storage_address)
        return self._current().wait_for(lambda: self._session.submit(remote, arguments))

    def _announce(self, frame: bytes) -> None:
        execution = self._current()
        self._post(lambda: execution.frames(frame))

    def _current(self) -> Execution:
        execution = self._place().execution
        assert execution is not None
        return execution


def _silent(task: codec.Task) -> codec.Task:
    """Return the task without the wish for its output, which is printed where the service runs."""
    return codec.Task(
        task_id=task.task_id,
        source=task.source,
        func_object_id=task.func_object_id,
        function_args=task.function_args,
        attempt=task.attempt,
        level=task.level,
        keyword_names=task.keyword_names,
        steps=task.steps,
        retry_on=task.retry_on,
    )
