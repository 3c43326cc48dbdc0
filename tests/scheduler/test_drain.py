"""A worker that drains ends what it has started, gives the rest to others, and leaves when it holds nothing."""

from __future__ import annotations

from typing import Any

import pytest
from scheduler_fixture import SchedulerFixture

from scaler.protocol import codec, message
from scaler.protocol.codec import TaskCancelConfirmType
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.utility.identifiers import digest_of

CANCELED, FAILED = TaskCancelConfirmType.canceled, TaskCancelConfirmType.cancelFailed


def drain(scheduler: SchedulerFixture, worker: bytes) -> list[bytes]:
    """Let a worker drain, and return the tasks that it is asked for."""
    assert scheduler.core.drain_worker(worker, "for this test")
    scheduler.end_batch()
    return [sent.task_id for sent in scheduler.take(worker) if isinstance(sent, codec.TaskCancel)]


def ends(scheduler: SchedulerFixture, client: bytes) -> list[bytes]:
    return [end.task_id for end in scheduler.take(client) if isinstance(end, codec.TaskResult)]


def test_started_tasks_end_there_and_others_move(scheduler: SchedulerFixture) -> None:
    client, leaving = scheduler.client(), scheduler.worker("leaving")
    running, waiting = scheduler.submit(client, 2)
    scheduler.take(leaving)
    other = scheduler.worker("other")
    assert drain(scheduler, leaving) == [waiting, running]
    scheduler.confirm(leaving, waiting, CANCELED)
    scheduler.confirm(leaving, running, FAILED)
    assert scheduler.tasks_sent_to(other) == [waiting]
    later = scheduler.submit(client, 3)
    assert set(scheduler.tasks_sent_to(other)) <= set(later)
    assert scheduler.take(leaving) == []
    scheduler.finish(leaving, running)
    assert ends(scheduler, client) == [running]
    assert scheduler.take(leaving) == ["clientDisconnect"]
    scheduler.tick(1.0)
    assert scheduler.take(leaving) == []  # told once
    scheduler.say(leaving, message.encode("disconnectRequest", worker=leaving))
    assert (scheduler.core.gauges()["workers"], scheduler.core.gauges()["draining_workers"]) == (1, 0)


def test_an_idle_worker_leaves_at_once(scheduler: SchedulerFixture) -> None:
    worker = scheduler.worker()
    assert scheduler.core.drain_worker(worker, "for this test")
    scheduler.end_batch()
    assert scheduler.take(worker) == ["clientDisconnect"]
    assert not scheduler.core.drain_worker(b"Worker|unknown", "for this test")


def test_a_worker_that_asks_for_it_drains_and_asking_again_changes_nothing(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    running, waiting = scheduler.submit(client, 2)
    scheduler.take(worker)
    held = digest_of([running, waiting])
    for _ in range(5):
        scheduler.heartbeat(worker, drain=True, heldTasks=2, heldDigest=held)
    asked = [sent.task_id for sent in scheduler.take(worker) if isinstance(sent, codec.TaskCancel)]
    assert asked == [waiting, running]
    scheduler.confirm(worker, waiting, CANCELED)
    scheduler.confirm(worker, running, FAILED)
    scheduler.finish(worker, running)
    assert scheduler.take(worker) == ["clientDisconnect"]
    assert scheduler.core.gauges()["waiting_tasks"] == 1


def test_what_nobody_else_can_take_waits_in_its_order(scheduler: SchedulerFixture) -> None:
    client, leaving = scheduler.client(), scheduler.worker("leaving")
    tasks = scheduler.submit(client, 4)
    for task in reversed(drain(scheduler, leaving)):
        scheduler.confirm(leaving, task, CANCELED)
    assert scheduler.take(leaving) == ["clientDisconnect"]
    assert scheduler.core.gauges()["waiting_tasks"] == 4
    assert set(scheduler.tasks_sent_to(scheduler.worker("new", keep=True))) <= set(tasks)


def test_tasks_come_back_in_front_of_those_that_were_never_placed(scheduler: SchedulerFixture) -> None:
    client, leaving = scheduler.client(), scheduler.worker("leaving", queue_size=2)
    tasks = scheduler.submit(client, 4)
    for task in drain(scheduler, leaving):
        scheduler.confirm(leaving, task, CANCELED)
    assert scheduler.tasks_sent_to(scheduler.worker("new", queue_size=2, keep=True)) == tasks[:2]


def test_a_worker_that_is_lost_while_it_drains_loses_no_task(scheduler: SchedulerFixture) -> None:
    client, leaving = scheduler.client(), scheduler.worker("leaving")
    running, waiting = scheduler.submit(client, 2)
    drain(scheduler, leaving)
    scheduler.confirm(leaving, running, FAILED)
    scheduler.lose(leaving)
    assert scheduler.core.gauges()["draining_workers"] == 0
    other = scheduler.worker("other", keep=True)
    sent = [each for each in scheduler.take(other) if isinstance(each, codec.Task)]
    assert {(task.task_id, task.attempt) for task in sent} == {(running, 1), (waiting, 1)}


def test_a_worker_that_comes_back_after_it_has_drained_is_like_any_other(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    drain(scheduler, worker)
    scheduler.lose(worker)
    scheduler.worker()
    [task] = scheduler.submit(client)
    assert scheduler.tasks_sent_to(worker) == [task]


@pytest.mark.parametrize("verdict", [CANCELED, FAILED])
def test_a_cancel_while_the_worker_is_asked(scheduler: SchedulerFixture, verdict: TaskCancelConfirmType) -> None:
    client, leaving = scheduler.client(), scheduler.worker("leaving")
    [task] = scheduler.submit(client)
    drain(scheduler, leaving)
    scheduler.cancel(client, task)
    assert scheduler.take(leaving) == [codec.TaskCancel(task_id=task, force=True)]
    scheduler.confirm(leaving, task, verdict)  # of the first question
    if verdict is FAILED:
        scheduler.confirm(leaving, task, CANCELED)
    [confirm] = scheduler.take(client)
    assert (confirm.task_id, confirm.cancel_confirm_type) == (task, CANCELED)
    assert scheduler.take(leaving) == ["clientDisconnect"]
    assert scheduler.core.gauges()["tasks"] == 0


def test_a_client_that_leaves_meanwhile(scheduler: SchedulerFixture) -> None:
    client, leaving = scheduler.client(), scheduler.worker("leaving")
    running, waiting = scheduler.submit(client, 2)
    drain(scheduler, leaving)
    scheduler.lose(client)
    for task in (running, waiting):
        scheduler.confirm(leaving, task, CANCELED)
    assert "clientDisconnect" in scheduler.take(leaving)
    assert scheduler.core.gauges()["tasks"] == 0


def running_parent(scheduler: SchedulerFixture, client: Any, leaving: bytes) -> bytes:
    """Let a worker start a task, and drain it."""
    [parent] = scheduler.submit(client)
    drain(scheduler, leaving)
    scheduler.confirm(leaving, parent, FAILED)
    return parent


def test_nested_tasks_of_a_running_parent_go_to_others(scheduler: SchedulerFixture) -> None:
    client, leaving = scheduler.client(), scheduler.worker("leaving")
    parent = running_parent(scheduler, client, leaving)
    other = scheduler.worker("other")
    [child] = scheduler.submit(client, level=1)
    assert (scheduler.tasks_sent_to(other), scheduler.take(leaving)) == ([child], [])
    scheduler.finish(other, child)
    scheduler.finish(leaving, parent)
    assert ends(scheduler, client) == [child, parent]
    assert scheduler.take(leaving) == ["clientDisconnect"]


def test_nested_tasks_that_nobody_else_can_run_go_where_their_parent_may_wait(scheduler: SchedulerFixture) -> None:
    client, leaving = scheduler.client(), scheduler.worker("leaving")
    parent = running_parent(scheduler, client, leaving)
    children = scheduler.submit(client, 5, level=1)
    [unrelated] = scheduler.submit(client)
    for child in children:  # a few at a time, as with any worker
        assert child in scheduler.core._pool.get(leaving).tasks  # type: ignore[union-attr]
        scheduler.finish(leaving, child)
    scheduler.finish(leaving, parent)
    assert set(ends(scheduler, client)) == {parent, *children}
    assert "clientDisconnect" in scheduler.take(leaving)
    assert unrelated in scheduler.core._tasks._live and scheduler.core.gauges()["waiting_tasks"] == 1


def test_nested_tasks_that_were_ahead_come_back_to_a_parent_that_nobody_else_serves(
    scheduler: SchedulerFixture,
) -> None:
    client, leaving = scheduler.client(), scheduler.worker("leaving")
    [parent] = scheduler.submit(client)
    children = scheduler.submit(client, 2, level=1)
    scheduler.take(leaving)
    asked = drain(scheduler, leaving)
    assert set(asked) == {parent, *children}
    for task in asked:
        scheduler.confirm(leaving, task, FAILED if task == parent else CANCELED)
    assert set(scheduler.tasks_sent_to(leaving)) == set(children)
    for task in (*children, parent):
        scheduler.finish(leaving, task)
    assert set(ends(scheduler, client)) == {parent, *children}
    assert "clientDisconnect" in scheduler.take(leaving)


def test_a_child_that_needs_what_only_a_staying_worker_offers_waits_for_that_one() -> None:
    scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
    client = scheduler.client()
    leaving = scheduler.worker("leaving", capabilities={"gpu": 1})
    [parent] = scheduler.submit(client, capabilities={"gpu": 1})
    drain(scheduler, leaving)
    scheduler.confirm(leaving, parent, FAILED)
    plain = scheduler.worker("plain")
    [anywhere] = scheduler.submit(client, level=1)
    [special] = scheduler.submit(client, level=1, capabilities={"gpu": 1})
    assert scheduler.tasks_sent_to(plain) == [anywhere]
    assert scheduler.tasks_sent_to(leaving) == [special]


def test_a_parent_that_has_not_started_attracts_no_children(scheduler: SchedulerFixture) -> None:
    client, leaving = scheduler.client(), scheduler.worker("leaving")
    [task] = scheduler.submit(client)
    drain(scheduler, leaving)
    [child] = scheduler.submit(client, level=1)
    assert scheduler.take(leaving) == []
    scheduler.confirm(leaving, task, CANCELED)
    assert scheduler.take(leaving) == ["clientDisconnect"]
    assert set(scheduler.tasks_sent_to(scheduler.worker("new", keep=True))) == {child, task}


def test_nothing_is_balanced_towards_a_worker_that_drains() -> None:
    scheduler = SchedulerFixture(load_balance_seconds=0.1, load_balance_trigger_times=1)
    client, loaded = scheduler.client(), scheduler.worker("loaded")
    scheduler.submit(client, 2)
    scheduler.take(loaded)
    leaving = scheduler.worker("leaving")
    drain(scheduler, leaving)
    for tenth in range(100, 150):
        scheduler.tick(tenth / 10)
    assert scheduler.take(loaded) == []
