"""Futures without a cluster: the behaviour of the standard library's, and what is fetched when."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import itertools
import logging
import pickle
import sys
import threading
import time
import tracemalloc
from concurrent.futures import CancelledError, InvalidStateError
from typing import Any

import pytest
from client_stand_ins import PROFILE, StandInOwner

from scaler.client.future import ScalerFuture
from scaler.utility.exceptions import (
    DeserializeObjectError,
    ObjectStorageException,
    UnserializableError,
    WorkerDiedError,
)
from scaler.utility.identifiers import ClientID, ObjectID, TaskID

STORED = ObjectID.generate_object_id(ClientID.generate_client_id())


@pytest.fixture
def owner() -> StandInOwner:
    return StandInOwner({STORED: pickle.dumps(3.0)})


@pytest.fixture
def future(owner: StandInOwner) -> ScalerFuture:
    return ScalerFuture(TaskID.generate_task_id(), owner)


def start(function: Any, *args: Any) -> threading.Thread:
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


# --- a stored result


def test_stored_result_is_fetched_once_by_who_asks(future: ScalerFuture, owner: StandInOwner) -> None:
    assert future.running()
    assert not future.done()
    for accessor in (future.result, future.exception):
        with pytest.raises(concurrent.futures.TimeoutError):
            accessor(timeout=0)
    future.set_result_ready(STORED)
    assert future.done()
    assert not future.running()
    assert owner.fetched == []
    assert "result not fetched" in repr(future)
    assert future.result() == 3.0
    assert future.result() == 3.0
    assert future.exception() is None
    assert owner.fetched == [STORED]
    assert owner.released == [STORED]
    assert future.cancel() is False
    assert owner.cancelled == []


def test_stored_failure_is_fetched_lazily(future: ScalerFuture, owner: StandInOwner) -> None:
    owner.payloads[STORED] = pickle.dumps(ValueError("test"))
    future.set_result_ready(STORED, is_failure=True)
    assert owner.fetched == []
    with pytest.raises(ValueError, match="test"):
        future.result()
    assert isinstance(future.exception(), ValueError)
    assert (owner.fetched, owner.released) == ([STORED], [STORED])
    assert future.cancel() is False


def test_result_is_decoded_before_it_is_released(future: ScalerFuture, owner: StandInOwner) -> None:
    owner.payloads[STORED] = b"garbage"
    future.set_result_ready(STORED)
    for _ in range(2):  # the outcome is remembered
        with pytest.raises(DeserializeObjectError) as info:
            future.result()
        assert info.value.__cause__ is not None
    assert (owner.fetched, owner.released) == ([STORED], [STORED])


class Exits:
    """Loading it ends the interpreter, unless somebody sees to it that it does not."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def __reduce__(self) -> Any:
        return _raise, (self.kind,)


def _raise(kind: type[BaseException]) -> None:
    raise kind


@pytest.mark.parametrize("is_failure", [False, True])
def test_a_result_cannot_end_the_program_that_loads_it(future: ScalerFuture, is_failure: bool) -> None:
    future.set_result_ready(pickle.dumps(Exits(SystemExit)), is_failure)
    with pytest.raises(UnserializableError if is_failure else DeserializeObjectError, match="SystemExit"):
        future.result()


def test_ctrl_c_while_a_result_is_loaded_is_no_failure_of_the_task(future: ScalerFuture) -> None:
    future.set_result_ready(pickle.dumps(Exits(KeyboardInterrupt)))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            future.result()


def test_fetch_that_fails_can_be_tried_again(future: ScalerFuture, owner: StandInOwner) -> None:
    future.set_result_ready(STORED)
    owner.failure = ObjectStorageException("gone")
    with pytest.raises(ObjectStorageException):
        future.result()
    assert owner.released == []
    owner.failure = None
    assert future.result() == 3.0


def test_failed_fetch_before_callbacks_is_the_outcome(future: ScalerFuture, owner: StandInOwner) -> None:
    outcomes: list[BaseException | None] = []
    future.add_done_callback(lambda done: outcomes.append(done.exception()))
    owner.failure = ObjectStorageException("gone")
    future.set_result_ready(STORED)
    owner.run_jobs()
    assert outcomes == [owner.failure]


def test_result_that_could_not_be_fetched_ahead_is_released(future: ScalerFuture, owner: StandInOwner) -> None:
    future.set_result_ready(STORED)
    owner.failure = ObjectStorageException("lost")
    future.prefetch()
    future.prefetch()
    assert isinstance(future.exception(), ObjectStorageException)
    assert owner.released == [STORED]


def test_two_threads_fetch_once(future: ScalerFuture, owner: StandInOwner) -> None:
    may_go, original, results = threading.Event(), owner.fetch, []

    def fetch(object_id: ObjectID, timeout_seconds: float | None) -> Any:
        assert may_go.wait(10)
        return original(object_id, timeout_seconds)

    owner.fetch = fetch  # type: ignore[method-assign]
    future.set_result_ready(STORED)
    threads = [start(lambda: results.append(future.result())) for _ in range(3)]
    assert future.done()  # does not wait for the fetch
    with pytest.raises(concurrent.futures.TimeoutError):
        for _ in range(1000):  # until one of the threads fetches
            future.result(timeout=0.01) if future._outcome.lock.locked() else time.sleep(0.001)
    may_go.set()
    for thread in threads:
        thread.join(10)
    assert results == [3.0] * 3
    assert owner.fetched == [STORED]


def test_timeout_covers_the_fetch(future: ScalerFuture, owner: StandInOwner) -> None:
    limits: list[float | None] = []
    owner.fetch = lambda object_id, timeout: limits.append(timeout) or pickle.dumps(1)  # type: ignore[method-assign]
    thread = start(lambda: (time.sleep(0.05), future.set_result_ready(STORED)))
    assert future.result(timeout=10) == 1
    thread.join()
    assert limits[0] is not None
    assert 5 < limits[0] < 10


def test_unfetched_result_is_released_with_its_future(owner: StandInOwner) -> None:
    future = ScalerFuture(TaskID.generate_task_id(), owner)
    future.set_result_ready(STORED)
    del future
    gc.collect()
    assert (owner.fetched, owner.released) == ([], [STORED])


# --- an inline result


def test_inline_result_is_decoded_by_who_asks(future: ScalerFuture, owner: StandInOwner) -> None:
    future.set_result_ready(pickle.dumps({"a": 1}), metadata=PROFILE.serialize())
    assert repr(future).endswith("state=finished returned a result>")
    value = future.result()
    assert value == {"a": 1}
    assert future.result() is value
    assert repr(future).endswith("state=finished returned dict>")
    assert owner.fetched == owner.released == []
    assert future.profiling_info() == PROFILE


def test_inline_failure(future: ScalerFuture) -> None:
    future.set_result_ready(pickle.dumps(ValueError("test")), is_failure=True)
    assert isinstance(future.exception(), ValueError)
    with pytest.raises(ValueError, match="test"):
        future.result()
    assert "raised ValueError" in repr(future)


@pytest.mark.parametrize(("is_failure", "kind"), [(False, DeserializeObjectError), (True, UnserializableError)])
def test_undecodable_value_fails_only_its_future(future: ScalerFuture, is_failure: bool, kind: type) -> None:
    future.set_result_ready(b"garbage", is_failure)
    assert isinstance(future.exception(), kind)
    assert isinstance(future.exception(), kind)


def test_none_is_a_result(future: ScalerFuture) -> None:
    future.set_result_ready(pickle.dumps(None))
    assert future.result() is None


# --- results set directly


def test_set_exception_touches_no_storage(future: ScalerFuture, owner: StandInOwner) -> None:
    future.set_exception(WorkerDiedError("died"))
    with pytest.raises(WorkerDiedError):
        future.result()
    assert isinstance(future.exception(), WorkerDiedError)
    assert future.cancel() is False
    assert owner.fetched == []


def test_set_result_and_profile(future: ScalerFuture) -> None:
    future.set_result(7, PROFILE)
    assert future.result() == 7
    assert future.profiling_info() == PROFILE


def test_second_end_is_an_error(owner: StandInOwner) -> None:
    ends = [
        lambda future: future.set_result(1),
        lambda future: future.set_exception(ValueError()),
        lambda future: future.set_result_ready(STORED),
        lambda future: future.set_result_ready(b""),
    ]
    for first, second in itertools.product([*ends, lambda future: future.set_canceled()], ends):
        future = ScalerFuture(TaskID.generate_task_id(), owner)
        first(future)
        with pytest.raises(InvalidStateError):
            second(future)
        future.set_canceled()  # does nothing
        assert future.cancelled() is (first not in ends)


def test_profile_of_an_unfinished_or_cancelled_task_is_an_error(future: ScalerFuture) -> None:
    with pytest.raises(ValueError, match="it has not ended"):
        future.profiling_info()
    future.set_canceled()
    with pytest.raises(ValueError, match="it was cancelled"):
        future.profiling_info()


# --- cancelling


def test_confirmed_cancel(future: ScalerFuture, owner: StandInOwner) -> None:
    threads: list[threading.Thread] = []
    owner.on_cancel = lambda task_id: threads.append(start(future.set_canceled))
    assert future.cancel() is True
    assert future.cancelled()
    assert future.done()
    assert not future.running()
    for accessor in (future.result, future.exception):
        with pytest.raises(CancelledError, match=f"^task {future.task_id.hex()} was cancelled$"):
            accessor()
    with pytest.raises(InvalidStateError):
        future.set_result_ready(STORED)
    assert future.cancel() is True
    assert owner.cancelled == [future.task_id]
    assert owner.fetched == []
    threads[0].join()


def test_result_that_wins_the_race_is_kept(future: ScalerFuture, owner: StandInOwner) -> None:
    owner.on_cancel = lambda task_id: future.set_result_ready(STORED)
    assert future.cancel() is False
    assert not future.cancelled()
    assert future.result() == 3.0


def test_cancel_with_timeout(future: ScalerFuture) -> None:
    with pytest.raises(concurrent.futures.TimeoutError):
        future.cancel(timeout=0.01)
    assert future.running()


# --- callbacks


def test_callback_runs_elsewhere_with_the_result_fetched(future: ScalerFuture, owner: StandInOwner) -> None:
    seen: list[Any] = []
    future.add_done_callback(lambda done: seen.append((done.done(), done.result(), list(owner.fetched))))
    future.set_result_ready(STORED)
    assert seen == []  # not in the thread that receives
    owner.run_jobs()
    assert seen == [(True, 3.0, [STORED])]


def test_callbacks_run_in_order_and_their_errors_are_logged(
    future: ScalerFuture, owner: StandInOwner, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []
    future.add_done_callback(lambda _: seen.append(1))
    future.add_done_callback(lambda _: 1 / 0)
    future.add_done_callback(lambda _: seen.append(2))
    future.set_result(0)
    with caplog.at_level(logging.ERROR):
        owner.run_jobs()
        future.add_done_callback(lambda _: 1 / 0)  # not raised either
    assert seen == [1, 2]
    assert len(caplog.records) == 2


def test_callback_of_an_ended_future_runs_at_once(future: ScalerFuture) -> None:
    seen: list[Any] = []
    future.set_result_ready(STORED)
    future.add_done_callback(lambda done: seen.append(done.result()))
    assert seen == [3.0]


def test_callback_of_a_cancelled_future(future: ScalerFuture, owner: StandInOwner) -> None:
    seen: list[Any] = []
    future.add_done_callback(lambda done: seen.append(done.cancelled()))
    future.set_canceled()
    owner.run_jobs()
    assert seen == [True]


# --- the standard library around it


def end_with_result(future: ScalerFuture) -> None:
    future.set_result_ready(STORED)


def end_with_failure(future: ScalerFuture) -> None:
    future.set_result_ready(pickle.dumps(ValueError()), is_failure=True)


@pytest.mark.parametrize("end", [end_with_result, end_with_failure, ScalerFuture.set_canceled])
@pytest.mark.parametrize("is_before", [True, False])
def test_as_completed(owner: StandInOwner, end: Any, is_before: bool) -> None:
    futures = [ScalerFuture(TaskID.generate_task_id(), owner) for _ in range(3)]
    if is_before:
        for future in futures:
            end(future)
    completed = concurrent.futures.as_completed(futures, timeout=5)
    threads = [] if is_before else [start(end, future) for future in futures]
    assert set(completed) == set(futures)
    for thread in threads:
        thread.join()


def test_as_completed_times_out(future: ScalerFuture) -> None:
    with pytest.raises(concurrent.futures.TimeoutError):
        list(concurrent.futures.as_completed([future], timeout=0.01))


def test_wait_for_first_exception(owner: StandInOwner) -> None:
    futures = [ScalerFuture(TaskID.generate_task_id(), owner) for _ in range(3)]
    end_with_result(futures[0])
    thread = start(lambda: (time.sleep(0.05), end_with_failure(futures[1])))
    done, waiting = concurrent.futures.wait(futures, timeout=5, return_when=concurrent.futures.FIRST_EXCEPTION)
    assert (done, waiting) == (set(futures[:2]), {futures[2]})
    thread.join()


def test_wait_for_first_completed_and_for_all(owner: StandInOwner) -> None:
    futures = [ScalerFuture(TaskID.generate_task_id(), owner) for _ in range(3)]
    thread = start(lambda: (time.sleep(0.05), end_with_result(futures[2])))
    done, _ = concurrent.futures.wait(futures, 5, concurrent.futures.FIRST_COMPLETED)
    assert done == {futures[2]}
    thread.join()
    futures[0].set_canceled()
    thread = start(lambda: (time.sleep(0.05), end_with_failure(futures[1])))
    assert concurrent.futures.wait(futures, 5).not_done == set()
    thread.join()


def test_waited_for_result_is_fetched_ahead(future: ScalerFuture, owner: StandInOwner) -> None:
    waiter = start(concurrent.futures.wait, [future], 5)
    while not future._waiters:
        time.sleep(0.001)
    future.set_result_ready(STORED)
    waiter.join()
    owner.run_jobs()
    assert owner.fetched == [STORED]
    assert future.result() == 3.0


def test_many_threads_end_and_wait() -> None:
    owner = StandInOwner({STORED: pickle.dumps(3.0)})
    for _ in range(300):
        future = ScalerFuture(TaskID.generate_task_id(), owner)
        outcomes: list[Any] = []
        threads = [
            start(future.set_canceled),
            start(lambda future=future: _ignoring_invalid_state(lambda: future.set_result_ready(STORED))),
            *[start(_note_outcome, future, outcomes) for _ in range(2)],
        ]
        for thread in threads:
            thread.join(10)
        assert outcomes in ([3.0] * 2, ["cancelled"] * 2)


def _ignoring_invalid_state(action: Any) -> None:
    try:
        action()
    except InvalidStateError:
        return


def _note_outcome(future: ScalerFuture, outcomes: list[Any]) -> None:
    try:
        outcomes.append(future.result(timeout=10))
    except CancelledError:
        outcomes.append("cancelled")


# --- asyncio


def run_jobs_until(owner: StandInOwner, event: threading.Event) -> None:
    while not event.wait(0.001):
        owner.run_jobs()


@pytest.mark.parametrize("is_wrapped", [True, False])
def test_futures_can_be_awaited(future: ScalerFuture, owner: StandInOwner, is_wrapped: bool) -> None:
    async def main() -> Any:
        return await (asyncio.wrap_future(future) if is_wrapped else future)

    is_over = threading.Event()
    threads = [
        start(run_jobs_until, owner, is_over),
        start(lambda: (time.sleep(0.02), future.set_result_ready(STORED))),
    ]
    assert asyncio.run(main()) == 3.0
    is_over.set()
    for thread in threads:
        thread.join()


def test_cancelled_coroutine_requests_the_cancel_without_waiting(future: ScalerFuture, owner: StandInOwner) -> None:
    async def main() -> None:
        async def wait() -> Any:
            return await future

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert owner.cancelled == [future.task_id]


@pytest.mark.parametrize("outcome", [pickle.dumps(3.0), STORED])
def test_an_await_does_not_wait_for_callbacks_of_users(
    future: ScalerFuture, owner: StandInOwner, outcome: ObjectID | bytes
) -> None:
    async def main() -> Any:
        asyncio.get_running_loop().call_later(0.02, future.set_result_ready, outcome)
        asyncio.get_running_loop().call_later(0.04, lambda: [job() for job in owner.jobs])
        return await asyncio.wait_for(future, 5)

    future.add_done_callback(lambda _: pytest.fail("no thread is free for it"))
    assert asyncio.run(main()) == 3.0
    assert len(owner.callbacks) == 1


def test_an_await_of_an_ended_future_fetches_elsewhere(future: ScalerFuture, owner: StandInOwner) -> None:
    async def main() -> Any:
        asyncio.get_running_loop().call_later(0.02, owner.run_jobs)
        return await asyncio.wait_for(future, 5)

    future.set_result_ready(STORED)
    assert asyncio.run(main()) == 3.0


def test_the_end_of_a_task_is_silent_once_the_loop_that_awaited_it_is_closed(
    future: ScalerFuture, owner: StandInOwner, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(future, 0.01)

    asyncio.run(main())
    future.set_canceled()
    owner.run_jobs()
    assert caplog.records == []


# --- weight


def test_pending_future_is_light(owner: StandInOwner) -> None:
    task_ids = [TaskID.generate_task_id() for _ in range(10_000)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    futures = [ScalerFuture(task_id, owner) for task_id in task_ids]
    used = (tracemalloc.get_traced_memory()[0] - before) / len(futures)
    tracemalloc.stop()
    assert used < 300
    assert sys.getsizeof(futures[0]) < 200


def test_asking_for_the_state_makes_no_condition(future: ScalerFuture) -> None:
    assert (future.done(), future.running(), future.cancelled()) == (False, True, False)
    future.add_done_callback(lambda _: None)
    future.set_result(1)
    assert future.result() == 1
    assert future._made_condition is None
