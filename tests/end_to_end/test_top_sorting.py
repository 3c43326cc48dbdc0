"""``scaler_top`` in a real terminal sorts and scrolls many workers."""

from __future__ import annotations

import re

import pytest
from simulated_workers import simulated_workers
from terminal import Terminal
from top_screen import monitor_address, rows_of, scaled_cluster, show, wait_until
from watched_tasks import wait_for_file

from scaler import Client, SchedulerClusterCombo

pytestmark = pytest.mark.timeout(300)  # the machine may be busy with others


def test_many_workers_are_sorted_by_their_figures_and_scrolled(leftovers, terminal, tmp_path):
    with (
        SchedulerClusterCombo(0, logging_paths=(str(tmp_path / "log"),)) as cluster,
        simulated_workers(cluster.get_address(), 60),
    ):
        show(terminal, monitor_address(cluster))
        for key, column, figure in (
            ("C", "agt_cpu", lambda number: f"{number / 10:.1f}%"),
            ("M", "agt_rss", lambda number: f"{48 + number}.0M"),
            ("c", "cpu", lambda number: f"{number / 10:.1f}%"),
            ("m", "rss", lambda number: f"{48 + number}.0M"),
            ("F", "os_rss_free", lambda number: f"{100 + number}.0M"),
            ("f", "free", lambda number: f"{1000 + number}"),
            ("l", "lag", lambda number: f"{100 + number}us"),
        ):
            figures = [figure(number) for number in range(60)]
            check_sorting(terminal, key, column, figures)
        check_all_pages(terminal, "lag", figures)
        terminal.type("q")
        terminal.wait_for("^ended with 0")


def check_sorting(terminal: Terminal, key: str, column: str, figures: list[str]) -> None:
    """Sort by the column with its key, from the highest and then from the lowest of these figures of all workers."""
    for expected in (figures[::-1], figures):
        terminal.type(key)
        wait_until(lambda expected=expected: [row[column] for row in rows_of(terminal)[:10]] == expected[:10], terminal)


def test_busy_workers_are_sorted_by_what_they_hold_and_a_silent_one_is_seen_for_long(leftovers, terminal, tmp_path):
    count = 60
    with (
        SchedulerClusterCombo(0, worker_timeout_seconds=600, logging_paths=(str(tmp_path / "log"),)) as cluster,
        Client(cluster.get_address()) as client,
        simulated_workers(cluster.get_address(), count, "--busy") as workers,
    ):
        show(terminal, monitor_address(cluster))
        for number in range(100):
            client.submit(str, number)
        terminal.wait_for(r"(?s) inactive +10 .* running +90 ")
        check_sorting(terminal, "w", "sent", ["1"] * 30 + ["2"] * 30)
        for key, column in (("d", "queued"), ("s", "suspended")):
            check_sorting(terminal, key, column, [str(number) for number in range(count)])
        workers.suspend()
        terminal.wait_for(r"Worker\|.* \(60\+s\) 1\d\dus +110 ", seconds=90)
        terminal.wait_for(rf"with {count} worker\(s\)")
        workers.resume()
        terminal.wait_until_gone(r" \(60\+s\) ")
        terminal.type("q")
        terminal.wait_for("^ended with 0")


def check_all_pages(terminal: Terminal, column: str, figures: list[str]) -> None:
    """Scroll from the first worker to the last one, and back."""
    terminal.type("Home")
    shown = int(terminal.wait_for(r", rows 1-(\d+) of 60 *$")[1])
    last = 60 - shown
    for first in (*range(0, last, shown), last):
        if first > 0:
            terminal.type("PageDown")
        terminal.wait_for(rf", rows {first + 1}-{first + shown} of 60 *$")
        expected = figures[first : first + shown]
        wait_until(lambda expected=expected: [row[column] for row in rows_of(terminal)] == expected, terminal)
    terminal.type("Up", "Up", "Down")
    terminal.wait_for(rf", rows {last}-59 of 60 *$")
    terminal.type("PageUp")
    terminal.wait_for(rf", rows {last - shown}-{last - 1} of 60 *$")
    terminal.type("End")
    wait_until(lambda: [row[column] for row in rows_of(terminal)] == figures[last:], terminal)


@pytest.mark.usefixtures("tasks_can_be_imported")
def test_rows_are_sorted_by_their_group(terminal, tmp_path, chosen_port):
    gate = tmp_path / "gate"
    with scaled_cluster(terminal, chosen_port, 3), Client(f"tcp://127.0.0.1:{chosen_port}") as client:
        futures = [client.submit(wait_for_file, str(gate)) for _ in range(100)]
        terminal.wait_for(r"^Total 3 worker group\(s\) with 3 worker\(s\) *$")
        wait_until(lambda: len(groups_of(terminal)) == 3, terminal)
        for is_descending in (True, False):
            terminal.type("g")
            wait_until(lambda down=is_descending: groups_are_sorted(terminal, down), terminal)
        gate.touch()
        for future in futures:
            future.result()


def groups_of(terminal: Terminal) -> list[str]:
    """Return the group of each worker, in the order of the rows."""
    return re.findall(r"^(native-[0-9a-f]{2}\+) +Worker\|NAT\|", "\n".join(terminal.lines()), re.MULTILINE)


def groups_are_sorted(terminal: Terminal, is_descending: bool) -> bool:
    groups = groups_of(terminal)
    return len(groups) == 3 and groups == sorted(groups, reverse=is_descending)
