"""What the tables show of workers, processors, tasks and clients, and the pages that a viewer gets of them."""

from __future__ import annotations

import dataclasses

import pytest
from view_fixture import ViewFixture, task_id, worker_id

from scaler.monitor.cluster_model import ClusterModel
from scaler.monitor.events import GraphNodeKnown, Reported, WorkerConnected
from scaler.monitor.records import Load, ProcessorStatus, SchedulerReport, Shortage, Worker, WorkerStatus
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.ui import figures
from scaler.ui.cluster_view import make_batch
from scaler.ui.paging import PageRequest, page_of
from scaler.ui.tables import (
    CLIENT_TABLE,
    PROCESSOR_TABLE,
    SHORTAGE_TABLE,
    WORKER_TABLE,
    WallClock,
    graph_table,
    task_log_table,
)
from scaler.ui.task_log import LOGGED_TASKS
from scaler.ui.waiting import why_tasks_wait

WORKER = worker_id("a-host-with-a-long-name", "3")
CLOCK = WallClock(epoch_seconds=1_000_000.0, own_seconds=10_000.0)
MEGABYTE = 1_000_000
STATUS = WorkerStatus(
    agent=Load(15, 30 * MEGABYTE),
    rss_free_bytes=1000 * MEGABYTE,
    free=998,
    sent=2,
    queued=1,
    suspended=1,
    lag_us=250,
    silent_seconds=3,
    itl="110",
    is_draining=True,
    processors=(
        ProcessorStatus(70, Load(990, 50 * MEGABYTE), True, True, False),
        ProcessorStatus(60, Load(10, 40 * MEGABYTE), True, True, True),
    ),
)


@pytest.fixture
def fixture() -> ViewFixture:
    fixture = ViewFixture()
    fixture.workers[WORKER] = Worker(WORKER, {"linux": -1, "gpu": 2}, STATUS)
    return fixture.take(Reported())


def test_a_worker_with_all_its_columns(fixture: ViewFixture) -> None:
    [row] = page_of(WORKER_TABLE, list(fixture.view.figures.workers.values()), PageRequest()).rows
    assert row == {
        "id": WORKER.hex(),
        "worker": "a-host-with-a-l+ 333333",
        "identity": WORKER.decode(),
        "agent_cpu": 1.5,
        "agent_rss": 30.0,
        "agent_rss_of": 1030.0,
        "processors_cpu": 100.0,
        "processors_rss": 90.0,
        "processors_rss_of": 1090.0,
        "free": 998,
        "sent": 2,
        "queued": 1,
        "suspended": 1,
        "lag": "0.2ms",
        "itl": "110",
        "last_seen": "3s",
        "capabilities": "gpu=2 & linux",
        "draining": True,
    }


def test_every_processor_has_its_own_peak(fixture: ViewFixture) -> None:
    smaller = tuple(
        dataclasses.replace(processor, load=Load(0, 1 * MEGABYTE if processor.pid == 70 else 45 * MEGABYTE))
        for processor in STATUS.processors
    )
    fixture.workers[WORKER] = Worker(WORKER, {}, dataclasses.replace(STATUS, processors=smaller))
    rows = page_of(PROCESSOR_TABLE, fixture.take(Reported()).view.processors.all(), PageRequest()).rows
    assert [(row["pid"], row["rss"], row["most_rss"], row["suspended"]) for row in rows] == [
        (60, 45.0, 45.0, True),
        (70, 1.0, 50.0, False),
    ]
    assert (rows[0]["initialized"], rows[0]["has_task"], rows[0]["cpu"]) == (True, True, 0.0)
    assert fixture.lose(WORKER).view.processors.all() == []


def test_the_log_has_the_last_hundred_newest_first(fixture: ViewFixture) -> None:
    for number in range(LOGGED_TASKS + 5):
        fixture.run(number, WORKER, 0.25, memory_bytes=3 * 1024 * 1024)
    fixture.place(1000, WORKER).end(1000, MonitorState.canceled)
    rows = page_of(task_log_table(CLOCK), fixture.view.log.newest_first(), PageRequest(rows_per_page=100)).rows
    assert len(rows) == LOGGED_TASKS
    first, second = rows[:2]
    assert (first["task"], first["status"], first["duration"], first["peak_memory"]) == (
        task_id(1000).hex(),
        "Canceled",
        "N/A",
        "N/A",
    )
    assert (second["task"], second["function"], second["status"]) == (task_id(104).hex(), "square", "Success")
    assert (second["duration"], second["peak_memory"], second["capabilities"]) == ("0.25s", "3.0M", "<no capabilities>")
    assert (second["worker"], second["ended"]) == ("a-host-with-a-l+ 333333", round((1_000_000 + 105 * 0.25) * 1000))


def test_clients_shortages_and_graphs(fixture: ViewFixture) -> None:
    fixture.clients = {b"Client|me|" + b"7" * 32: 4, b"Client|" + b"8" * 32: 0}
    fixture.take(GraphNodeKnown(b"g", task_id(1), True, ()))
    clients = page_of(CLIENT_TABLE, list(fixture.view.figures.clients.items()), PageRequest()).rows
    assert [(row["client"], row["tasks"]) for row in clients] == [("me 777777", 4), ("888888", 0)]
    [shortage] = page_of(SHORTAGE_TABLE, [Shortage({"gpu": 2}, 3, "a worker with gpu=2")], PageRequest()).rows
    assert (shortage["tasks"], shortage["capabilities"], shortage["waits_for"]) == (3, "gpu=2", "a worker with gpu=2")
    [graph] = page_of(graph_table(CLOCK), fixture.view.graphs.newest_first(), PageRequest()).rows
    assert (graph["nodes"], graph["waiting"], graph["state"], graph["took"]) == (1, 1, "Running", "N/A")
    assert graph["began"] == 1_000_000_000


def test_pages_are_sorted_searched_and_cut() -> None:
    workers = [Worker(worker_id(f"host{number}"), {}, WorkerStatus(lag_us=number * 900)) for number in range(1000)]
    request = PageRequest(page=2, rows_per_page=10, sort_by="lag", is_descending=True)
    page = page_of(WORKER_TABLE, workers, request)
    assert (page.rows_in_all, page.number, len(page.rows)) == (1000, 2, 10)
    assert [row["worker"].split()[0] for row in page.rows] == [f"host{number}" for number in range(989, 979, -1)]
    found = page_of(WORKER_TABLE, workers, dataclasses.replace(request, words="HOST99"))
    assert (found.rows_in_all, found.number) == (11, 2)  # host99, host990 to host999
    assert page_of(WORKER_TABLE, workers[:5], request).number == 1
    assert page_of(WORKER_TABLE, [], PageRequest()).rows == ()


def waiting(fixture: ViewFixture, count: int, *shortages: Shortage) -> list[str]:
    fixture.report = SchedulerReport(live={MonitorState.inactive: count}, shortages=shortages)
    return why_tasks_wait(fixture.take(Reported()).view.figures)


def test_why_tasks_wait(fixture: ViewFixture) -> None:
    assert waiting(fixture, 0) == ["No task waits."]
    assert "being drained" in waiting(fixture, 1)[0]
    fixture.connect(worker_id("idle"))
    assert waiting(fixture, 3, Shortage({"gpu": 9}, 2, "gpu=9")) == [
        "2 tasks wait: no connected worker can ever run them, see below what they need.",
        "1 task waits: 1 of 1 workers are idle; the tasks go to one in a moment, "
        "or wait for those workers that have the capabilities they need.",
    ]
    fixture.workers[worker_id("idle")].status = WorkerStatus(sent=1)
    assert "keep them busy" in waiting(fixture, 3)[0]
    fixture.workers.clear()
    assert waiting(fixture, 1) == ["1 task waits: no worker is connected."]


def test_rows_stay_the_same_until_the_clock_is_set() -> None:
    assert CLOCK.corrected(1_000_060.004, 10_060.0) is CLOCK  # two clocks are never read at the same moment
    assert CLOCK.corrected(1_003_600.0, 10_060.0) == WallClock(1_003_600.0, 10_060.0)


def test_a_batch_does_not_change_with_the_model() -> None:
    model = ClusterModel()
    worker = model.workers[WORKER] = Worker(WORKER)
    batch = make_batch([WorkerConnected(worker)], model, 1.0)
    worker.status = STATUS
    model.workers.clear()
    assert batch.figures is not None and batch.figures.workers == {WORKER: Worker(WORKER)}
    assert make_batch([], model, 1.0).figures is None


def test_a_thousand_workers_and_tasks_are_a_small_page() -> None:
    fixture = ViewFixture()
    fixture.connect(*(worker_id(str(number)) for number in range(1000)))
    page = page_of(WORKER_TABLE, list(fixture.view.figures.workers.values()), PageRequest())
    assert (len(page.rows), page.rows_in_all) == (25, 1000)
    assert len(repr(page)) < 20_000


@pytest.mark.parametrize(("delay_us", "text"), [(20, "0.0ms"), (999, "1.0ms"), (1500, "1ms"), (2_500_000, "2.5s")])
def test_delays(delay_us: int, text: str) -> None:
    assert figures.microseconds_text(delay_us) == text


def test_names_that_are_not_as_expected() -> None:
    assert figures.identity_label(b"\xff") == "�"
    assert figures.identity_label(b"a-name-without-any-structure") == "a-name-without-+"
    assert figures.identity_label(b"Worker|with|bar|0123456789") == "with|bar 012345"
    assert figures.age_text(255) == "255s+"
