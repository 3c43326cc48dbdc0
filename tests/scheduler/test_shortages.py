"""Tasks that no connected worker can ever run are reported with what they wait for: once, and again when it is over."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from scheduler_fixture import SchedulerFixture

from scaler.protocol import message
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.scheduler.controllers.monitor_controller import MOST_SHORTAGES
from scaler.scheduler.controllers.shortage_controller import MOST_LINES


@pytest.fixture
def scheduler() -> SchedulerFixture:
    return SchedulerFixture(allocate_policy=AllocatePolicy.capability)


def let_time_pass(scheduler: SchedulerFixture, first: int, last: int) -> None:
    for second in range(first, last):
        scheduler.tick(float(second))


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    """Return and forget what the log says about shortages."""
    found = [r.getMessage() for r in caplog.records if r.levelno == level and "task" in r.getMessage()]
    caplog.clear()
    return found


def answer(scheduler: SchedulerFixture, client: bytes, request: bytes) -> Any:
    scheduler.core.on_message(client, message.encode("informationRequest", request=request))
    [(_, frame)] = scheduler.core.outbox.take_messages()
    return json.loads(bytes(message.decode(frame)[1].response))


def test_one_line_for_each_kind_of_needs_and_another_when_it_is_over(
    scheduler: SchedulerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client, _ = scheduler.client(), scheduler.worker()
    scheduler.submit(client, 3, capabilities={"gpu": 2})
    scheduler.submit(client, 1, capabilities={"tpu": -1})
    scheduler.submit(client, 10)
    let_time_pass(scheduler, 0, 10)
    assert lines(caplog, logging.WARNING) == [
        "3 task(s) that need gpu=2 cannot run: no connected worker offers what it needs: gpu=2",
        "1 task(s) that need tpu cannot run: no connected worker offers what it needs: tpu",
    ]
    scheduler.submit(client, 5, capabilities={"gpu": 2})
    let_time_pass(scheduler, 10, 20)
    assert lines(caplog, logging.WARNING) == []
    scheduler.worker("g", capabilities={"gpu": 2})
    let_time_pass(scheduler, 20, 22)
    assert lines(caplog, logging.INFO)[-1] == "tasks that need gpu=2 can run now"
    let_time_pass(scheduler, 22, 30)
    assert lines(caplog, logging.INFO) == []


def test_what_waits_no_more_is_no_shortage(scheduler: SchedulerFixture, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client, _ = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client, capabilities={"gpu": 1})
    let_time_pass(scheduler, 0, 5)
    assert scheduler.core.gauges()["unplaceable_tasks"] == 1
    scheduler.cancel(client, task)
    let_time_pass(scheduler, 5, 6)
    assert lines(caplog, logging.INFO)[-1] == "tasks that need gpu=1 wait no more"
    assert scheduler.core.gauges()["unplaceable_tasks"] == 0
    assert len(scheduler.core._shortages) == 0


def test_a_short_absence_of_workers_is_not_worth_a_line(
    scheduler: SchedulerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    client = scheduler.client()
    scheduler.submit(client)
    let_time_pass(scheduler, 0, 2)
    scheduler.worker()
    let_time_pass(scheduler, 2, 10)
    assert lines(caplog, logging.WARNING) == []


def test_busy_workers_are_no_shortage(scheduler: SchedulerFixture, caplog: pytest.LogCaptureFixture) -> None:
    client, _ = scheduler.client(), scheduler.worker(queue_size=1)
    scheduler.submit(client, 100)
    let_time_pass(scheduler, 0, 10)
    assert scheduler.core.gauges()["unplaceable_tasks"] == 0
    assert lines(caplog, logging.WARNING) == []


def test_a_worker_that_drains_does_not_count(scheduler: SchedulerFixture, caplog: pytest.LogCaptureFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    scheduler.submit(client)
    scheduler.core.drain_worker(worker, "for this test")
    scheduler.submit(client)
    let_time_pass(scheduler, 0, 5)
    assert lines(caplog, logging.WARNING) == [
        "1 task(s) that need nothing special cannot run: every connected worker is about to leave"
    ]


def test_kinds_that_a_client_makes_up_do_not_fill_the_log_or_the_report(
    scheduler: SchedulerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = scheduler.client(), scheduler.worker()
    for number in range(500):
        scheduler.submit(client, capabilities={"gpu": number + 1})
    let_time_pass(scheduler, 0, 5)
    warnings = lines(caplog, logging.WARNING)
    assert len(warnings) == MOST_LINES + 1
    assert warnings[-1] == f"tasks of {500 - MOST_LINES} further kinds of needs cannot run"
    scheduler.core.on_subscriber_joined(b"top", {"cpu": 0, "rss": 0}, 0)
    scheduler.end_batch()
    [(_, fields)] = [report for report in scheduler.snapshots[b"top"] if report[0] == "stateScheduler"]
    assert len(fields["taskManager"]["unplaceable"]) == MOST_SHORTAGES


def test_who_asks_is_told(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    scheduler.submit(client, 2, capabilities={"gpu": 2, "linux": -1})
    scheduler.submit(client, 5, capabilities={"tpu": 1})
    assert answer(scheduler, client, b"shortages") == [
        {"capabilities": {"tpu": 1}, "tasks": 5, "waits_for": "no worker is connected"},
        {"capabilities": {"gpu": 2, "linux": 0}, "tasks": 2, "waits_for": "no worker is connected"},
    ]
    assert answer(scheduler, client, b"gauges")["unplaceable_tasks"] == 7
    assert "known: gauges, shortages" in answer(scheduler, client, b"nonsense")["error"]


def test_the_monitor_stream_says_it(scheduler: SchedulerFixture) -> None:
    client, _ = scheduler.client(), scheduler.worker()
    scheduler.submit(client, 2, capabilities={"gpu": 2, "linux": -1})
    scheduler.core.on_subscriber_joined(b"top", {"cpu": 0, "rss": 0}, 0)
    scheduler.core.publish({"cpu": 0, "rss": 0}, 0)
    scheduler.end_batch()
    [(member, fields)] = scheduler.reports
    _, report = message.decode(message.encode(member, **fields))
    [shortage] = report.taskManager.unplaceable
    assert {each.name: each.value for each in shortage.capabilities} == {"gpu": 2, "linux": -1}
    assert (shortage.tasks, shortage.waitsFor) == (2, "no connected worker offers what it needs: gpu=2, linux")


def test_counts_are_exact_after_cancels_in_the_middle_of_a_line(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    tasks = scheduler.submit(client, 10, capabilities={"gpu": 1})
    tasks += scheduler.submit(client, 10, capabilities={"gpu": 1}, priority=1)
    for task in (tasks[0], tasks[5], tasks[10], tasks[19]):
        scheduler.cancel(client, task)
    [shortage] = scheduler.core._shortages.shortages()
    assert shortage.tasks == 16
    scheduler.cancel(client, tasks[11])
    [shortage] = scheduler.core._shortages.shortages()
    assert shortage.tasks == 15


def test_what_waited_in_vain_leaves_nothing(scheduler: SchedulerFixture) -> None:
    client, _ = scheduler.client(), scheduler.worker()
    for number in range(100):
        scheduler.submit(client, 3, capabilities={"gpu": number + 1}, priority=number % 2)
    scheduler.lose(client)
    for second in range(3):
        scheduler.tick(float(second))
    queue, pool = scheduler.core._tasks._queue, scheduler.core._pool
    assert (queue.classes(), queue.parked(), pool.classes) == ([], [], [])


def test_what_was_put_aside_is_placed_when_a_worker_comes_that_offers_it(scheduler: SchedulerFixture) -> None:
    client, _ = scheduler.client(), scheduler.worker("plain")
    [special] = scheduler.submit(client, capabilities={"gpu": 2})
    [other] = scheduler.submit(client, capabilities={"tpu": 1})
    assert len(scheduler.core._tasks._queue.parked()) == 2
    small = scheduler.worker("small", capabilities={"gpu": 1}, keep=True)
    assert scheduler.tasks_sent_to(small) == []
    large = scheduler.worker("large", capabilities={"gpu": -1}, keep=True)
    assert scheduler.tasks_sent_to(large) == [special]
    both = scheduler.worker("both", capabilities={"gpu": 2, "tpu": 1}, keep=True)
    assert scheduler.tasks_sent_to(both) == [other]


def test_what_the_last_worker_that_offered_it_leaves_behind_is_put_aside_and_found_again(
    scheduler: SchedulerFixture,
) -> None:
    client, able = scheduler.client(), scheduler.worker("able", capabilities={"gpu": 1})
    first, second = scheduler.submit(client, 2, capabilities={"gpu": 1})
    scheduler.core.drain_worker(able, "for this test")
    scheduler.end_batch()
    third = scheduler.submit(client, capabilities={"gpu": 1})[0]
    scheduler.lose(able)
    assert len(scheduler.core._tasks._queue.parked()) == 1
    successor = scheduler.worker("successor", capabilities={"gpu": 1}, keep=True)
    assert scheduler.tasks_sent_to(successor) == [first, second]
    scheduler.finish(successor, first, attempt=1)
    assert scheduler.tasks_sent_to(successor) == [third]
