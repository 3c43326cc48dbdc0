"""The policy ``capability``: where tasks go, what becomes of them when a worker goes, and which ones are balanced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from growth import growth
from scheduler_fixture import SchedulerFixture, assert_at_rest

from scaler.protocol import codec
from scaler.protocol.codec import TaskCancelConfirmType
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.utility.identifiers import ClientID, WorkerID

GPU: dict[str, Any] = {"capabilities": {"gpu": -1}}


@pytest.fixture
def scheduler() -> SchedulerFixture:
    return SchedulerFixture(
        allocate_policy=AllocatePolicy.capability, load_balance_seconds=0.1, load_balance_trigger_times=1
    )


def test_a_task_that_fits_nowhere_waits(scheduler: SchedulerFixture) -> None:
    client, plain = scheduler.client(), scheduler.worker("plain")
    half = scheduler.worker("half", capabilities={"gpu": -1})
    scheduler.submit(client, capabilities={"gpu": -1, "linux": -1})
    assert scheduler.tasks_sent_to(plain) == scheduler.tasks_sent_to(half) == []
    assert scheduler.core.gauges()["waiting_tasks"] == 1


def test_the_least_loaded_of_those_that_offer_it_is_taken(scheduler: SchedulerFixture) -> None:
    client, plain = scheduler.client(), scheduler.worker("plain")
    able = [scheduler.worker(name, capabilities={"gpu": -1, "linux": -1}) for name in "abc"]
    scheduler.submit(client, 6, **GPU)
    assert [len(scheduler.tasks_sent_to(worker)) for worker in able] == [2, 2, 2]
    assert scheduler.tasks_sent_to(plain) == []


def test_the_queue_size_of_who_offers_it_is_respected(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    small = scheduler.worker("small", queue_size=1, capabilities={"gpu": -1})
    first, second = scheduler.submit(client, 2, **GPU)
    assert scheduler.tasks_sent_to(small) == [first]
    scheduler.finish(small, first)
    assert scheduler.tasks_sent_to(small) == [second]


def test_tasks_without_needs_go_anywhere(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    workers = [scheduler.worker("plain"), scheduler.worker("able", capabilities={"gpu": -1})]
    scheduler.submit(client, 2)
    assert [len(scheduler.tasks_sent_to(worker)) for worker in workers] == [1, 1]


@pytest.mark.parametrize("is_lost", [True, False])
def test_tasks_of_a_worker_that_goes_wait_for_another_that_offers_it(
    scheduler: SchedulerFixture, is_lost: bool
) -> None:
    client, able = scheduler.client(), scheduler.worker("able", capabilities={"gpu": -1})
    tasks = scheduler.submit(client, 2, **GPU)
    plain = scheduler.worker("plain")
    scheduler.lose(able) if is_lost else scheduler.core.drain_worker(able, "for this test")
    scheduler.end_batch()
    for cancel in scheduler.take(able):
        if isinstance(cancel, codec.TaskCancel):
            scheduler.confirm(able, cancel.task_id, TaskCancelConfirmType.canceled)
    assert scheduler.tasks_sent_to(plain) == []
    successor = scheduler.worker("successor", capabilities={"gpu": -1}, keep=True)
    assert scheduler.tasks_sent_to(successor) == tasks


def loaded_with(scheduler: SchedulerFixture, **fields: Any) -> tuple[Any, list[bytes]]:
    """Return a worker with many short tasks, and the tasks that it has not ended."""
    client, loaded = scheduler.client(), scheduler.worker("loaded", capabilities={"gpu": -1})
    scheduler.submit(client, 60, **fields)
    held = scheduler.tasks_sent_to(loaded)
    for _ in range(20):
        scheduler.finish(loaded, held.pop(0), seconds=0.00001)
        held += scheduler.tasks_sent_to(loaded)
    return loaded, held


def asked_back(scheduler: SchedulerFixture, worker: Any) -> list[bytes]:
    for tenth in range(100, 104):
        scheduler.tick(tenth / 10)
    return [sent.task_id for sent in scheduler.take(worker) if isinstance(sent, codec.TaskCancel)]


def test_the_youngest_tasks_move_and_one_for_each_idle_worker(scheduler: SchedulerFixture) -> None:
    loaded, held = loaded_with(scheduler, **GPU)
    for number in range(3):
        scheduler.worker(f"idle {number}", capabilities={"gpu": -1})
    assert asked_back(scheduler, loaded) == held[-1:-4:-1]


def test_nothing_moves_to_workers_that_do_not_offer_it(scheduler: SchedulerFixture) -> None:
    loaded, _ = loaded_with(scheduler, **GPU)
    for number in range(3):
        scheduler.worker(f"plain {number}", capabilities={"linux": -1})
    assert asked_back(scheduler, loaded) == []


def test_what_an_idle_worker_may_run_moves_past_what_it_may_not(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    loaded = scheduler.worker("loaded", capabilities={"gpu": -1})
    [running] = scheduler.submit(client)
    [anywhere] = scheduler.submit(client)
    for task in (running, anywhere):
        assert task in scheduler.core._pool.get(loaded).tasks  # type: ignore[union-attr]
    plain = scheduler.worker("plain")
    assert asked_back(scheduler, loaded) == [anywhere]
    scheduler.confirm(loaded, anywhere, TaskCancelConfirmType.canceled)
    assert scheduler.tasks_sent_to(plain) == [anywhere]


def test_nodes_of_a_graph_wait_for_who_offers_what_they_need(scheduler: SchedulerFixture) -> None:
    client, plain = scheduler.client(), scheduler.worker("plain")
    nodes = []
    for number in range(3):
        taken = [codec.Argument(int(codec.ArgumentType.task), nodes[-1].task_id)] if nodes else []
        nodes.append(
            codec.Task(
                task_id=bytes([number]) * 16,
                source=b"",
                func_object_id=bytes(32),
                function_args=taken,
                capabilities={"gpu": 1},
                priority=number,  # so that they are three tasks, and not one of three steps
            )
        )
    graph = codec.GraphTask(task_id=b"g" * 16, source=client, targets=[nodes[-1].task_id], graph=nodes)
    scheduler.say(client, graph.encode())
    assert scheduler.tasks_sent_to(plain) == []
    able = scheduler.worker("able", capabilities={"gpu": -1}, keep=True)
    for node in nodes:
        assert scheduler.tasks_sent_to(able) == [node.task_id]
        scheduler.finish(able, node.task_id)
    assert [end.task_id for end in scheduler.take(client)] == [nodes[-1].task_id, b"g" * 16]


def submit_with_needs_of_their_own(scheduler: SchedulerFixture, client: ClientID, count: int) -> None:
    for amount in range(1, count + 1):
        task = codec.Task(
            task_id=amount.to_bytes(16, "big"), source=client, func_object_id=bytes(32), capabilities={"memory": amount}
        )
        scheduler.core.on_message(client, task.encode())
    scheduler.end_batch()


def finish_one_each(scheduler: SchedulerFixture, workers: list[WorkerID]) -> int:
    """Let each worker end its oldest task, and return how many did."""
    ended = 0
    for worker in workers:
        record = scheduler.core._pool.get(worker)
        assert record is not None
        if record.tasks:
            scheduler.finish(worker, next(iter(record.tasks)), seconds=1.0)
            ended += 1
    return ended


def test_tasks_that_all_need_something_else_are_spread_and_all_end() -> None:
    scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
    client = scheduler.client()
    workers = [scheduler.worker(str(number), capabilities={"memory": 10_000}) for number in range(150)]
    submit_with_needs_of_their_own(scheduler, client, 1000)
    assert len(scheduler.core._pool.classes) <= 256  # each takes a step for each change, and room for each worker
    assert {len(worker.tasks) for worker in scheduler.core._pool.workers()} == {2}
    ended = 0
    while count := finish_one_each(scheduler, workers):
        ended += count
        assert len(scheduler.core._pool.classes) <= 256
    assert ended == 1000
    assert_at_rest(scheduler)


def test_nothing_that_waits_is_looked_at_while_no_worker_has_room() -> None:
    def prepare(kinds: int) -> Callable[[], None]:
        scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
        client = scheduler.client()
        workers = [scheduler.worker(name, capabilities={"memory": 10_000}) for name in "ab"]
        submit_with_needs_of_their_own(scheduler, client, kinds)

        def finish_some() -> None:
            for _ in range(50):
                assert finish_one_each(scheduler, workers) == 2

        return finish_some

    assert growth(prepare, 300, 3000) < 4  # and ten, when each kind of needs is tried again
