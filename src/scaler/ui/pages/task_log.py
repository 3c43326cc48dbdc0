"""Task Log: the last hundred tasks that have ended, newest first."""

from __future__ import annotations

from typing import Final

from nicegui import ui
from nicegui.events import GenericEventArguments

from scaler.ui.pages.paged_table import PagedTable
from scaler.ui.pages.viewer import Viewer
from scaler.ui.paging import PageRequest
from scaler.ui.tables import task_log_table
from scaler.ui.task_log import LOGGED_TASKS, LoggedTask

# The end of an id is what tells tasks apart, so it is the beginning that is cut.
_TASK: Final = """<q-td :props="props"><span class="cursor-pointer ellipsis inline-block"
 style="max-width: 12rem; direction: rtl"
 :title="props.value + ' (click to copy)'" @click="() => $parent.$emit('copy', props.value)">{{ props.value }}</span>
</q-td>"""
_STATUS: Final = """<q-td :props="props"><span :class="props.value === 'Success' ? 'text-positive' : 'text-negative'"
 >{{ props.value }}</span></q-td>"""


class TaskLogTab:
    """Shows names, times, memory and ends."""

    def __init__(self, viewer: Viewer) -> None:
        self._table = PagedTable[LoggedTask](
            "task-log",
            lambda: task_log_table(viewer.clock()),
            lambda: viewer.view.log.newest_first(),
            "No task has ended yet",
            PageRequest(rows_per_page=LOGGED_TASKS),
        )
        self._table.element.add_slot("body-cell-task", _TASK)
        self._table.element.add_slot("body-cell-status", _STATUS)
        self._table.element.on("copy", _copy)

    def refresh(self) -> None:
        """Show what has ended."""
        self._table.refresh()


def _copy(event: GenericEventArguments) -> None:
    ui.clipboard.write(str(event.args))
    ui.notify("The task's id was copied")
