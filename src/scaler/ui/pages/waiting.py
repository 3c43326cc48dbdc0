"""Waiting: why tasks wait, and what no connected worker can run."""

from __future__ import annotations

from nicegui import ui

from scaler.monitor.records import Shortage
from scaler.ui.pages.paged_table import PagedTable
from scaler.ui.pages.viewer import Viewer
from scaler.ui.tables import SHORTAGE_TABLE
from scaler.ui.waiting import why_tasks_wait


class WaitingTab:
    """A sentence for each reason, and a table of what is missing."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._sentences = ui.label().props('data-testid="why-tasks-wait"').classes("whitespace-pre-line")
        ui.label("Tasks that no connected worker can ever run").classes("text-weight-bold")
        self._shortages = PagedTable[Shortage](
            "shortages",
            lambda: SHORTAGE_TABLE,
            lambda: viewer.view.figures.report.shortages,
            "Every task has a worker that can run it",
        )

    def refresh(self) -> None:
        """Show the reasons of the last report."""
        text = "\n".join(why_tasks_wait(self._viewer.view.figures))
        if text != self._sentences.text:
            self._sentences.text = text
        self._shortages.refresh()
