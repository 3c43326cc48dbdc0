"""Graphs: those that have arrived while the UI was running, newest first."""

from __future__ import annotations

from scaler.ui.graph_book import Graph
from scaler.ui.pages.paged_table import PagedTable
from scaler.ui.pages.viewer import Viewer
from scaler.ui.tables import graph_table


class GraphsTab:
    """Shows how many nodes of each wait, are placed, and have ended."""

    def __init__(self, viewer: Viewer) -> None:
        self._table = PagedTable[Graph](
            "graphs",
            lambda: graph_table(viewer.clock()),
            lambda: viewer.view.graphs.newest_first(),
            "No graph has arrived yet",
        )

    def refresh(self) -> None:
        """Show how far they are."""
        self._table.refresh()
