"""Worker Task Stream: what each worker has run, a page of workers at a time."""

from __future__ import annotations

import time
from typing import Final

from nicegui import ui

from scaler.ui.charts import reset_zoom, stream_height_pixels, stream_options
from scaler.ui.pages.viewer import Viewer

WORKERS_PER_PAGE: Final = 25


class TaskStreamTab:
    """A chart with a row for each lane of the workers of the page."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        with ui.row().classes("items-center"):
            self._pages = ui.pagination(1, 1, direction_links=True, value=1, on_change=self.refresh)
            self._pages.props('data-testid="stream-pages" max-pages=9')
            ui.button("Reset zoom", on_click=self._reset_zoom).props("flat dense")
            ui.label("Bars: green without capabilities, x failed, / canceled, yellow outline running.").classes(
                "text-caption text-grey-7"
            )
        self._chart = ui.echart({"series": []}).classes("w-full").props('data-testid="task-stream"')
        self._height = 0

    def refresh(self) -> None:
        """Show the bars up to now."""
        now, window = time.monotonic(), self._viewer.settings.window_seconds
        stream = self._viewer.view.stream
        self._pages.max = max(1, -(-stream.worker_count(now, window) // WORKERS_PER_PAGE))
        number = min(self._pages.value or 1, self._pages.max)
        rows = stream.rows(now, window, (number - 1) * WORKERS_PER_PAGE, WORKERS_PER_PAGE)
        height = stream_height_pixels(len(rows))
        if height != self._height:
            self._height = height
            self._chart.style(f"height: {height}px")
        self._chart.options.clear()
        self._chart.options.update(stream_options(rows, now, window, self._viewer.clock()))

    def _reset_zoom(self) -> None:
        self._chart.run_chart_method("dispatchAction", reset_zoom())
