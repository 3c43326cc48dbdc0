"""The buckets by which workers are found: there are no more than are asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from growth import growth
from scheduler_fixture import SchedulerFixture

from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.scheduler.allocate_policy.needs import NO_NEEDS, needs_of
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool, hold
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.controllers.client_controller import ClientRecord
from scaler.scheduler.task.task_kind import TaskKind
from scaler.scheduler.task.task_record import TaskRecord


def test_levels_that_nobody_asks_for_are_forgotten_while_others_wait() -> None:
    pool = WorkerPool()
    pool.add(WorkerRecord(b"w", 1000, {}))
    for level in range(1000):
        assert pool.find(NO_NEEDS, level, 0.0) is not None
    pool.forget_classes([NO_NEEDS])
    assert pool.find(NO_NEEDS, 7, 0.0) is not None
    pool.forget_classes([NO_NEEDS])
    assert pool.classes == [(NO_NEEDS, 7)]
    assert pool.find(NO_NEEDS, 3, 0.0) is not None


def test_buckets_of_a_deep_recursion_go_although_a_task_waits() -> None:
    scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
    client, worker = scheduler.client(), scheduler.worker()
    for level in range(100):
        [task] = scheduler.submit(client, level=level)
        scheduler.finish(worker, task)
    scheduler.submit(client, capabilities={"gpu": 1})  # which nobody offers
    for second in range(3):
        scheduler.tick(float(second))
    assert len(scheduler.core._pool.classes) <= 1
    [task] = scheduler.submit(client, level=5)
    assert task in scheduler.tasks_sent_to(worker)


@pytest.mark.parametrize("gaps", [1, 3, 999])
def test_workers_are_found_by_the_bits_of_their_numbers(gaps: int) -> None:
    pool = pool_of(1000)
    pool.remove(pool.workers()[500])
    numbers = [*range(0, 1000, gaps), 5000]  # the last one is that of a worker that has left
    found = pool.numbered(sum(1 << number for number in numbers))
    assert [worker.number for worker in found] == [number for number in numbers if number not in (500, 5000)]
    assert pool.numbered(0) == []


def test_to_find_all_of_very_many_workers_takes_a_time_by_their_number() -> None:
    def prepare(workers: int) -> Callable[[], None]:
        pool = pool_of(workers)

        def find() -> None:
            assert len(pool.numbered((1 << workers) - 1)) == workers

        return find

    assert growth(prepare, 16_000, 128_000) < 20  # and 64, when each step takes a time by their number


@pytest.mark.parametrize("further_needs", [0, 1000])
def test_a_worker_with_room_is_found_beside_one_of_its_kind_that_has_it_for_shorter_tasks_only(
    further_needs: int,
) -> None:
    pool = pool_of(2, {"memory": 10_000})
    for amount in range(2, 2 + further_needs):  # more than there are buckets for
        pool.find(needs_of({"memory": amount}), 0, 0.0)
    ahead, other = pool.workers()
    place(pool, ahead, 0.0009)
    place(pool, ahead, 0.0009)
    place(pool, other, 0.5)
    assert pool.find(needs_of({"memory": 1}), 0, 0.5) is other
    place(pool, other, 0.5)
    assert pool.find(needs_of({"memory": 1}), 0, 0.5) is None
    assert pool.have_room  # for shorter ones


def place(pool: WorkerPool, worker: WorkerRecord, seconds: float) -> None:
    task_id = worker.placements.to_bytes(16, "big")
    record = TaskRecord(task_id, ClientRecord(b"Client|c"), b"frame", TaskKind(bytes(32), NO_NEEDS, 0, 0), 0)
    hold(worker, record, seconds)
    pool.changed(worker)


def pool_of(workers: int, capabilities: dict[str, int] | None = None) -> WorkerPool:
    pool = WorkerPool()
    for number in range(workers):
        pool.add(WorkerRecord(b"%d" % number, 1000, capabilities or {}))
    return pool
