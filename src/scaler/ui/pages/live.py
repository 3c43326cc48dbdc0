"""Live: the scheduler now, and a row for each worker."""

from __future__ import annotations

from typing import Final

from nicegui import ui

from scaler.monitor.records import Worker
from scaler.monitor.size_text import size_text
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.ui import figures
from scaler.ui.pages.paged_table import PagedTable
from scaler.ui.pages.viewer import Viewer
from scaler.ui.tables import WORKER_TABLE

_KNOB: Final = """<q-td :props="props"><q-knob readonly show-value :model-value="Math.min(props.value, {most})"
 :max="{most}" size="46px" :thickness="0.15" track-color="grey-3" class="text-primary"
 ><span class="text-caption text-black">{{{{ props.value }}}}</span></q-knob></q-td>"""
_WORKER: Final = '<q-td :props="props"><span :title="props.row.identity">{{ props.value }}</span></q-td>'
_MEMORY_COLUMNS: Final = ("agent_rss", "processors_rss")
_CPU_COLUMNS: Final = ("agent_cpu", "processors_cpu")


class LiveTab:
    """Follows every report."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        with ui.row().classes("w-full items-stretch"):
            self._scheduler = _Card("Scheduler", "scheduler")
            self._live = _Card("Tasks now", "tasks-now")
            self._ended = _Card("Tasks ended since the scheduler's start", "tasks-ended")
        self._workers = PagedTable[Worker](
            "workers", lambda: WORKER_TABLE, lambda: list(viewer.view.figures.workers.values()), "No workers"
        )
        for name in _CPU_COLUMNS:
            self._workers.element.add_slot(f"body-cell-{name}", _KNOB.format(most="100"))
        for name in _MEMORY_COLUMNS:
            self._workers.element.add_slot(f"body-cell-{name}", _KNOB.format(most=f"(props.row.{name}_of || 1)"))
        self._workers.element.add_slot("body-cell-worker", _WORKER)

    def refresh(self) -> None:
        """Show the last report."""
        now = self._viewer.view.figures
        report = now.report
        self._scheduler.show(
            {
                "CPU": f"{figures.percent(report.load.cpu_permille):.1f}%",
                "RSS": size_text(report.load.rss_bytes),
                "RSS Free": size_text(report.rss_free_bytes),
                "Workers": f"{len(now.workers):,}",
                "Clients": f"{len(now.clients):,}",
                "Objects": f"{report.objects:,}",
            }
        )
        live = report.live
        self._live.show(
            {
                "Waiting": f"{live.get(MonitorState.inactive, 0):,}",
                "On workers": f"{live.get(MonitorState.running, 0):,}",
                "Asked back": f"{live.get(MonitorState.balanceCanceling, 0):,}",
                "Canceling": f"{live.get(MonitorState.canceling, 0):,}",
            }
        )
        self._ended.show({figures.state_label(state): f"{count:,}" for state, count in sorted(report.ended.items())})
        self._workers.refresh()


class _Card:
    """A title with figures below."""

    def __init__(self, title: str, name: str) -> None:
        with ui.card().props(f'data-testid="{name}" flat bordered'):
            ui.label(title).classes("text-weight-bold")
            self._content = ui.row().classes("gap-6")
        self._labels: dict[str, ui.label] = {}

    def show(self, values: dict[str, str]) -> None:
        """Show figures by name; those that are new get a place."""
        for name, value in values.items():
            if name not in self._labels:
                with self._content, ui.column().classes("gap-0"):
                    ui.label(name).classes("text-caption text-grey-7")
                    self._labels[name] = ui.label()
            if self._labels[name].text != value:
                self._labels[name].text = value
