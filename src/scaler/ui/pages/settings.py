"""Settings: of this viewer alone; they last as long as its browser tab, also over reloads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nicegui import ui

from scaler.ui.pages.viewer import Viewer
from scaler.ui.viewer_settings import MEMORY_SCALES, WINDOWS_MINUTES


class SettingsTab:
    """Calls ``on_change`` when the viewer has chosen something."""

    def __init__(self, viewer: Viewer, on_change: Callable[[], None]) -> None:
        self._viewer = viewer
        self._on_change = on_change
        ui.label("Sliding Window Length")
        windows = {minutes: f"{minutes} minutes" for minutes in WINDOWS_MINUTES}
        self._window = ui.toggle(windows, value=viewer.settings.window_minutes, on_change=self._choose)
        self._window.props('data-testid="window"')
        ui.label("Memory Usage Scale")
        self._scale = ui.toggle(list(MEMORY_SCALES), value=viewer.settings.memory_scale, on_change=self._choose)
        self._scale.props('data-testid="memory-scale"')

    def refresh(self) -> None:
        """Nothing on it changes by itself."""

    def _choose(self) -> None:
        self._viewer.settings = replace(
            self._viewer.settings, window_minutes=self._window.value, memory_scale=self._scale.value
        )
        self._on_change()
