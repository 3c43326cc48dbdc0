"""Memory: what finished tasks took together, over time."""

from __future__ import annotations

import time

from nicegui import ui

from scaler.ui.charts import memory_options, reset_zoom
from scaler.ui.pages.viewer import Viewer


class MemoryTab:
    """A filled curve; the axis is linear or logarithmic, as the viewer has chosen."""

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        ui.button("Reset zoom", on_click=self._reset_zoom).props("flat dense")
        self._chart = ui.echart({"series": []}).classes("w-full").style("height: 600px")
        self._chart.props('data-testid="memory"')

    def refresh(self) -> None:
        """Show the curve up to now."""
        now, settings = time.monotonic(), self._viewer.settings
        points = self._viewer.view.memory.points(now, settings.window_seconds)
        options = memory_options(points, now, settings.window_seconds, settings.memory_scale, self._viewer.clock())
        self._chart.options.clear()
        self._chart.options.update(options)

    def _reset_zoom(self) -> None:
        self._chart.run_chart_method("dispatchAction", reset_zoom())
