"""Makes pictures of clusters that read as sentences."""

from __future__ import annotations

from typing import Any

from scaler.monitor.records import Load, ProcessorStatus, SchedulerReport, Worker, WorkerStatus
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.top.picture import Contact, Picture
from scaler.top.screen import Screen, Style, draw
from scaler.top.view import View

LIVE = Contact("tcp://127.0.0.1:1", is_connected=True, silent_seconds=0.5, timeout_seconds=5)
WIDE, HIGH = 200, 40


def worker(name: str | bytes, *processor_permille: int, **status: Any) -> Worker:
    """Return a worker with a processor for each load."""
    processors = tuple(
        ProcessorStatus(pid, Load(permille, 1024 * (pid + 1)), True, permille > 0, False)
        for pid, permille in enumerate(processor_permille)
    )
    worker_id = name if isinstance(name, bytes) else name.encode()
    return Worker(worker_id, {}, WorkerStatus(processors=processors, **status))


def picture(*workers: Worker, clients: dict[bytes, int] | None = None, **report: Any) -> Picture:
    return Picture(SchedulerReport(**report), tuple((clients or {}).items()), workers)


def busy_picture() -> Picture:
    """Return a cluster of three workers in which each figure is another one."""
    return picture(
        worker(
            "Worker|alpha|0011223344556677",
            500,
            250,
            agent=Load(12, 3 << 20),
            rss_free_bytes=5 << 30,
            free=91,
            sent=9,
            queued=7,
            suspended=1,
            lag_us=1500,
            silent_seconds=1,
            itl="110",
        ),
        worker("Worker|beta", 0, agent=Load(20, 1 << 20), free=100, lag_us=300, silent_seconds=7, itl="100"),
        worker("Worker|gamma", 990, agent=Load(1, 2 << 20), free=98, sent=2, lag_us=99, silent_seconds=70, itl="110"),
        clients={b"Client|0123456789abcdef": 1234, b"Client|b": 0},
        load=Load(123, 50 << 20),
        rss_free_bytes=6 << 30,
        objects=1234,
        live={MonitorState.running: 11, MonitorState.inactive: 1234567},
        ended={MonitorState.success: 5000},
        sent={"Task": 77},
        received={"TaskResult": 66, "Task": 88},
        worker_groups={b"native-0123456789": (b"Worker|beta",)},
    )


def shown(screen: Screen) -> list[str]:
    return [line.text.rstrip() for line in screen.lines]


def lines_of(view: View, rows: int = HIGH, cells: int = WIDE) -> list[str]:
    return shown(draw(busy_picture(), LIVE, view, rows, cells))


def workers_of(view: View) -> list[str]:
    """Return the names of the workers as they stand one below the other."""
    screen = draw(busy_picture(), LIVE, view, HIGH, WIDE)
    heading = next(number for number, line in enumerate(screen.lines) if line.style is Style.heading)
    found = [line.text.split("Worker|")[1].split()[0] for line in screen.lines[heading + 1 :]]
    return [name.split("|")[0] for name in found]
