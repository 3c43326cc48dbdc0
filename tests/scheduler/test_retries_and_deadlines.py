"""Tasks that are tried again, and tasks that must have started by a certain time."""

from __future__ import annotations

from typing import Any

import pytest
from scheduler_fixture import SchedulerFixture, failure_of

from scaler.protocol import codec
from scaler.protocol.codec import TaskCancelConfirmType, TaskEndCause, TaskResultType
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.utility.exceptions import TaskDeadlineError

RETRYABLE = [TaskEndCause.processorDied, TaskEndCause.timedOut, TaskEndCause.retryable]


def fail(scheduler: SchedulerFixture, worker: bytes, task_id: bytes, cause: int, attempt: int = 0) -> None:
    result = codec.TaskResult(
        task_id=task_id, result_type=TaskResultType.failed, cause=cause, attempt=attempt, value=b"failure"
    )
    scheduler.say(worker, result.encode())


def assert_at_rest(scheduler: SchedulerFixture) -> None:
    gauges = scheduler.core.gauges()
    assert (gauges["tasks"], gauges["waiting_tasks"], gauges["placed_tasks"]) == (0, 0, 0)


# -- retries


@pytest.mark.parametrize("cause", RETRYABLE)
def test_a_task_is_tried_again_as_often_as_it_asked_for(scheduler: SchedulerFixture, cause: TaskEndCause) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client, retries=2)
    for attempt in range(3):
        [sent] = scheduler.take(worker)
        assert (sent.task_id, sent.attempt) == (task, attempt)
        assert scheduler.take(client) == []
        fail(scheduler, worker, task, cause, attempt)
    [result] = scheduler.take(client)
    assert (result.cause, result.attempt, result.value) == (cause, 2, b"failure")
    assert_at_rest(scheduler)


def test_a_later_attempt_may_succeed(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client, retries=1)
    fail(scheduler, worker, task, TaskEndCause.retryable)
    scheduler.finish(worker, task, attempt=1)
    [result] = scheduler.take(client)
    assert result.result_type == TaskResultType.success and result.attempt == 1


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({}, TaskEndCause.processorDied),
        ({"retries": 3}, TaskEndCause.exception),
        ({"retries": 3}, TaskEndCause.objectUnavailable),
    ],
)
def test_other_failures_are_final(scheduler: SchedulerFixture, fields: dict[str, Any], cause: TaskEndCause) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client, **fields)
    fail(scheduler, worker, task, cause)
    assert [result.cause for result in scheduler.take(client)] == [cause]
    assert_at_rest(scheduler)


def test_a_task_that_is_being_cancelled_is_not_tried_again(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client, retries=3)
    scheduler.cancel(client, task)
    fail(scheduler, worker, task, TaskEndCause.processorDied)
    assert [result.task_id for result in scheduler.take(client)] == [task]
    assert_at_rest(scheduler)


def test_losses_of_workers_and_failures_are_counted_apart(scheduler: SchedulerFixture) -> None:
    client, first = scheduler.client(), scheduler.worker("a")
    [task] = scheduler.submit(client, retries=1)
    scheduler.take(first)
    second = scheduler.worker("b")
    scheduler.lose(first)
    [again] = scheduler.take(second)
    assert again.attempt == 1
    fail(scheduler, second, task, TaskEndCause.retryable, attempt=1)
    [again] = scheduler.take(second)
    assert again.attempt == 2
    fail(scheduler, second, task, TaskEndCause.retryable, attempt=2)
    assert len(scheduler.take(client)) == 1


# -- deadlines


def late(scheduler: SchedulerFixture, client: bytes) -> str:
    """Return what the one task that ended waited for."""
    [result] = scheduler.take(client)
    assert result.cause == TaskEndCause.deadlineMissed
    error = failure_of(result)
    assert isinstance(error, TaskDeadlineError) and isinstance(error, TimeoutError)
    assert_at_rest(scheduler)
    return str(error)


def test_a_task_without_any_worker(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    scheduler.submit(client, deadline_milliseconds=1500)
    scheduler.tick(1.4)
    assert scheduler.take(client) == []
    scheduler.tick(1.6)
    assert "no worker is connected" in late(scheduler, client)


def test_a_task_that_nobody_can_run() -> None:
    scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
    client = scheduler.client()
    scheduler.worker(capabilities={"gpu": 1})
    scheduler.submit(client, capabilities={"gpu": 2, "linux": -1}, deadline_milliseconds=1000)
    scheduler.tick(2.0)
    assert "no connected worker offers what it needs: gpu=2, linux" in late(scheduler, client)


def test_a_task_for_which_all_workers_were_busy(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker(queue_size=1)
    [first] = scheduler.submit(client)
    scheduler.submit(client, deadline_milliseconds=1000)
    scheduler.tick(2.0)
    scheduler.finish(worker, first)
    results = scheduler.take(client)
    assert [result.cause for result in results] == [TaskEndCause.deadlineMissed, TaskEndCause.none]
    assert "were busy" in str(failure_of(results[0]))
    assert_at_rest(scheduler)


def test_a_task_that_its_worker_has_not_started(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client, deadline_milliseconds=1000)
    scheduler.take(worker)
    scheduler.tick(2.0)
    [cancel] = scheduler.take(worker)
    assert cancel.task_id == task and not cancel.force
    scheduler.confirm(worker, task, TaskCancelConfirmType.canceled)
    assert "waited behind other tasks of worker Worker|w|" in late(scheduler, client)


def test_a_task_that_has_started_has_met_its_deadline(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client, deadline_milliseconds=1000)
    scheduler.tick(2.0)
    scheduler.confirm(worker, task, TaskCancelConfirmType.cancelFailed)
    scheduler.tick(3.0)
    scheduler.finish(worker, task)
    assert [result.result_type for result in scheduler.take(client)] == [TaskResultType.success]


def test_a_late_task_whose_worker_is_lost_runs_again(scheduler: SchedulerFixture) -> None:
    """It may have started: that the deadline was missed is not known."""
    client, worker = scheduler.client(), scheduler.worker("a")
    [task] = scheduler.submit(client, deadline_milliseconds=1000)
    scheduler.tick(2.0)
    scheduler.lose(worker)
    scheduler.finish(scheduler.worker("b"), task, attempt=1)
    assert [result.result_type for result in scheduler.take(client)] == [TaskResultType.success]
    assert_at_rest(scheduler)


def test_what_has_ended_has_no_deadline(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    tasks = scheduler.submit(client, 3, deadline_milliseconds=1000)
    for task in tasks:
        scheduler.finish(worker, task)
    scheduler.take(client)
    scheduler.tick(2.0)
    assert scheduler.take(client) == []
