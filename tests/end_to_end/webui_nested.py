"""What the web UI shows of a task that waits for a task of its own."""

from __future__ import annotations

from pathlib import Path

from browser_screen import Screen
from watched_tasks import wait_in_a_task

from scaler import Client


def check_nested_tasks(screen: Screen, client: Client, end: Path) -> None:
    """Look at everything that counts a task that stands still, while there is one and when it has ended."""
    future = client.submit(wait_in_a_task, str(end))
    screen.open("Live")
    figures = {"Queue Capacity": "998", "Tasks Sent": "2", "Tasks Queued": "0", "Tasks Suspended": "1"}
    screen.wait(lambda: [figures.items() <= row.items() for row in screen.rows("workers")] == [True])
    screen.open("Clients")
    screen.wait(lambda: [row["Live Tasks"] for row in screen.rows("clients")] == ["1", "1"])
    screen.open("Worker Processors")
    screen.wait(lambda: sorted(_states(screen)) == [("yes", "yes", "no"), ("yes", "yes", "yes")])
    screen.open("Worker Task Stream")
    screen.wait(lambda: len(_lanes(screen)) == 2)
    first, second = _lanes(screen)
    assert first.removesuffix("[1]") == second.removesuffix("[2]")
    running = [bar for bar in screen.chart("task-stream")["data"][0] if bar[6].startswith("Running")]
    assert len(running) == 2
    end.touch()
    future.result(timeout=20)
    screen.open("Live")
    screen.wait(lambda: screen.rows("workers")[0]["Tasks Suspended"] == "0")
    screen.open("Clients")
    screen.wait(lambda: [row["Live Tasks"] for row in screen.rows("clients")] == ["0"])
    screen.open("Worker Processors")
    screen.wait(lambda: {state[1:] for state in _states(screen)} == {("no", "no")})
    screen.open("Worker Task Stream")
    screen.wait(lambda: _lanes(screen))


def _states(screen: Screen) -> list[tuple[str, str, str]]:
    rows = screen.rows("processors")
    return [(row["Initialized"], row["Has Task"], row["Suspended"]) for row in rows]


def _lanes(screen: Screen) -> list[str]:
    """Return the labels of the rows of workers that are there."""
    return [label for label in screen.chart("task-stream")["labels"] if "(gone)" not in label]
