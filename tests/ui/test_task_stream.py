"""The task stream: whose bars there are, when, in which lane, and how many are kept."""

from __future__ import annotations

import pytest
from view_fixture import ViewFixture, worker_id

from scaler.monitor.events import SnapshotBegan, TaskEnded
from scaler.monitor.records import EndedTask
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.ui.lane import MOST_BARS

ONE, TWO = worker_id("host", "1"), worker_id("host", "2")


@pytest.fixture
def fixture() -> ViewFixture:
    return ViewFixture().connect(ONE, TWO)


def test_workers_of_one_name_have_rows_of_their_own(fixture: ViewFixture) -> None:
    long_name = "a-host-with-a-very-long-name"
    fixture.connect(worker_id(long_name, "3"), worker_id(long_name, "4"))
    assert [row.worker_id for row in fixture.rows()] == list(fixture.workers)
    assert fixture.view.stream.worker_count(fixture.now, 300) == 4


def test_a_bar_is_as_long_as_its_task_ran_not_as_it_was_placed(fixture: ViewFixture) -> None:
    fixture.place(1, ONE).place(2, ONE).after(3).end(1, duration=3.0).after(2).end(2, MonitorState.failed, 2.0)
    assert fixture.bars(ONE) == [(0, -5.0, -2.0, "success", 1), (0, -2.0, 0.0, "failed", 1)]
    assert fixture.bars(TWO) == []


def test_what_waits_on_a_worker_is_not_drawn_as_running(fixture: ViewFixture) -> None:
    fixture.place(1, ONE).place(2, ONE).after(3)
    assert fixture.bars(ONE) == [(0, -3.0, 0.0, "running", 1)]
    fixture.end(1, duration=3.0).after(1)
    assert fixture.bars(ONE) == [(0, -4.0, -1.0, "success", 1), (0, -1.0, 0.0, "running", 1)]


def test_a_task_that_moves_to_another_worker_is_not_canceled(fixture: ViewFixture) -> None:
    fixture.place(1, ONE).after(1).place(2, ONE).after(1).give_back(2).place(2, TWO).after(1)
    assert fixture.bars(ONE) == [(0, -3.0, 0.0, "running", 1)]
    assert fixture.bars(TWO) == [(0, -1.0, 0.0, "running", 1)]
    fixture.give_back(1)
    assert fixture.bars(ONE) == []


def test_a_task_that_is_canceled_while_it_runs_has_a_bar(fixture: ViewFixture) -> None:
    fixture.place(1, ONE).place(2, ONE).after(2).end(2, MonitorState.canceled).after(1).end(1, MonitorState.canceled)
    assert fixture.bars(ONE) == [(0, -3.0, 0.0, "canceled", 1)]


def test_the_task_of_a_lost_worker_has_failed(fixture: ViewFixture) -> None:
    fixture.place(1, ONE).after(2).end(1, MonitorState.failedWorkerDied).lose(ONE)
    assert fixture.bars(ONE) == [(0, -2.0, 0.0, "failedWorkerDied", 1)]


def test_that_the_worker_has_gone_is_told_before_the_end_of_its_task(fixture: ViewFixture) -> None:
    fixture.place(1, ONE).after(2).lose(ONE).end(1, MonitorState.failedWorkerDied)
    assert fixture.bars(ONE) == [(0, -2.0, 0.0, "failedWorkerDied", 1)]
    fixture.place(2, TWO).after(1).lose(TWO).give_back(2).connect()
    assert [row.worker_id for row in fixture.rows()] == [ONE]  # of the other one nothing is left


def test_tasks_alike_that_nearly_touch_are_one_bar(fixture: ViewFixture) -> None:
    fixture.run(1, ONE, 1).after(0.05).run(2, ONE, 1)
    assert fixture.bars(ONE) == [(0, -2.05, 0.0, "success", 2)]
    fixture.after(5).run(3, ONE, 1)
    assert [bar[-1] for bar in fixture.bars(ONE)] == [2, 1]


def test_other_capabilities_are_another_bar(fixture: ViewFixture) -> None:
    fixture.place(1, ONE).after(1).end(1, duration=1.0)
    fixture.place(2, ONE, {"gpu": 1}).after(1).end(2, duration=1.0)
    assert [bar.capabilities for row in fixture.rows() for bar in row.bars] == [{}, {"gpu": 1}]


def test_a_nested_task_has_a_lane_of_its_own(fixture: ViewFixture) -> None:
    fixture.place(1, ONE).after(1).connect(ONE, suspended=1).place(2, ONE).after(2)
    assert sorted(fixture.bars(ONE)) == [(0, -3.0, 0.0, "running", 1), (1, -2.0, 0.0, "running", 1)]
    fixture.end(2, duration=2.0).connect(ONE).after(1).end(1, duration=4.0)
    assert sorted(fixture.bars(ONE)) == [(0, -4.0, 0.0, "success", 1), (1, -3.0, -1.0, "success", 1)]


def test_a_nested_task_between_two_reports_has_one_too(fixture: ViewFixture) -> None:
    fixture.place(1, ONE).place(2, ONE).after(0.5).end(2, duration=0.2).after(0.5).end(1, duration=1.0)
    assert sorted(fixture.bars(ONE)) == [(0, -1.0, 0.0, "success", 1), (1, -0.7, -0.5, "success", 1)]


def test_ends_that_are_told_late_stay_in_one_lane(fixture: ViewFixture) -> None:
    fixture.place(1, ONE).place(2, ONE).place(3, ONE).after(5)
    for number in (1, 2, 3):
        fixture.end(number, duration=0.3)
    assert fixture.bars(ONE) == [(0, -0.3, 0.0, "success", 3)]


def test_new_workers_are_there_at_once_and_those_that_go_leave(fixture: ViewFixture) -> None:
    new = worker_id("new", "3")
    fixture.connect(new)
    assert [row.worker_id for row in fixture.rows()] == [ONE, TWO, new]
    fixture.lose(ONE)  # it has run nothing
    assert [row.worker_id for row in fixture.rows()] == [TWO, new]
    fixture.run(1, TWO, 1).lose(TWO)
    assert [(row.worker_id, row.is_gone) for row in fixture.rows()] == [(new, False), (TWO, True)]
    fixture.after(301)
    assert [row.worker_id for row in fixture.rows()] == [new]
    assert [row.worker_id for row in fixture.rows(1800)] == [new, TWO]
    fixture.after(1800).connect()
    assert fixture.view.stream.worker_count(fixture.now, 10_000) == 1


def test_a_day_later_times_are_still_right(fixture: ViewFixture) -> None:
    fixture.after(3 * 86_400 + 5).run(1, ONE, 2)
    assert fixture.bars(ONE) == [(0, -2.0, 0.0, "success", 1)]


def test_a_snapshot_ends_what_was_running(fixture: ViewFixture) -> None:
    fixture.place(1, ONE).after(1).take(SnapshotBegan())
    assert fixture.bars(ONE) == []


def test_bars_are_bounded_and_no_task_is_lost(fixture: ViewFixture) -> None:
    for number in range(5 * MOST_BARS):
        fixture.run(number, ONE, 0.1).after(0.2)
    [row] = [row for row in fixture.rows(1800) if row.worker_id == ONE]
    assert len(row.bars) <= MOST_BARS
    assert sum(bar.tasks for bar in row.bars) == 5 * MOST_BARS


def test_bars_that_never_merge_are_bounded_too(fixture: ViewFixture) -> None:
    for number in range(3 * MOST_BARS):
        fixture.run(number, ONE, 0.1, MonitorState.failed if number % 2 else MonitorState.success)
    assert len(fixture.bars(ONE)) <= MOST_BARS
    assert fixture.bars(ONE)[-1][2] == 0.0


def test_a_page_has_only_its_workers(fixture: ViewFixture) -> None:
    fixture.connect(*(worker_id(str(number)) for number in range(1000)))
    rows = fixture.rows(first=500, count=25)
    assert [row.worker_id for row in rows] == list(fixture.workers)[500:525]


def test_ends_of_tasks_without_a_worker_draw_nothing(fixture: ViewFixture) -> None:
    fixture.take(TaskEnded(EndedTask(b"t", "square", b"", {}, MonitorState.canceled, None, None)))
    assert [row.bars for row in fixture.rows()] == [(), ()]
    assert len(fixture.view.log.newest_first()) == 1
