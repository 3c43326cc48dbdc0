"""The buckets by which workers are found: there are no more than are asked for."""

from __future__ import annotations

from scheduler_fixture import SchedulerFixture

from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.scheduler.allocate_policy.needs import NO_NEEDS
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord


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
