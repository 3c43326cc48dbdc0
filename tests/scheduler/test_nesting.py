"""Where the scheduler places tasks that other tasks wait for, and what capabilities with amounts mean."""

from __future__ import annotations

import pytest
from scheduler_fixture import SchedulerFixture

from scaler.protocol.codec import TaskCancelConfirmType, TaskEndCause
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.scheduler.allocate_policy.needs import describe, needs_of, offers
from scaler.scheduler.controllers.live_tasks import MOST_LOSSES


def test_a_full_worker_has_room_for_what_is_nested_deeper(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker(queue_size=1)
    chain = [scheduler.submit(client, level=level)[0] for level in range(12)]
    assert scheduler.tasks_sent_to(worker) == chain
    [another] = scheduler.submit(client, level=5)
    assert scheduler.tasks_sent_to(worker) == []
    for task in reversed(chain):
        scheduler.finish(worker, task)
    assert scheduler.tasks_sent_to(worker) == [another]
    scheduler.finish(worker, another)
    assert scheduler.core.gauges()["tasks"] == 0


def test_nested_tasks_start_first_then_those_of_more_priority(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    [low] = scheduler.submit(client)
    [high] = scheduler.submit(client, priority=5)
    [negative] = scheduler.submit(client, priority=-5)
    [nested] = scheduler.submit(client, level=1, priority=-9)
    worker = scheduler.worker(keep=True, queue_size=1)
    for task in (nested, high, low, negative):
        assert scheduler.tasks_sent_to(worker) == [task]
        scheduler.finish(worker, task)


def test_an_idle_worker_takes_a_nested_task_before_the_one_of_its_parent(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    first = scheduler.worker("a")
    scheduler.submit(client)
    second = scheduler.worker("b")
    assert len(scheduler.tasks_sent_to(first)) == 1
    children = scheduler.submit(client, 3, level=1)
    assert scheduler.tasks_sent_to(second) == children[:1] + children[2:]
    assert scheduler.tasks_sent_to(first) == children[1:2]


def test_started_tasks_are_not_asked_for_again_and_again(scheduler: SchedulerFixture) -> None:
    client, loaded = scheduler.client(), scheduler.worker("a")
    tasks = scheduler.submit(client, 2)
    scheduler.worker("b")
    scheduler.take(loaded)
    scheduler.tick(1.0)
    scheduler.tick(2.0)
    scheduler.tick(3.0)
    [cancel] = scheduler.take(loaded)
    assert cancel.task_id == tasks[1] and not cancel.force
    scheduler.confirm(loaded, tasks[1], TaskCancelConfirmType.cancelFailed)
    for later in range(4, 10):
        scheduler.tick(float(later))
    assert scheduler.take(loaded) == []


@pytest.mark.parametrize(
    ("offered", "wanted", "is_offered"),
    [
        ({"gpu": 2}, {"gpu": 2}, True),
        ({"gpu": 1}, {"gpu": 2}, False),
        ({"gpu": -1}, {"gpu": 7}, True),
        ({"gpu": 0}, {"gpu": 1}, False),
        ({"gpu": 0}, {"gpu": -1}, True),
        ({"gpu": 4, "linux": -1}, {"gpu": 3, "linux": -1}, True),
        ({"gpu": 4}, {"gpu": 3, "linux": -1}, False),
        ({}, {}, True),
    ],
)
def test_amounts(offered: dict[str, int], wanted: dict[str, int], is_offered: bool) -> None:
    assert offers(offered, needs_of(wanted)) is is_offered


def test_needs_in_words() -> None:
    assert describe(needs_of({"linux": -1, "gpu": 2})) == "gpu=2, linux"
    assert describe(needs_of({})) == "nothing special"


def test_a_task_goes_where_there_is_enough() -> None:
    scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
    client, small = scheduler.client(), scheduler.worker("small", capabilities={"gpu": 1})
    [two] = scheduler.submit(client, capabilities={"gpu": 2})
    [one] = scheduler.submit(client, capabilities={"gpu": 1})
    assert scheduler.tasks_sent_to(small) == [one]
    large = scheduler.worker("large", capabilities={"gpu": 2}, keep=True)
    assert scheduler.tasks_sent_to(large) == [two]


def test_loss_of_a_worker_is_charged_to_the_task_that_is_nested_deepest(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker("0")
    [parent] = scheduler.submit(client)
    [deadly] = scheduler.submit(client, level=1)
    for number in range(MOST_LOSSES):
        assert scheduler.take(client) == []
        scheduler.lose(worker)
        worker = scheduler.worker(f"{number + 1}")
    [end] = scheduler.take(client)
    assert (end.task_id, end.cause) == (deadly, TaskEndCause.workerLost)
    scheduler.finish(worker, parent, attempt=MOST_LOSSES)
    assert [result.task_id for result in scheduler.take(client)] == [parent]
