"""The web UI beside many workers, in a real browser: everything is in pages, and charts have half an hour."""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Any

import pytest
from browser_screen import Screen
from selenium.webdriver.common.by import By
from simulated_workers import simulated_workers
from watched_cluster import watched_cluster
from watched_tasks import add, sleep_for

from scaler import Client

WORKERS = 60
WORKERS_OF_A_PAGE = 25
TASKS = 112
TASK_SECONDS = 1500
TASK_BYTES = 70_000_000
COST = ("--task-seconds", str(TASK_SECONDS), "--task-bytes", str(TASK_BYTES))
_HALF_AN_HOUR = 1800
_LATE_SECONDS = 30  # a busy machine


@pytest.mark.timeout(400)
def test_pages_and_half_an_hour(chosen_port: int, leftovers: Any) -> None:
    with watched_cluster(chosen_port, leftovers) as (screen, client, address):
        with simulated_workers(address, WORKERS, *COST):
            screen.wait(lambda: f"Workers\n{WORKERS}\n" in screen.text("scheduler"))
            _check_pages_of_a_table(screen)
            client.submit(sleep_for, 0).result()
            _check_half_an_hour(screen, time.time())
            _check_that_the_log_is_the_last_hundred(screen, client)
            _check_pages_of_the_stream(screen)
        screen.open("Live")
        screen.wait(lambda: "No workers" in screen.text("workers"))
        screen.open("Worker Processors")
        screen.wait(lambda: "No processors" in screen.text("processors"))


def _check_pages_of_a_table(screen: Screen) -> None:
    """Sort all workers by a column, the largest first, and turn the pages."""
    head = "//*[@data-testid='workers']//th[contains(., 'Agt CPU %')]"
    for first in ("0", f"{(WORKERS - 1) / 10:g}"):
        screen.driver.find_element(By.XPATH, head).click()
        screen.wait(lambda first=first: screen.rows("workers")[0]["Agt CPU %"] == first)
    expected = [f"{number / 10:g}" for number in reversed(range(WORKERS))]
    seen: list[dict[str, str]] = []
    for first in range(1, WORKERS, WORKERS_OF_A_PAGE):
        last = min(first + WORKERS_OF_A_PAGE - 1, WORKERS)
        screen.wait(lambda first=first, last=last: f"{first}-{last} of {WORKERS}" in screen.text("workers"))
        screen.wait(lambda first=first: screen.rows("workers")[0]["Agt CPU %"] == expected[first - 1])
        rows = screen.rows("workers")
        assert len(rows) == last - first + 1
        seen += rows
        if last < WORKERS:
            screen.driver.find_element(By.CSS_SELECTOR, '[data-testid="workers"] [aria-label="Next page"]').click()
    assert [row["Agt CPU %"] for row in seen] == expected
    assert len({row["Worker"] for row in seen}) == WORKERS


def _check_half_an_hour(screen: Screen, ended: float) -> None:
    """A task that says that it ran for so long is in the charts for all of that time, as far as they reach."""
    began = ended - TASK_SECONDS
    for minutes, scale in ((5, "linear"), (30, "linear"), (30, "log")):
        screen.open("Settings")
        screen.press(f"{minutes} minutes")
        screen.press(scale)
        screen.open("Memory")
        least = 1 if scale == "log" else 0
        chart = screen.wait(
            lambda minutes=minutes, scale=scale: (
                (chart := screen.chart("memory"))["scale"] == ("log" if scale == "log" else "value")
                and chart["to"] - chart["from"] == minutes * 60_000
                and chart
            )
        )
        sizes = dict(chart["data"][0])
        surely_ran = ((began + 2 * _LATE_SECONDS) * 1000, (ended - _LATE_SECONDS) * 1000)
        ran = [size for moment, size in sizes.items() if surely_ran[0] < moment < surely_ran[1]]
        assert len(ran) > 100
        assert set(ran) == {TASK_BYTES}
        before = [size for moment, size in sizes.items() if moment < (began - _LATE_SECONDS) * 1000]
        assert set(before) == ({least} if minutes * 60 > TASK_SECONDS else set())
        screen.wait(partial(_is_filled, screen))
    screen.open("Worker Task Stream")
    chart = screen.wait(lambda: (chart := screen.chart("task-stream"))["data"][0] and chart)
    [bar] = chart["data"][0]
    assert bar[2] - bar[1] == pytest.approx(TASK_SECONDS * 1000, abs=2)  # milliseconds are rounded
    assert bar[2] / 1000 == pytest.approx(ended, abs=_LATE_SECONDS)
    assert chart["to"] - chart["from"] == pytest.approx(_HALF_AN_HOUR * 1000, abs=2)


def _is_filled(screen: Screen) -> bool:
    """Return whether the area under the curve is painted."""
    return sum(shape["type"] == "ec-polygon" and bool(shape["fill"]) for shape in screen.painted("memory")) == 1


def _check_pages_of_the_stream(screen: Screen) -> None:
    """Each worker has its row on one of the pages, and tasks alike without a gap are one bar that counts them."""
    screen.open("Worker Task Stream")
    screen.wait(lambda: [text for text in screen.text("stream-pages").split() if text.isdigit()] == ["1", "2", "3"])
    shown: list[str] = []
    tasks = 0
    for number, rows in (("1", 25), ("2", 25), ("3", 10)):
        screen.driver.find_element(By.XPATH, f"//*[@data-testid='stream-pages']//button[.='{number}']").click()
        chart = screen.wait(partial(_other_rows, screen, tuple(shown), rows))
        screen.wait(partial(_are_painted, screen, chart["labels"]))
        bars = chart["data"][0]
        assert len({bar[0] for bar in bars}) == len(bars)
        tasks += sum(int(bar[6].split("Tasks: ")[1].split("<")[0]) for bar in bars)
        shown += chart["labels"]
    assert len(set(shown)) == WORKERS
    assert all(label.startswith("simulated-") and label.endswith("[1]") for label in shown)
    assert tasks == TASKS
    assert re.search(r"Success, <no capabilities>\nTasks: \d+\n\d+\.\d\ds", screen.wait(partial(_tip_of_a_bar, screen)))


def _other_rows(screen: Screen, shown: tuple[str, ...], rows: int) -> dict[str, Any] | None:
    """Return the chart when it has so many rows, and not those of a page that was seen before."""
    chart = screen.chart("task-stream")
    return chart if len(chart["labels"]) == rows and chart["labels"][0] not in shown else None


def _are_painted(screen: Screen, labels: list[str]) -> bool:
    return set(labels) <= {shape["text"] for shape in screen.painted("task-stream")}


def _tip_of_a_bar(screen: Screen) -> str:
    """Return what is seen over the chart when the mouse is on its first bar."""
    screen.driver.execute_script(
        "getElement(document.querySelector('[data-testid=task-stream]')).chart"
        ".dispatchAction({type: 'showTip', seriesIndex: 0, dataIndex: 0})"
    )
    return screen.text("task-stream")


def _check_that_the_log_is_the_last_hundred(screen: Screen, client: Client) -> None:
    for future in [client.submit(sleep_for, 0) for _ in range(TASKS - 2)]:
        future.result()
    client.submit(add, 1, 2).result()
    screen.open("Task Log")
    screen.wait(lambda: screen.rows("task-log")[0]["Function"] == "add")
    rows = screen.rows("task-log")
    assert [row["Function"] for row in rows] == ["add"] + ["sleep_for"] * 99
    assert len({row["Task ID"] for row in rows}) == 100
    assert {(row["Duration"], row["Peak mem"]) for row in rows} == {(f"{TASK_SECONDS}.00s", "66.8M")}
