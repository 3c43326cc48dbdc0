"""What the metrics say of a core's state, without processes."""

from __future__ import annotations

import re

from prometheus_client.exposition import generate_latest

from scaler.metrics.families import FixedMetrics, registry_of
from scaler.metrics.scheduler_metrics import scheduler_metrics
from scaler.metrics.storage_metrics import storage_metrics
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from tests.metrics.metrics_fixture import figures_of
from tests.scheduler.scheduler_fixture import SchedulerFixture

SHELL = (
    "inbound_bytes",
    "outbound_bytes",
    "undelivered_messages",
    "monitor_outbound_bytes",
    "monitor_dropped_messages",
    "waiting_deletes",
)


def metrics_of(scheduler: SchedulerFixture) -> dict[str, float]:
    statistics = scheduler.core.statistics()
    statistics["shell"] = {name: number for number, name in enumerate(SHELL, 100)}
    return figures_of(generate_latest(registry_of(FixedMetrics(scheduler_metrics(statistics)))).decode())


def test_figures_of_a_busy_scheduler() -> None:
    scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
    client = scheduler.client()
    scheduler.worker(queue_size=2)
    scheduler.submit(client, 7)
    scheduler.submit(client, 3, capabilities={"gpu": 1})
    scheduler.say(client, b"nonsense")
    metrics = metrics_of(scheduler)
    expected = {
        "clients": 1,
        "workers": 1,
        "draining_workers": 0,
        "loaded_workers": 1,
        "monitor_subscribers": 0,
        "graphs": 0,
        "tasks{state=running}": 2,
        "tasks{state=inactive}": 8,
        "tasks{state=canceling}": 0,
        "tasks{state=balanceCanceling}": 0,
        "placed_tasks": 2,
        "waiting_tasks": 8,
        "unplaceable_tasks": 3,
        "shortages": 1,
        "tasks_ended_total{state=success}": 0,
        "messages_received_total{type=Task}": 10,
        "messages_received_total{type=WorkerHeartbeat}": 1,
        "messages_sent_total{type=Task}": 2,
        "dropped_messages_total": 1,
        "stale_messages_total": 0,
        "failed_events_total": 0,
        "inbound_queue_bytes": 100,
        "outbound_queue_bytes": 101,
        "undelivered_messages_total": 102,
        "monitor_queue_bytes": 103,
        "monitor_dropped_messages_total": 104,
        "waiting_deletes": 105,
    }
    assert {name: metrics.get(f"scaler_scheduler_{name}") for name in expected} == expected


def test_ends_are_counted_by_state() -> None:
    scheduler = SchedulerFixture()
    client, worker = scheduler.client(), scheduler.worker()
    for task_id in scheduler.submit(client, 3):
        scheduler.finish(worker, task_id)
    metrics = metrics_of(scheduler)
    assert metrics["scaler_scheduler_tasks_ended_total{state=success}"] == 3
    assert metrics["scaler_scheduler_tasks{state=running}"] == 0
    assert metrics["scaler_scheduler_messages_received_total{type=TaskResult}"] == 3


def test_every_name_is_of_this_product_and_none_is_there_twice() -> None:
    scheduler = SchedulerFixture()
    statistics = {**scheduler.core.statistics(), "shell": dict.fromkeys(SHELL, 0)}
    storage = {
        **dict.fromkeys(("connections", "waiting_requests", "ids", "contents", "content_bytes"), 0),
        **dict.fromkeys(("stored_bytes", "answered_bytes", "refused_connections"), 0),
        "requests": {},
        "answers": {},
    }
    families = [*scheduler_metrics(statistics), *storage_metrics(storage)]
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch(r"scaler_(scheduler|object_storage)_[a-z_]+", name)] == []
    assert [family.name for family in families if not family.documentation.endswith(".")] == []
