"""How the scheduler core moves tasks that have not started."""

from __future__ import annotations

from scheduler_fixture import SchedulerFixture, assert_at_rest

from scaler.protocol import codec
from scaler.protocol.codec import TaskCancelConfirmType


def test_idle_worker_gets_the_unstarted_tasks_of_a_slow_one(scheduler: SchedulerFixture) -> None:
    client, slow = scheduler.client(), scheduler.worker("slow")
    running, behind = scheduler.submit(client, 2)
    scheduler.take(slow)
    idle = scheduler.worker("idle")
    scheduler.tick(10.0)
    scheduler.tick(10.1)
    scheduler.tick(10.2)
    assert scheduler.take(slow) == [codec.TaskCancel(task_id=behind, force=False)]
    scheduler.tick(20.0)
    assert scheduler.take(slow) == []  # asked once
    scheduler.confirm(slow, behind, TaskCancelConfirmType.canceled)
    assert scheduler.tasks_sent_to(idle) == [behind]
    scheduler.finish(slow, running)
    scheduler.finish(idle, behind)
    assert len(scheduler.take(client)) == 2
    assert_at_rest(scheduler)


def test_idle_workers_share_what_one_worker_holds_also_when_they_are_more_than_the_tasks() -> None:
    scheduler = SchedulerFixture(load_balance_seconds=0.1, load_balance_trigger_times=1)
    client, loaded = scheduler.client(), scheduler.worker("loaded")
    scheduler.submit(client, 60)
    held = scheduler.tasks_sent_to(loaded)
    for _ in range(20):  # very short ones, so that many more are held ahead of need
        scheduler.finish(loaded, held.pop(0), seconds=0.00001)
        held += scheduler.tasks_sent_to(loaded)
    assert len(held) == 40
    idle = [scheduler.worker(f"idle{number}") for number in range(50)]
    for tenth in range(100, 120):
        scheduler.tick(tenth / 10)
        for cancel in scheduler.take(loaded):
            scheduler.confirm(loaded, cancel.task_id, TaskCancelConfirmType.canceled)
    moved = [scheduler.tasks_sent_to(worker) for worker in idle]
    assert sorted(len(tasks) for tasks in moved) == [0] * 11 + [1] * 39
    assert {task for tasks in moved for task in tasks} == set(held[1:])


def test_started_task_stays_when_it_is_asked_back(scheduler: SchedulerFixture) -> None:
    client, slow = scheduler.client(), scheduler.worker("slow")
    _, behind = scheduler.submit(client, 2)
    idle = scheduler.worker("idle")
    scheduler.tick(10.0)
    scheduler.tick(10.1)
    scheduler.tick(10.2)
    scheduler.confirm(slow, behind, TaskCancelConfirmType.cancelFailed)
    assert scheduler.tasks_sent_to(idle) == []
    scheduler.finish(slow, behind)
    assert [result.task_id for result in scheduler.take(client)] == [behind]


def test_worker_that_does_not_hold_its_task_loses_it_to_another(scheduler: SchedulerFixture) -> None:
    client, forgetful = scheduler.client(), scheduler.worker("forgetful")
    [task] = scheduler.submit(client)
    scheduler.take(forgetful)
    scheduler.heartbeats(forgetful, 3, heldTasks=0, heldDigest=0)
    assert codec.TaskCancel(task_id=task, force=False) in scheduler.take(forgetful)
    scheduler.confirm(forgetful, task, TaskCancelConfirmType.cancelNotFound)
    [sent] = [sent for sent in scheduler.take(forgetful) if isinstance(sent, codec.Task)]
    assert (sent.task_id, sent.attempt) == (task, 1)


def test_old_heartbeats_that_are_read_together_say_nothing_of_a_worker(scheduler: SchedulerFixture) -> None:
    """They were sent while the scheduler was busy, before the worker got what was placed since."""
    client, worker = scheduler.client(), scheduler.worker()
    scheduler.core.now_seconds += 10.0
    scheduler.submit(client)
    scheduler.take(worker)
    for _ in range(5):
        scheduler.heartbeat(worker, heldTasks=0, heldDigest=0)
    assert [message for message in scheduler.take(worker) if isinstance(message, codec.TaskCancel)] == []


def test_worker_that_lost_a_cancel_is_asked_again(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    scheduler.cancel(client, task)
    scheduler.take(worker)
    scheduler.heartbeats(worker, 3, heldTasks=0, heldDigest=0)
    assert codec.TaskCancel(task_id=task, force=True) in scheduler.take(worker)
    scheduler.confirm(worker, task, TaskCancelConfirmType.cancelNotFound)
    assert [confirm.cancel_confirm_type for confirm in scheduler.take(client)] == [TaskCancelConfirmType.cancelNotFound]
    assert_at_rest(scheduler)


def test_a_verdict_on_an_earlier_run_is_not_taken_for_one_on_the_next(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client, retries=1)
    ask_for(scheduler, task)
    failed = codec.TaskResult(
        task_id=task, result_type=codec.TaskResultType.failed, cause=codec.TaskEndCause.retryable, value=b"failed"
    )
    scheduler.say(worker, failed.encode())  # before it has read that it is asked, and it runs the task again now
    ask_for(scheduler, task)
    scheduler.take(worker)
    scheduler.confirm(worker, task, TaskCancelConfirmType.cancelNotFound)  # of the first run
    assert scheduler.tasks_sent_to(worker) == []
    assert scheduler.core.gauges()["open_cancels"] == 1
    scheduler.confirm(worker, task, TaskCancelConfirmType.cancelFailed)
    assert scheduler.core.gauges()["open_cancels"] == 0
    scheduler.finish(worker, task, attempt=1)
    assert [result.attempt for result in scheduler.take(client)] == [1]
    assert scheduler.core._pool.workers()[0].late_verdicts == {}
    assert_at_rest(scheduler)


def test_a_task_that_is_asked_for_twice_and_comes_back_is_not_lost_by_the_second_verdict(
    scheduler: SchedulerFixture,
) -> None:
    client, worker = scheduler.client(), scheduler.worker(queue_size=1)
    [task] = scheduler.submit(client)
    ask_for(scheduler, task)
    record = scheduler.core._tasks._live.get(task)
    assert record is not None
    scheduler.core._tasks.probe(record)
    scheduler.confirm(worker, task, TaskCancelConfirmType.canceled)  # and it is placed there again
    scheduler.cancel(client, task)
    scheduler.confirm(worker, task, TaskCancelConfirmType.cancelNotFound)  # of the first placement
    assert scheduler.take(client) == []
    scheduler.confirm(worker, task, TaskCancelConfirmType.canceled)
    assert [confirm.cancel_confirm_type for confirm in scheduler.take(client)] == [TaskCancelConfirmType.canceled]
    assert_at_rest(scheduler)


def ask_for(scheduler: SchedulerFixture, task: bytes) -> None:
    """Let the scheduler ask for a task back."""
    record = scheduler.core._tasks._live.get(task)
    assert record is not None
    scheduler.core._tasks.retract(record)
    scheduler.end_batch()
