"""Clients: who is connected, and how many tasks of each are alive."""

from __future__ import annotations

from typing import Final

from scaler.ui.pages.paged_table import PagedTable
from scaler.ui.pages.viewer import Viewer
from scaler.ui.tables import CLIENT_TABLE

_CLIENT: Final = '<q-td :props="props"><span :title="props.row.identity">{{ props.value }}</span></q-td>'


class ClientsTab:
    """Also clients without a task are there."""

    def __init__(self, viewer: Viewer) -> None:
        self._table = PagedTable[tuple[bytes, int]](
            "clients", lambda: CLIENT_TABLE, lambda: list(viewer.view.figures.clients.items()), "No clients"
        )
        self._table.element.add_slot("body-cell-client", _CLIENT)

    def refresh(self) -> None:
        """Show what the last report says."""
        self._table.refresh()
