"""The future of a task.

Futures are made by the hundred thousand, so that they are light: the condition, the waiters and the callbacks of
``concurrent.futures.Future`` exist only once somebody asks for them. While there is no condition, the state is guarded
by a lock that all futures of a client share; from then on by the condition, as the standard library expects it.

A result arrives undecoded: the bytes of a small one with the announcement, the id of a large one that stays in the
object storage. It is fetched and decoded by the first thread that asks for it, never by the one that received it.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import numbers
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures._base import CANCELLED_AND_NOTIFIED, FINISHED, RUNNING, _Waiter
from typing import TYPE_CHECKING, Any, NoReturn

from scaler.client.future_owner import FutureOwner
from scaler.client.stored_outcome import StoredOutcome
from scaler.utility.exceptions import DeserializeObjectError, ObjectStorageException
from scaler.utility.failures import deserialize_failure
from scaler.utility.identifiers import ObjectID, TaskID
from scaler.utility.interruption import is_interruption
from scaler.utility.metadata.profile_result import ProfileResult
from scaler.utility.serialization import deserialize

if TYPE_CHECKING:
    from typing_extensions import Buffer

logger = logging.getLogger(__name__)

_Callback = Callable[["ScalerFuture"], object]


class ScalerFuture(concurrent.futures.Future[Any]):
    """The result of a task to be. Works with ``concurrent.futures.wait`` and ``as_completed``, and can be awaited."""

    __slots__ = (
        "_callbacks",
        "_exception",
        "_is_awaited_by_receiver",
        "_is_failure",
        "_made_condition",
        "_made_waiters",
        "_metadata",
        "_outcome",
        "_owner",
        "_quick_callbacks",
        "_result",
        "_state",
        "_task_id",
    )

    def __init__(self, task_id: TaskID, owner: FutureOwner) -> None:
        """Make the future of a submitted task. Clients do this."""
        # the constructor of the standard library is left out on purpose: it makes a condition and two lists
        self._task_id = task_id
        self._owner = owner
        self._state = RUNNING
        self._made_condition: threading.Condition | None = None
        self._made_waiters: list[_Waiter] | None = None
        self._callbacks: list[_Callback] | None = None
        self._quick_callbacks: list[_Callback] | None = None
        self._outcome: StoredOutcome | Buffer | None = None
        self._is_failure = False
        self._is_awaited_by_receiver = False
        self._metadata = b""
        self._result: Any = None
        self._exception: BaseException | None = None

    @property
    def task_id(self) -> TaskID:
        """Return the id of the task."""
        return self._task_id

    # --- waiting, as users see it

    def done(self) -> bool:
        """Return whether the task has ended. Its result may still have to be fetched."""
        return self._state != RUNNING

    def running(self) -> bool:
        """Return whether the task has not ended; it is running from the moment of its submission."""
        return self._state == RUNNING

    def cancelled(self) -> bool:
        """Return whether the task was cancelled."""
        return self._state == CANCELLED_AND_NOTIFIED

    def result(self, timeout: float | None = None) -> Any:
        """Return the result, or raise the exception of the task. The time-out covers the fetch of a large result."""
        self._await_outcome(timeout)
        if self._exception is not None:
            try:
                raise self._exception
            finally:
                self = None  # type: ignore[assignment]  # breaks the cycle of exception, traceback and frame
        return self._result

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the exception of the task, or None when it succeeded."""
        self._await_outcome(timeout)
        return self._exception

    def cancel(self, timeout: float | None = None) -> bool:
        """Cancel the task and wait for the verdict; return whether it is cancelled.

        A result that wins the race is kept, and False returned. Raise TimeoutError when the verdict is not there in
        time; the request stays on its way.
        """
        _check_timeout(timeout)
        if self._state == RUNNING:
            self._owner.request_cancel(self._task_id)
            self._wait(timeout)
        return self.cancelled()

    def add_done_callback(self, fn: _Callback) -> None:
        """Call ``fn`` with this future once the task has ended: at once when it has, otherwise on another thread."""
        if not self._add_callback(fn, is_quick=False):
            self._run_callback(fn)

    def when_fetched(self, fn: _Callback) -> None:
        """Call ``fn`` with this future once the result is there. It is the client's own, and neither waits nor fails.

        It waits for no callback of the user, which may take long: who receives calls it, or who fetches.
        """
        if not self._add_callback(fn, is_quick=True):
            self._run_when_fetched([fn])

    def profiling_info(self) -> ProfileResult:
        """Return what the task cost, see ``ProfileResult``. Raise ValueError when that is not known."""
        if self._metadata:
            return ProfileResult.deserialize(self._metadata)
        reason = {RUNNING: "it has not ended", CANCELLED_AND_NOTIFIED: "it was cancelled"}.get(
            self._state, "it was lost"
        )
        raise ValueError(f"didn't receive profiling info for {self._task_id!r} yet: {reason}")

    def __await__(self) -> Generator[Any, None, Any]:
        import asyncio  # only programs that await have it loaded

        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def wake() -> None:
            if not ended.done():
                ended.set_result(None)

        def wake_loop(_: ScalerFuture) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, so that nobody awaits any more
                loop.call_soon_threadsafe(wake)

        self.when_fetched(wake_loop)
        try:
            yield from ended.__await__()
        except asyncio.CancelledError:  # of the awaiting coroutine; the loop must not wait for the verdict
            self._owner.request_cancel(self._task_id)
            raise
        if self.cancelled():
            raise asyncio.CancelledError(self._describe_cancellation())
        return self.result()

    def __repr__(self) -> str:
        return f"<ScalerFuture task={self._task_id.hex()} {self._describe_state()}>"

    def __reduce__(self) -> NoReturn:
        """Raise TypeError: a future stays where it is."""
        raise TypeError(
            "a future cannot leave its process: wait for its result(), or let Client.get pass results between tasks"
        )

    # --- the end of the task, as clients tell it

    def set_result_ready(self, outcome: ObjectID | Buffer, is_failure: bool = False, metadata: bytes = b"") -> None:
        """End with a result to be decoded: its bytes, or the id under which it is stored.

        Raise InvalidStateError when the task had ended.
        """
        if not self._end(FINISHED, outcome, is_failure, metadata):
            raise concurrent.futures.InvalidStateError(f"{self._describe_state()}: {self!r}")

    def set_result(self, result: Any, profiling_info: ProfileResult | None = None) -> None:
        """End with a result. Raise InvalidStateError when the task had ended."""
        self._set(result, None, profiling_info)

    def set_exception(self, exception: BaseException | None, profiling_info: ProfileResult | None = None) -> None:
        """End with an exception. Raise InvalidStateError when the task had ended."""
        self._set(None, exception, profiling_info)

    def set_canceled(self, reason: str = "") -> None:
        """End as cancelled, unless the task has ended. The reason is told to who asks for the result."""
        self._end(CANCELLED_AND_NOTIFIED, None, False, b"", reason)

    def has_stored_result(self) -> bool:
        """Return whether the result has to be fetched."""
        return type(self._outcome) is StoredOutcome

    def prefetch(self) -> None:
        """Fetch and decode the result now. A failure of the storage becomes the future's exception."""
        outcome = self._outcome
        if type(outcome) is not StoredOutcome:
            return
        try:
            self._fetch(outcome, None)
        except (ObjectStorageException, TimeoutError) as error:
            if self._settle(outcome, None, error):
                outcome.release()

    def prefetch_elsewhere(self) -> None:
        """Let another thread fetch the result, when it has to be fetched."""
        if self.has_stored_result():
            self._owner.run_elsewhere(self.prefetch)

    # --- what the standard library's wait and as_completed use

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override]  # an attribute there
        condition = self._made_condition
        if condition is None:
            with self._owner.future_lock:
                condition = self._made_condition
                if condition is None:
                    condition = self._made_condition = threading.Condition()
        return condition

    @property
    def _waiters(self) -> list[_Waiter]:  # type: ignore[override]  # an attribute there
        if self._made_waiters is None:
            self._made_waiters = []
            self._owner.keep_receiving()
        return self._made_waiters

    # --- parts

    def _set(self, result: Any, exception: BaseException | None, profiling_info: ProfileResult | None) -> None:
        metadata = b"" if profiling_info is None else profiling_info.serialize()
        if not self._end(FINISHED, None, exception is not None, metadata, result, exception):
            raise concurrent.futures.InvalidStateError(f"{self._describe_state()}: {self!r}")

    def _end(
        self,
        state: str,
        outcome: ObjectID | Buffer | None,
        is_failure: bool,
        metadata: bytes,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> bool:
        """End the task, notify whoever waits, and return whether it had not ended before."""
        ending = (state, outcome, is_failure, metadata, result, exception)
        with self._owner.future_lock:
            condition = self._made_condition
            if condition is None and not self._assign_ending(*ending):
                return False
        if condition is not None:
            with condition:
                if not self._assign_ending(*ending):
                    return False
                self._notify(condition)
        if self._is_awaited_by_receiver:
            self._owner.wake_waiting()
        if self._callbacks or self._quick_callbacks:
            self._call_back()
        elif self._made_waiters and self.has_stored_result():
            self._owner.run_elsewhere(self.prefetch)
        return True

    def _call_back(self) -> None:
        quick, self._quick_callbacks = self._quick_callbacks, None
        if quick:
            self._run_when_fetched(quick)
        callbacks, self._callbacks = self._callbacks, None
        if callbacks:
            self._owner.call_back(lambda: self._run_callbacks(callbacks))

    def _assign_ending(
        self,
        state: str,
        outcome: ObjectID | Buffer | None,
        is_failure: bool,
        metadata: bytes,
        result: Any,
        exception: BaseException | None,
    ) -> bool:
        if self._state != RUNNING:
            return False
        stored = StoredOutcome(outcome) if type(outcome) is ObjectID else None
        self._outcome, self._is_failure, self._metadata = stored or outcome, is_failure, metadata
        self._result, self._exception = result, exception
        self._state = state  # after what belongs to it: done() reads it without a lock
        if stored is not None:  # not before, for an ending that is cut off is repeated
            stored.owner = self._owner
        return True

    def _notify(self, condition: threading.Condition) -> None:
        for waiter in self._made_waiters or ():
            if self._state == CANCELLED_AND_NOTIFIED:
                waiter.add_cancelled(self)
            elif self._is_failure:
                waiter.add_exception(self)
            else:
                waiter.add_result(self)
        condition.notify_all()

    def _await_outcome(self, timeout: float | None) -> None:
        """Return once result or exception are there. Raise TimeoutError or CancelledError."""
        deadline = None
        _check_timeout(timeout)
        if self._state == RUNNING:
            deadline = None if timeout is None else time.monotonic() + timeout
            self._wait(timeout)
        if self._state == CANCELLED_AND_NOTIFIED:
            raise concurrent.futures.CancelledError(self._describe_cancellation())
        outcome = self._outcome
        if isinstance(outcome, StoredOutcome):
            if deadline is not None:
                timeout = max(0.0, deadline - time.monotonic())
            self._fetch(outcome, timeout)
        elif outcome is not None:
            self._settle(outcome, *self._decode(outcome))

    def _wait(self, timeout: float | None) -> None:
        owner = self._owner
        owner.prepare_wait()
        self._is_awaited_by_receiver = True
        if not owner.wait_until(self.done, self._sleep, timeout):
            raise concurrent.futures.TimeoutError(f"task {self._task_id.hex()} did not end within {timeout} seconds")

    def _sleep(self, timeout: float | None) -> None:
        """Wait to be notified by the thread that receives."""
        condition = self._condition
        with condition:
            condition.wait_for(self.done, timeout)

    def _fetch(self, outcome: StoredOutcome, timeout: float | None) -> None:
        """Fetch, decode, and only then release the stored result. Raise TimeoutError or ObjectStorageException."""
        if not outcome.lock.acquire(timeout=-1 if timeout is None else timeout):
            raise concurrent.futures.TimeoutError(f"the result of {self!r} was not fetched within {timeout} seconds")
        try:
            if self._outcome is not outcome:  # another thread has fetched it
                return
            payload = self._owner.fetch(outcome.object_id, timeout)
            is_first = self._settle(outcome, *self._decode(payload))
        finally:
            outcome.lock.release()
        if is_first:
            outcome.release()

    def _decode(self, payload: Buffer) -> tuple[Any, BaseException | None]:
        if self._is_failure:
            return None, deserialize_failure(payload)
        try:
            return deserialize(self._owner.serializer, payload), None
        except BaseException as error:  # code of the result's own class, or of the user's serializer
            if is_interruption(error):
                raise
            failure = DeserializeObjectError(f"the result of task {self._task_id.hex()} cannot be decoded: {error!r}")
            failure.__cause__ = error
            return None, failure

    def _settle(self, outcome: object, result: Any, exception: BaseException | None) -> bool:
        """Keep the decoded outcome, and return whether it is the first: then all threads see this one."""
        with self._owner.future_lock:
            if self._outcome is not outcome:
                return False
            self._result, self._exception = result, exception
            self._outcome = None
            return True

    def _add_callback(self, callback: _Callback, is_quick: bool) -> bool:
        with self._owner.future_lock:
            condition = self._made_condition
            if condition is None:
                return self._append_callback(callback, is_quick)
        with condition:
            return self._append_callback(callback, is_quick)

    def _append_callback(self, callback: _Callback, is_quick: bool) -> bool:
        if self._state != RUNNING:
            return False
        if self._callbacks is None and self._quick_callbacks is None:
            self._owner.keep_receiving()
        if is_quick:
            self._quick_callbacks = self._quick_callbacks or []
            self._quick_callbacks.append(callback)
        else:
            self._callbacks = self._callbacks or []
            self._callbacks.append(callback)
        return True

    def _run_when_fetched(self, callbacks: list[_Callback]) -> None:
        if self.has_stored_result():
            self._owner.run_elsewhere(lambda: self._run_callbacks(callbacks))
        else:
            self._run_callbacks(callbacks)

    def _run_callbacks(self, callbacks: list[_Callback]) -> None:
        self.prefetch()
        for callback in callbacks:
            self._run_callback(callback)

    def _run_callback(self, callback: _Callback) -> None:
        try:
            callback(self)
        except Exception as error:  # user code; as in the standard library
            if is_interruption(error):
                raise
            logger.exception("exception calling callback for %r", self)

    def _describe_cancellation(self) -> str:
        reason = f" because {self._result}" if self._result else ""
        return f"task {self._task_id.hex()} was cancelled{reason}"

    def _describe_state(self) -> str:
        if self._state == RUNNING:
            return "state=running"
        if self._state == CANCELLED_AND_NOTIFIED:
            return "state=cancelled"
        if self.has_stored_result():
            return "state=finished, result not fetched"
        if self._is_failure:
            kind = type(self._exception).__name__ if self._exception is not None else "an exception"
            return f"state=finished raised {kind}"
        return (
            "state=finished returned a result"
            if self._outcome is not None
            else (f"state=finished returned {type(self._result).__name__}")
        )


def _check_timeout(timeout: object) -> None:
    if timeout is not None and not isinstance(timeout, numbers.Real):
        raise TypeError(f"timeout must be a number of seconds or None, got {timeout!r}")
