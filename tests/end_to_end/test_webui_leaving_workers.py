"""The web UI beside workers that leave, in a real browser: those that drain say so, and those that die take a task."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
from browser_screen import Screen
from commands import Command
from selenium.webdriver.common.by import By
from watched_cluster import watched_cluster
from watched_tasks import kill_its_worker, sleep_for, wait_for_file

from scaler import Client
from scaler.utility.exceptions import WorkerDiedError

_FAILED_OUTLINE = "#d00000"


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("tasks_can_be_imported")
def test_workers_that_drain_and_workers_that_die(chosen_port: int, leftovers: Any, tmp_path: Path) -> None:
    with watched_cluster(chosen_port, leftovers) as (screen, client, address):
        screen.wait(lambda: "No workers" in screen.text("workers"))
        _check_draining(screen, client, address, tmp_path / "gate")
        _check_dying(screen, client, address)


def _cluster(address: str, *arguments: str) -> Command:
    return Command("scaler_cluster", address, "--heartbeat-interval-seconds", "0.5", *arguments)


def _workers(screen: Screen, *columns: str) -> list[tuple[str, ...]]:
    """Return the columns of each worker, behind its name without what makes it unique."""
    rows = screen.rows("workers")
    return sorted((row["Worker"].rpartition(" ")[0], *(row[column] for column in columns)) for row in rows)


def _check_draining(screen: Screen, client: Client, address: str, gate: Path) -> None:
    figures = ("Tasks Sent", "ITL", "Draining")
    with _cluster(address, "-wn", "leaves", "--drain-seconds", "150") as leaving:
        screen.wait(lambda: _workers(screen, *figures) == [("leaves", "0", "101", "no")])
        running = client.submit(wait_for_file, str(gate))
        screen.wait(lambda: _workers(screen, *figures) == [("leaves", "1", "110", "no")])
        leaving.process.send_signal(signal.SIGTERM)
        screen.wait(lambda: _workers(screen, *figures) == [("leaves", "1", "110", "yes")])
        waiting = client.submit(sleep_for, 0.0)
        screen.open("Waiting")
        [row] = screen.wait(lambda: screen.rows("shortages"))
        assert (row["Tasks"], row["Wait For"]) == ("1", "every connected worker is about to leave")
        with _cluster(address, "-wn", "stays") as staying:
            assert waiting.result(timeout=60) == 0.0
            screen.wait(lambda: screen.text("why-tasks-wait") == "No task waits.")
            screen.open("Live")
            both = [("leaves", "1", "110", "yes"), ("stays", "0", "101", "no")]
            screen.wait(lambda: _workers(screen, *figures) == both)
            gate.touch()
            running.result(timeout=60)
            assert leaving.wait(60) == 0, leaving.output
            screen.wait(lambda: _workers(screen, *figures) == [("stays", "0", "101", "no")])
            assert staying.stop() == 0, staying.output
    screen.wait(lambda: "No workers" in screen.text("workers"))


def _check_dying(screen: Screen, client: Client, address: str) -> None:
    with _cluster(address, "-n", "3", "-wn", "first,second,third", "--no-restart-workers") as dying:
        screen.wait(lambda: len(screen.rows("workers")) == 3)
        with pytest.raises(WorkerDiedError):
            client.submit(kill_its_worker).result(timeout=90)
        assert dying.wait(60) == 1, dying.output
    screen.wait(lambda: "No workers" in screen.text("workers"))
    screen.wait(lambda: "FailedWorkerDied\n1" in screen.text("tasks-ended"))
    assert "Success\n2" in screen.text("tasks-ended")
    screen.open("Task Log")
    died, *others = screen.wait(lambda: screen.rows("task-log"))
    assert (died["Function"], died["Status"]) == ("kill_its_worker", "FailedWorkerDied")
    assert (died["Duration"], died["Peak mem"]) == ("N/A", "N/A")
    assert died["Worker"].rpartition(" ")[0] in ("first", "second", "third")
    assert [row["Status"] for row in others] == ["Success", "Success"]
    red, green, *_ = _colors_of_statuses(screen)
    assert red > green  # by the amount of red in it
    _check_bar_of_the_dead(screen, died["Worker"])


def _colors_of_statuses(screen: Screen) -> list[int]:
    """Return how much red there is in each status, from the newest task on."""
    cells = screen.driver.find_elements(By.CSS_SELECTOR, '[data-testid="task-log"] tbody td:nth-child(5) span')
    return [int(cell.value_of_css_property("color").split("(")[1].split(",")[0]) for cell in cells]


def _check_bar_of_the_dead(screen: Screen, worker: str) -> None:
    """Only the worker with which the task ended has a bar of it, in a row of one that has gone, red and crossed."""
    screen.open("Worker Task Stream")
    labels = screen.wait(lambda: len(labels := screen.chart("task-stream")["labels"]) == 3 and labels)
    assert all(label.endswith(" [1] (gone)") for label in labels)
    bars = screen.chart("task-stream")["data"][0]
    [bar] = [bar for bar in bars if bar[6].startswith("FailedWorkerDied")]
    assert labels[bar[0]] == f"{worker} [1] (gone)"
    assert (bar[4], bar[5]) == (_FAILED_OUTLINE, "x")
    assert bar[2] > bar[1]
    assert {other[5] for other in bars if other is not bar} == {""}
    strokes = [shape for shape in screen.painted("task-stream") if shape["type"] == "line"]
    assert len([shape for shape in strokes if shape["stroke"] == _FAILED_OUTLINE]) == 2
