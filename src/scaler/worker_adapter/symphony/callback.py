"""What Symphony tells us about tasks: called by its threads, it ends the futures of who waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Any

import cloudpickle
import soamapi

from scaler.utility.exceptions import DeserializeObjectError
from scaler.worker_adapter.symphony.message import SoamMessage


class SymphonyError(Exception):
    """The session with Symphony is broken, or Symphony failed a task without saying why."""


class SoamCallback(soamapi.SessionCallback):  # type: ignore[misc]  # soamapi has no types
    """The futures of one session by the id of their task."""

    def __init__(self) -> None:
        super().__init__()
        # Also held while a task is sent: its answer must not come before its future is known.
        self._lock = threading.Lock()
        self._futures: dict[str, Future[Any]] = {}
        self._failure: str | None = None

    @property
    def is_broken(self) -> bool:
        """Return whether the session has failed."""
        return self._failure is not None

    def send(self, send: Callable[[], Any]) -> Future[Any]:
        """Send a task, and return the future of its result. Raise SymphonyError when the session has failed."""
        future: Future[Any] = Future()
        with self._lock:
            if self._failure is not None:
                raise SymphonyError(self._failure)
            self._futures[str(send())] = future
        return future

    def on_response(self, task_output: Any) -> None:
        """End the future of a task."""
        with self._lock:
            future = self._futures.pop(str(task_output.get_id()), None)
        if future is None:
            return
        try:
            if task_output.is_successful():
                message = SoamMessage()
                task_output.populate_task_output(message)
                _end(future, _result_of(message.payload), None)
            else:
                _end(future, None, _failure_of(task_output.get_exception()))
        except Exception as error:  # of the outermost kind: whoever waits must not do so for ever
            _end(future, None, error)

    def on_exception(self, exception: Any) -> None:
        """Fail everything that is under way: the session is broken."""
        self.fail(f"the session with Symphony failed: {exception}")

    def fail(self, reason: str) -> None:
        """Fail everything that is under way, and whatever is sent later."""
        with self._lock:
            self._failure = reason
            futures, self._futures = list(self._futures.values()), {}
        for future in futures:
            _end(future, None, SymphonyError(reason))


def _result_of(payload: bytes) -> Any:
    try:
        return cloudpickle.loads(payload)
    except Exception as error:  # code of the result's own class
        raise DeserializeObjectError(f"the result from Symphony could not be decoded: {error!r}") from error


def _failure_of(exception: Any) -> BaseException:
    """Return what the function raised, or what Symphony says instead."""
    embedded = exception.get_embedded_exception()
    if isinstance(embedded, BaseException):
        return embedded
    return SymphonyError(str(embedded if embedded is not None else exception))


def _end(future: Future[Any], result: Any, error: BaseException | None) -> None:
    try:
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
    except InvalidStateError:
        pass  # it was given up: nobody waits
