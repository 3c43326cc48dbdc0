"""What stands on the screen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scaler.monitor.records import Shortage
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.top import figures
from scaler.top.picture import Contact
from scaler.top.screen import Style, draw, draw_waiting
from scaler.top.view import Key, View
from tests.top.top_fixture import HIGH, LIVE, WIDE, busy_picture, lines_of, picture, shown, worker


def rows_of(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")]


def test_the_five_tables_stand_side_by_side() -> None:
    lines = lines_of(View())
    assert rows_of(lines[0]) == ["scheduler", "object_manager", "task_manager", "scheduler_sent", "scheduler_received"]
    cells = [rows_of(line) for line in lines[1:12]]
    assert [row[0].split() for row in cells[:3]] == [["cpu", "12.3%"], ["rss", "50.0M"], ["rss_free", "6.0G"]]
    assert cells[0][1].split() == ["num_of_objs", "1,234"]
    tasks = dict(row[2].split() for row in cells)
    assert list(tasks) == sorted(state.name for state in MonitorState)
    assert (tasks["inactive"], tasks["running"], tasks["success"]) == ("1,234,567", "11", "5,000")
    assert {count for state, count in tasks.items() if state not in ("inactive", "running", "success")} == {"0"}
    assert cells[0][3].split() == ["Task", "77"]
    assert [row[4].split() for row in cells[:2]] == [["TaskResult", "66"], ["Task", "88"]]
    assert set(lines[12]) == {"-"}
    assert lines[13].startswith("Shortcuts: quit[q] group[g] worker[n] ")
    assert lines[14] == ""
    assert lines[15] == "Total 1 worker group(s) with 3 worker(s)"


def test_every_figure_of_a_worker_stands_below_its_name() -> None:
    heading, _, alpha, beta = lines_of(View())[16:20]
    names = heading.replace("[", "").replace("]", "").split("|")[0].split()
    assert " ".join(names) == ("group worker agt_cpu agt_rss cpu rss os_rss_free free sent queued suspended lag ITL")
    assert alpha.split()[:12] == (
        ["Worker|alpha|001122+", "1.2%", "3.0M", "75.0%", "3.0K", "5.0G", "91", "9", "7", "1", "1.5ms", "110"]
    )
    assert beta.split()[:2] == ["native-01+", "Worker|beta"]
    assert "(7s) 300us 100" in beta
    assert "(60+s) 99us 110" in lines_of(View())[17]
    # Figures end where the name of their column does.
    assert heading.index("agt_rss") + len("agt_rss") == alpha.index("3.0M") + len("3.0M")
    assert heading.index("ITL") == alpha.index("110")


def test_clients_stand_beside_the_workers_with_readable_ids() -> None:
    lines = lines_of(View())
    assert lines[16].endswith("| client_manager     tasks")
    assert lines[17].endswith("| Client|0123456789+ 1,234")
    assert lines[18].endswith("| Client|b               0")


def test_no_workers() -> None:
    lines = shown(draw(picture(clients={b"c": 1}), LIVE, View(), HIGH, WIDE))
    assert lines[-2].startswith("group ")
    assert lines[-1].startswith("No workers ")
    assert lines[-1].endswith("| c                      1")


def test_draining_workers_and_what_nobody_can_run_are_told() -> None:
    drawn = picture(
        worker("a", is_draining=True),
        worker("b"),
        shortages=(Shortage({"gpu": 1}, 3, ""), Shortage({"fpga": 1}, 4, "")),
    )
    assert "with 2 worker(s), 1 draining, 7 task(s) that no worker can run" in "\n".join(
        shown(draw(drawn, LIVE, View(), HIGH, WIDE))
    )


@pytest.mark.parametrize(
    ("contact", "text"),
    [
        (replace(LIVE, silent_seconds=3.1), "--- no message for 3 s of 5 s -"),
        (replace(LIVE, silent_seconds=0.2, is_connected=False), "--- connection lost, no message for 0 s of 5 s -"),
    ],
)
@pytest.mark.parametrize("rows", [3, 6, 10, HIGH])
def test_a_silent_or_lost_stream_is_seen_on_every_terminal(contact: Contact, text: str, rows: int) -> None:
    screen = draw(busy_picture(), contact, View(first_cell=60), rows, 70)
    (alert,) = [line for line in screen.lines if line.style is Style.alert]
    assert alert.text.startswith(text)
    assert len(alert.text) == 70
    assert not [line for line in draw(busy_picture(), LIVE, View(), rows, 70).lines if line.style is Style.alert]


def test_waiting_for_the_first_message_says_so() -> None:
    contact = Contact("tcp://127.0.0.1:1", False, 2.2, 5)
    screen = draw_waiting(contact, View(), 24, 80)
    assert shown(screen) == ["Connecting to tcp://127.0.0.1:1 for 2 s of 5 s, quit[q]"]
    assert shown(draw_waiting(contact, View(), 1, 10)) == ["Connecting"]


def test_small_terminals_have_the_figures_in_one_line() -> None:
    lines = lines_of(View(), rows=8)
    assert lines[0] == (
        "cpu 12.3% rss 50.0M rss_free 6.0G | objects 1,234 | tasks inactive 1,234,567 running 11 success 5,000"
    )
    assert lines[2].startswith("Shortcuts")
    assert ["gamma" in lines[5], "alpha" in lines[6], "beta" in lines[7]] == [True] * 3
    lines = lines_of(View(), rows=7)
    assert "Total" in lines[2]
    assert "beta" in lines[6]
    assert "gamma" in lines_of(View(), rows=4)[3]


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8, 20, 50])
@pytest.mark.parametrize("cells", [1, 2, 19, 80, 300])
@pytest.mark.parametrize("name", ["plain", "工作者" * 5, "\x1b[2J\n"])
def test_nothing_is_larger_than_the_terminal(rows: int, cells: int, name: str) -> None:
    drawn = picture(*(worker(f"{name}{number}") for number in range(30)), clients={name.encode(): 5})
    for view in (View(), View(first_cell=7), View(first_row=10**9, first_cell=10**9)):
        screen = draw(drawn, LIVE, view, rows, cells)
        assert 0 < len(screen.lines) <= rows
        assert max(figures.cells(line.text) for line in screen.lines) <= cells


def test_wide_names_leave_the_columns_where_they_are() -> None:
    drawn = picture(worker("工作者工作者工作者工作者", itl="110"), worker("plain", itl="101"))
    lines = [line for line in shown(draw(drawn, LIVE, View(sort_column="worker"), HIGH, WIDE)) if " 1" in line]
    starts = [figures.cells(line[: line.index(itl)]) for line, itl in zip(lines[-2:], ("110", "101"), strict=True)]
    assert starts[0] == starts[1]


def test_scrolling_stops_at_both_ends() -> None:
    drawn = picture(*(worker(f"worker-{number:03}") for number in range(100)))
    view = View(sort_column="worker", is_descending=False)
    screen = draw(drawn, LIVE, view, 26, WIDE)
    assert screen.page_rows == 9
    assert "rows 1-9 of 100" in shown(screen)[15]
    assert "worker-000" in shown(screen)[17]
    assert "worker-008" in shown(screen)[25]

    screen = draw(drawn, LIVE, screen.view.after(Key.page_down, screen.page_rows), 26, WIDE)
    assert "worker-009" in shown(screen)[17]
    screen = draw(drawn, LIVE, screen.view.after(Key.end, screen.page_rows), 26, WIDE)
    assert screen.view.first_row == 91
    assert "worker-099" in shown(screen)[25]
    screen = draw(drawn, LIVE, screen.view.after(Key.up, screen.page_rows), 26, WIDE)
    assert "worker-098" in shown(screen)[25]
    # A terminal that grows shows more, not emptiness below the last worker.
    assert "worker-099" in shown(draw(drawn, LIVE, screen.view, 60, WIDE))[59]


def test_sideways_scrolling_reaches_the_last_column_and_no_further() -> None:
    view = View()
    for _ in range(50):
        view = draw(busy_picture(), LIVE, view.after(Key.right, 1), HIGH, 80).view
    lines = shown(draw(busy_picture(), LIVE, view, HIGH, 80))
    assert lines[16].endswith("client_manager     tasks")
    assert set(lines[12]) == {"-"}
    assert len(lines[12]) == 80
    for _ in range(50):
        view = draw(busy_picture(), LIVE, view.after(Key.left, 1), HIGH, 80).view
    assert view == View()


def test_clients_are_reached_when_there_are_more_of_them_than_workers() -> None:
    drawn = picture(worker("a"), clients={f"client-{number:03}".encode(): number for number in range(50)})
    screen = draw(drawn, LIVE, View().after(Key.end, 1), 26, WIDE)
    assert "client-049" in shown(screen)[25]
    assert "rows 42-50 of 50" in shown(screen)[15]
