"""The upper part of the screen: figures of the scheduler, as tables side by side or in one line."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Final

from scaler.monitor.records import SchedulerReport
from scaler.monitor.size_text import size_text
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.top import figures

SEPARATOR: Final = " | "


def beside(*blocks: list[str]) -> list[str]:
    """Return blocks of lines side by side; the lines of each get the same width."""
    widths = [max(map(figures.cells, block), default=0) for block in blocks]
    return [
        SEPARATOR.join(figures.pad(line, width) for line, width in zip(lines, widths, strict=True)).rstrip()
        for lines in zip_longest(*blocks, fillvalue="")
    ]


def overview_lines(report: SchedulerReport) -> list[str]:
    """Return the five tables."""
    tables = (
        ("scheduler", _scheduler_figures(report)),
        ("object_manager", {"num_of_objs": f"{report.objects:,}"}),
        ("task_manager", {state: f"{count:,}" for state, count in sorted(_task_counts(report).items())}),
        ("scheduler_sent", _message_figures(report.sent)),
        ("scheduler_received", _message_figures(report.received)),
    )
    return beside(*(_table(title, rows) for title, rows in tables))


def overview_line(report: SchedulerReport) -> str:
    """Return what matters most of that, in one line."""
    scheduler = " ".join(f"{name} {figure}" for name, figure in _scheduler_figures(report).items())
    tasks = " ".join(f"{state} {count:,}" for state, count in sorted(_task_counts(report).items()) if count)
    return SEPARATOR.join((scheduler, f"objects {report.objects:,}", f"tasks {tasks or 0}"))


def _scheduler_figures(report: SchedulerReport) -> dict[str, str]:
    return {
        "cpu": figures.load_text(report.load.cpu_permille),
        "rss": size_text(report.load.rss_bytes),
        "rss_free": size_text(report.rss_free_bytes),
    }


def _task_counts(report: SchedulerReport) -> dict[str, int]:
    """Return how many tasks are in each state now, or, of the last states, have been since the scheduler's start."""
    return {state.name: report.live.get(state, 0) + report.ended.get(state, 0) for state in MonitorState}


def _message_figures(counts: Mapping[str, int]) -> dict[str, str]:
    return {figures.printable(name): f"{count:,}" for name, count in counts.items()}


def _table(title: str, rows: Mapping[str, str]) -> list[str]:
    names = max(map(figures.cells, rows), default=0)
    values = max(map(figures.cells, rows.values()), default=0)
    values = max(values, figures.cells(title) - names - 1)
    lines = [
        f"{figures.pad(name, names)} {figures.pad(figure, values, to_right=True)}" for name, figure in rows.items()
    ]
    return [title, *lines]
