"""What a tab is to the page, and what all tabs of one viewer share."""

from __future__ import annotations

import time
from typing import Protocol

from scaler.ui.cluster_view import ClusterView
from scaler.ui.tables import WallClock
from scaler.ui.viewer_settings import ViewerSettings


class Viewer:
    """One browser tab: what it looks at, and its own settings."""

    def __init__(self, view: ClusterView) -> None:
        self.view = view
        self.settings = ViewerSettings()
        self._clock = WallClock(time.time(), time.monotonic())

    def clock(self) -> WallClock:
        """Return what turns the viewer's own seconds into the time of day."""
        self._clock = self._clock.corrected(time.time(), time.monotonic())
        return self._clock


class Tab(Protocol):
    """The content of a tab, made inside of its panel. It is refreshed only while it is on the screen."""

    def refresh(self) -> None:
        """Show the present state."""
