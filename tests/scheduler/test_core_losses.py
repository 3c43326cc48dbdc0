"""What the scheduler core does when workers and clients leave or are lost."""

from __future__ import annotations

from typing import Any

import pytest
from scheduler_fixture import SchedulerFixture, assert_at_rest, failure_of
from unreadable import unreadable

from scaler.protocol import codec, message
from scaler.protocol.codec import TaskCancelConfirmType
from scaler.utility.exceptions import TaskRejectedError, WorkerDiedError
from scaler.utility.identifiers import ObjectID, TaskID


def test_lost_worker_gives_its_tasks_back_with_another_attempt(scheduler: SchedulerFixture) -> None:
    client, first = scheduler.client(), scheduler.worker("a")
    tasks = scheduler.submit(client, 2)
    scheduler.lose(first)
    second = scheduler.worker("b")
    scheduler.lose(second)
    third_id = scheduler.worker("c", queue_size=5)
    gauges = scheduler.core.gauges()
    assert (gauges["placed_tasks"], gauges["workers"]) == (2, 1)
    for task in tasks:
        scheduler.finish(third_id, task, attempt=2)
    assert [result.attempt for result in scheduler.take(client)] == [2, 2]
    assert_at_rest(scheduler)


def test_placed_again_task_carries_its_attempt(scheduler: SchedulerFixture) -> None:
    client, first, second = scheduler.client(), scheduler.worker("a"), scheduler.worker("b")
    [task] = scheduler.submit(client)
    holder, other = (first, second) if scheduler.tasks_sent_to(first) else (second, first)
    scheduler.take(other)
    scheduler.lose(holder)
    [sent] = scheduler.take(other)
    assert (sent.task_id, sent.attempt) == (task, 1)


def test_task_under_which_three_workers_were_lost_fails(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    [task] = scheduler.submit(client)
    for name in "abc":
        scheduler.lose(scheduler.worker(name))
    [result] = scheduler.take(client)
    error = failure_of(result)
    assert isinstance(error, WorkerDiedError)
    assert error.task_id == task and task.hex() in str(error)
    assert (result.result_type, result.cause) == (
        codec.TaskResultType.failedWorkerDied,
        codec.TaskEndCause.workerLost,
    )
    assert_at_rest(scheduler)


def test_prefetched_tasks_are_not_charged_for_lost_workers(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    poison, innocent = scheduler.submit(client, 2)
    for name in "abc":
        scheduler.lose(scheduler.worker(name))
    [result] = scheduler.take(client)
    assert result.task_id == poison
    survivor = scheduler.worker("d")
    scheduler.finish(survivor, innocent, attempt=3)
    assert [result.task_id for result in scheduler.take(client)] == [innocent]


def test_results_of_a_lost_worker_are_stale(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker("a")
    [task] = scheduler.submit(client)
    scheduler.lose(worker)
    again = scheduler.worker("a")
    scheduler.finish(again, task, attempt=0)  # of the first attempt
    assert scheduler.take(client) == []
    scheduler.finish(again, task, attempt=1)
    assert [result.attempt for result in scheduler.take(client)] == [1]


def test_a_worker_cannot_finish_the_task_of_another(scheduler: SchedulerFixture) -> None:
    client, first, second = scheduler.client(), scheduler.worker("a"), scheduler.worker("b")
    [task] = scheduler.submit(client)
    holder, other = (first, second) if scheduler.tasks_sent_to(first) else (second, first)
    scheduler.finish(other, task)
    assert scheduler.take(client) == []
    scheduler.finish(holder, task)
    assert len(scheduler.take(client)) == 1


def test_leaving_worker_is_answered_and_not_resurrected_by_a_straggler(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker("a")
    scheduler.submit(client)
    scheduler.take(worker)
    scheduler.say(worker, message.encode("disconnectRequest", worker=b"Worker|somebody else|"))
    assert scheduler.take(worker) == ["disconnectResponse"]
    scheduler.heartbeat(worker)
    assert scheduler.core.gauges()["workers"] == 0
    assert scheduler.core.gauges()["waiting_tasks"] == 1
    scheduler.lose(worker)
    assert scheduler.core.gauges()["departed_workers"] == 0


def test_lost_clients_tasks_are_cancelled_and_slots_freed(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker(queue_size=1)
    running, _waiting = scheduler.submit(client, 2)
    scheduler.take(worker)
    scheduler.lose(client)
    assert scheduler.take(worker) == [codec.TaskCancel(task_id=running, force=True)]
    scheduler.confirm(worker, running, TaskCancelConfirmType.canceled)
    assert_at_rest(scheduler)
    assert scheduler.take(client) == []


def test_client_disconnect_message_does_the_same(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    object_id = ObjectID.generate_object_id(client)
    scheduler.create_objects(client, client, [object_id])
    [task] = scheduler.submit(client)
    scheduler.take(worker)
    scheduler.say(client, message.encode("clientDisconnect", disconnectType="disconnect"))
    assert scheduler.deleted_owners == [client.owner_hash()]
    scheduler.finish(worker, task)
    assert scheduler.take(client) == []
    assert_at_rest(scheduler)


def unreadable_task(client: bytes, **fields: Any) -> tuple[bytes, bytes]:
    """Return a task that is malformed where the scheduler does not look at first, and its id."""
    task_id = bytes(TaskID.generate_task_id())
    task = codec.Task(task_id=task_id, source=client, func_object_id=bytes(32), keyword_names=["name"], **fields)
    return unreadable(task), task_id


@pytest.mark.parametrize("leaves_in_order", [False, True])
def test_a_task_that_nobody_can_read_does_not_keep_others_of_its_worker_from_running_elsewhere(
    scheduler: SchedulerFixture, leaves_in_order: bool
) -> None:
    client, hostile, worker = scheduler.client(), scheduler.client("hostile"), scheduler.worker("1")
    [first] = scheduler.submit(client)
    frame, unreadable = unreadable_task(hostile)
    scheduler.say(hostile, frame)
    assert scheduler.core.gauges()["placed_tasks"] == 2
    if leaves_in_order:
        scheduler.say(worker, message.encode("disconnectRequest", worker=worker))
    else:
        scheduler.lose(worker)
    second = scheduler.worker("2", keep=True)
    assert scheduler.tasks_sent_to(second) == [first]
    [result] = scheduler.take(hostile)
    assert (result.task_id, result.cause) == (unreadable, codec.TaskEndCause.rejected)
    assert isinstance(failure_of(result), TaskRejectedError)
    scheduler.finish(second, first, attempt=1)
    assert scheduler.core.gauges()["failed_events"] == 0
    assert_at_rest(scheduler)


def test_a_task_that_nobody_can_read_ends_with_the_death_of_its_processor(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    frame, task = unreadable_task(client, retries=3)
    scheduler.say(client, frame)
    died = codec.TaskResult(
        task_id=task, result_type=codec.TaskResultType.failed, cause=codec.TaskEndCause.processorDied, value=b"died"
    )
    scheduler.say(worker, died.encode())
    assert [result.cause for result in scheduler.take(client)] == [codec.TaskEndCause.processorDied]
    assert scheduler.core.gauges()["dropped_messages"] == 0
    assert_at_rest(scheduler)


def test_a_task_whose_worker_never_says_what_became_of_it_fails_in_the_end(scheduler: SchedulerFixture) -> None:
    """As that of a worker whose results are refused: it holds the task no more, and its scheduler does."""
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    for attempt in range(3):
        assert scheduler.core.is_busy
        refused = codec.TaskResult(
            task_id=task, result_type=codec.TaskResultType.success, metadata=b"nonsense", attempt=attempt, value=b"v"
        )
        scheduler.say(worker, refused.encode())
        scheduler.heartbeats(worker, 5)
        for _ in [sent for sent in scheduler.take(worker) if isinstance(sent, codec.TaskCancel)]:
            scheduler.confirm(worker, task, TaskCancelConfirmType.cancelNotFound)
    [result] = scheduler.take(client)
    assert isinstance(failure_of(result), WorkerDiedError)
    assert_at_rest(scheduler)
