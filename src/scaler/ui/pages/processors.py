"""Worker Processors: the processes that run tasks."""

from __future__ import annotations

from typing import Final

from scaler.ui.pages.paged_table import PagedTable
from scaler.ui.pages.viewer import Viewer
from scaler.ui.processor_book import Processor
from scaler.ui.tables import PROCESSOR_TABLE

_WORKER: Final = '<q-td :props="props"><span :title="props.row.identity">{{ props.value }}</span></q-td>'


class ProcessorsTab:
    """Those of a worker side by side, by process id."""

    def __init__(self, viewer: Viewer) -> None:
        self._table = PagedTable[Processor](
            "processors", lambda: PROCESSOR_TABLE, lambda: viewer.view.processors.all(), "No processors"
        )
        self._table.element.add_slot("body-cell-worker", _WORKER)

    def refresh(self) -> None:
        """Show what the last report says."""
        self._table.refresh()
