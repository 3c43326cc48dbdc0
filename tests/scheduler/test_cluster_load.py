"""What the core lets scaling see of the cluster, and that scaling can let its workers go."""

from __future__ import annotations

from scheduler_fixture import SchedulerFixture

from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.scheduler.allocate_policy.needs import NO_NEEDS, needs_of
from scaler.scheduler.controllers.scaling_policies.cluster_load import ClusterLoad, WorkerLoad


def test_an_empty_cluster() -> None:
    assert SchedulerFixture().core.cluster_load() == ClusterLoad(0, {}, {})


def test_tasks_without_a_worker_wait_in_vain() -> None:
    scheduler = SchedulerFixture()
    scheduler.submit(scheduler.client(), 3)
    assert scheduler.core.cluster_load() == ClusterLoad(3, {}, {NO_NEEDS: 3})


def test_workers_with_what_they_hold() -> None:
    scheduler = SchedulerFixture()
    busy = scheduler.worker("busy", queue_size=2, capabilities={"gpu": 1})
    scheduler.submit(scheduler.client(), 5)
    idle = scheduler.worker("idle", capabilities={"gpu": 2})
    leaving = scheduler.worker("leaving")
    assert scheduler.core.drain_worker(leaving, "for this test")
    load = scheduler.core.cluster_load()
    assert (load.tasks, load.unplaceable) == (5, {})
    assert load.workers[busy] == WorkerLoad(2)  # its capabilities do not matter for the placing of tasks
    assert load.workers[idle].tasks == 2
    assert load.workers[leaving].draining


def test_needs_and_capabilities_matter_where_tasks_are_placed_by_them() -> None:
    scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
    worker = scheduler.worker("w", capabilities={"linux": -1})
    scheduler.submit(scheduler.client(), 2, capabilities={"gpu": 1})
    load = scheduler.core.cluster_load()
    assert load.workers == {bytes(worker): WorkerLoad(0, False, {"linux": -1})}
    assert load.unplaceable == {needs_of({"gpu": 1}): 2}
