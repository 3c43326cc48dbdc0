"""The page: a headline with the state of the connection, and the tabs. Only what is on the screen is refreshed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nicegui import app, ui
from nicegui.events import GenericEventArguments

from scaler.ui.cluster_view import ClusterView
from scaler.ui.pages.clients import ClientsTab
from scaler.ui.pages.graphs import GraphsTab
from scaler.ui.pages.live import LiveTab
from scaler.ui.pages.memory import MemoryTab
from scaler.ui.pages.processors import ProcessorsTab
from scaler.ui.pages.settings import SettingsTab
from scaler.ui.pages.task_log import TaskLogTab
from scaler.ui.pages.task_stream import TaskStreamTab
from scaler.ui.pages.viewer import Tab, Viewer
from scaler.ui.pages.waiting import WaitingTab
from scaler.ui.viewer_settings import ViewerSettings

_REFRESH_SECONDS: Final = 0.5
_SETTINGS_KEY: Final = "settings"
_TABS: Final[dict[str, Callable[[Viewer], Tab]]] = {
    "Live": LiveTab,
    "Task Log": TaskLogTab,
    "Worker Task Stream": TaskStreamTab,
    "Memory": MemoryTab,
    "Worker Processors": ProcessorsTab,
    "Clients": ClientsTab,
    "Graphs": GraphsTab,
    "Waiting": WaitingTab,
}
_REPORT_VISIBILITY: Final = """
document.addEventListener('visibilitychange', () => emitEvent('visibility', document.visibilityState === 'visible'));
"""


def register_page(view: ClusterView, monitor_address: str) -> None:
    """Let every visitor get a page of its own that shows the view."""

    @ui.page("/")
    async def page() -> None:
        await ui.context.client.connected()
        viewer = Viewer(view)
        viewer.settings = ViewerSettings.from_plain(app.storage.tab.get(_SETTINGS_KEY, {}))
        _Page(viewer, monitor_address)


class _Page:
    """What one viewer sees."""

    def __init__(self, viewer: Viewer, monitor_address: str) -> None:
        self._viewer = viewer
        self._monitor_address = monitor_address
        self._is_visible = True
        with ui.row().classes("w-full items-center"):
            ui.label("Scaler").classes("text-h6")
            self._state = ui.label().props('data-testid="connection"').classes("text-caption")
        with ui.tabs().classes("w-full") as tabs:
            for name in (*_TABS, "Settings"):
                ui.tab(name).props("no-caps")
        self._contents: dict[str, Tab] = {}
        with ui.tab_panels(tabs, value="Live", on_change=self._refresh, animated=False).classes("w-full") as panels:
            self._panels = panels
            for name, make in _TABS.items():
                with ui.tab_panel(name):
                    self._contents[name] = make(viewer)
            with ui.tab_panel("Settings"):
                self._contents["Settings"] = SettingsTab(viewer, self._store_settings)
        ui.on("visibility", self._on_visibility)
        ui.run_javascript(_REPORT_VISIBILITY)
        self._refresh()
        ui.timer(_REFRESH_SECONDS, self._refresh)

    def _refresh(self) -> None:
        if not self._is_visible:
            return
        state = self._connection_text()
        if self._state.text != state:
            self._state.text = state
        self._contents[str(self._panels.value)].refresh()

    def _connection_text(self) -> str:
        view = self._viewer.view
        if not view.is_complete:
            return f"waiting for the scheduler's monitor at {self._monitor_address}"
        lost = f", {view.lost_messages:,} messages were lost" if view.lost_messages else ""
        return f"connected to {self._monitor_address}{lost}"

    def _on_visibility(self, event: GenericEventArguments) -> None:
        self._is_visible = bool(event.args)
        self._refresh()

    def _store_settings(self) -> None:
        app.storage.tab[_SETTINGS_KEY] = self._viewer.settings.to_plain()
