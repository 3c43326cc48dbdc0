"""Runs one task: loads what it needs, calls the function, makes the result. Whatever happens, there is a result."""

from __future__ import annotations

import logging
import pickle
from typing import TYPE_CHECKING, Any, Final, Protocol

from scaler.protocol import codec
from scaler.utility.exceptions import DeserializeObjectError, ObjectStorageException, UnserializableError
from scaler.utility.failures import serialize_failure
from scaler.utility.identifiers import ClientID, ObjectID
from scaler.utility.serialization import INLINE_VALUE_BYTES, payload_size, serialize
from scaler.worker.agent.processor.task_output import is_streamed, streamed
from scaler.worker.agent.processor.task_profiler import TaskProfiler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from typing_extensions import Buffer

    from scaler.worker.agent.processor.storage import Storage
    from scaler.worker.agent.processor.task_objects import LoadedTask

_SUCCESS: Final = int(codec.TaskResultType.success)
_FAILED: Final = int(codec.TaskResultType.failed)
_NO_CAUSE: Final = codec.TaskEndCause.none


class Loader(Protocol):
    """What a task is loaded by; of a processor it is its ``TaskObjects``."""

    @property
    def fetch_seconds(self) -> float: ...
    def load(self, task: codec.Task) -> LoadedTask: ...


class TaskRunner:
    """Turns Task messages into frames of TaskResult messages.

    ``announce`` sends a frame that has to reach the scheduler before the result: the creation of an object, or output.
    Any thread may call it. With ``capture_native_output`` that output is also what native code and subprocesses print.
    """

    def __init__(
        self,
        objects: Loader,
        storage: Storage,
        announce: Callable[[bytes], None],
        capture_native_output: bool = False,
    ) -> None:
        self._objects = objects
        self._storage = storage
        self._announce = announce
        self._capture_native_output = capture_native_output
        self._profiler = TaskProfiler()

    def run(self, task: codec.Task) -> bytes:
        """Run the task and return the frame of its result; what it prints is sent before, when its client wants it."""
        if not is_streamed(task.metadata):
            return self._run(task)
        with streamed(task.task_id, self._announce, self._capture_native_output):
            return self._run(task)

    def _run(self, task: codec.Task) -> bytes:
        self._profiler.start()
        try:
            loaded = self._objects.load(task)
        except (ObjectStorageException, DeserializeObjectError) as error:
            return self._failed(task, error, codec.TaskEndCause.objectUnavailable)
        try:
            value = loaded.function(*loaded.arguments, **loaded.keywords)
            for step in loaded.steps:
                value = step.function(*step.arguments(value))
        except BaseException as error:  # also SystemExit and KeyboardInterrupt: the task ends, not the processor
            cause = codec.TaskEndCause.retryable if _is_retryable(task, error) else codec.TaskEndCause.exception
            return self._failed(task, _without_own_frame(error), cause)
        try:
            payload = serialize(loaded.serializer, value)
        except BaseException as error:  # code of the result's own class
            return self._failed(task, _unserializable(value, error), codec.TaskEndCause.exception)
        return self._succeeded(task, payload)

    def _succeeded(self, task: codec.Task, payload: Buffer | Sequence[Buffer]) -> bytes:
        try:
            return self._result(task, _SUCCESS, _NO_CAUSE, payload)
        except ObjectStorageException as error:
            return self._failed(task, error, codec.TaskEndCause.objectUnavailable)

    def _failed(self, task: codec.Task, error: BaseException, cause: codec.TaskEndCause) -> bytes:
        # The client gets the error: in the log of many tasks it is one line of many.
        logging.debug("task %s failed: %s", task.task_id.hex(), type(error).__name__, exc_info=error)
        try:
            return self._result(task, _FAILED, cause, serialize_failure(error))
        except ObjectStorageException as storage_error:  # a failure too large for a message, and no storage
            text = f"the task raised {type(error).__name__}, which could not be stored: {storage_error}"
            payload = serialize_failure(UnserializableError(text))
            return self._result(task, _FAILED, codec.TaskEndCause.objectUnavailable, payload)

    def _result(
        self,
        task: codec.Task,
        result_type: int,
        cause: codec.TaskEndCause,
        payload: Buffer | Sequence[Buffer],
    ) -> bytes:
        profile = self._profiler.finish(self._objects.fetch_seconds)  # before a large result is stored
        value: Buffer | None = None
        results: list[bytes] = []
        if payload_size(payload) > INLINE_VALUE_BYTES:
            results = [self._store(task, payload)]
        else:
            value = b"".join(payload) if isinstance(payload, (list, tuple)) else payload  # type: ignore[assignment]
        return codec.TaskResult(
            task_id=task.task_id,
            result_type=result_type,
            metadata=profile,
            results=results,
            attempt=task.attempt,
            cause=cause,
            value=value,
        ).encode()

    def _store(self, task: codec.Task, payload: Buffer | Sequence[Buffer]) -> bytes:
        """Store a large result and return its id.

        It is announced first: should the processor be killed in between, the scheduler deletes what was stored.
        """
        object_id = ObjectID.generate_object_id(ClientID(task.source))
        announcement = codec.ObjectInstruction(
            instruction_type=codec.ObjectInstructionType.create,
            object_user=task.source,
            object_ids=[object_id],
            object_types=[codec.ObjectContentType.object],
            object_names=[f"<res {object_id!r}>".encode()],
        )
        self._announce(announcement.encode())
        self._storage.set_object(object_id, payload)
        return bytes(object_id)


def _is_retryable(task: codec.Task, error: BaseException) -> bool:
    """Return whether the task asked to be tried again after such an exception."""
    if not task.retry_on:
        return False
    try:
        return isinstance(error, pickle.loads(task.retry_on))
    except Exception:  # the types cannot be loaded here, or do strange things when they are asked
        logging.debug("task %s: the types to retry after cannot be used", task.task_id.hex(), exc_info=True)
        return False


def _without_own_frame(error: BaseException) -> BaseException:
    """Return the exception with a traceback that begins in the user's function."""
    if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
        return error.with_traceback(error.__traceback__.tb_next)
    return error


def _unserializable(value: Any, error: BaseException) -> UnserializableError:
    kind = type(value)
    try:
        reason = f"{type(error).__name__}: {error}"
    except Exception:  # an exception whose text cannot be made is the user's code, too
        reason = type(error).__name__
    failure = UnserializableError(
        f"the result of the task, a {kind.__module__}.{kind.__qualname__}, could not be serialized: {reason}",
        type_name=f"{kind.__module__}.{kind.__qualname__}",
    )
    failure.__cause__ = error
    return failure
