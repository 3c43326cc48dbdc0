"""What the web UI shows of a task that waits for a task of its own."""

from __future__ import annotations

from pathlib import Path

from browser_screen import Screen
from webui_tasks import wait_in_a_task

from scaler import Client


def check_nested_tasks(screen: Screen, client: Client, end: Path) -> None:
    """Look at everything that counts a task that stands still, while there is one and when it has ended."""
    future = client.submit(wait_in_a_task, str(end))
    screen.open("Live")
    screen.wait(lambda: screen.rows("workers")[0]["Tasks Suspended"] == "1")
    [row] = screen.rows("workers")
    assert (row["Queue Capacity"], row["Tasks Sent"], row["Tasks Queued"]) == ("998", "2", "0")
    screen.open("Clients")
    screen.wait(lambda: [row["Live Tasks"] for row in screen.rows("clients")] == ["1", "1"])
    screen.open("Worker Processors")
    screen.wait(lambda: sorted(_states(screen)) == [("yes", "yes", "no"), ("yes", "yes", "yes")])
    screen.open("Worker Task Stream")
    screen.wait(lambda: len(screen.chart("task-stream")["labels"]) == 2)
    labels = screen.chart("task-stream")["labels"]
    assert labels[0].removesuffix("[1]") == labels[1].removesuffix("[2]")
    end.touch()
    future.result(timeout=20)
    screen.open("Live")
    screen.wait(lambda: screen.rows("workers")[0]["Tasks Suspended"] == "0")
    screen.open("Clients")
    screen.wait(lambda: [row["Live Tasks"] for row in screen.rows("clients")] == ["0"])
    screen.open("Worker Processors")
    screen.wait(lambda: {state[1:] for state in _states(screen)} == {("no", "no")})


def _states(screen: Screen) -> list[tuple[str, str, str]]:
    rows = screen.rows("processors")
    return [(row["Initialized"], row["Has Task"], row["Suspended"]) for row in rows]
