"""How a viewer looks at the picture, and what each key does to that."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Final

from scaler.top.columns import BY_KEY

QUIT_KEY: Final = "q"
_STEP_CELLS: Final = 8
_END: Final = 2**31


class Key(enum.Enum):
    """Keys that are no characters."""

    up = enum.auto()
    down = enum.auto()
    page_up = enum.auto()
    page_down = enum.auto()
    home = enum.auto()
    end = enum.auto()
    left = enum.auto()
    right = enum.auto()


@dataclass(frozen=True)
class View:
    """What is sorted by, and which worker and cell stand first. Drawing keeps both within what there is."""

    sort_column: str = "cpu"
    is_descending: bool = True
    first_row: int = 0
    first_cell: int = 0
    has_quit: bool = False

    def after(self, key: Key | str, page_rows: int) -> View:
        """Return the view after a key; one without a meaning changes nothing. ``page_rows`` are shown at a time."""
        if key == QUIT_KEY:
            return replace(self, has_quit=True)
        if isinstance(key, Key):
            return self._scrolled(key, max(1, page_rows))
        column = BY_KEY.get(key)
        if column is None:
            return self
        is_descending = not self.is_descending if column.name == self.sort_column else True
        return replace(self, sort_column=column.name, is_descending=is_descending)

    def _scrolled(self, key: Key, page_rows: int) -> View:
        rows = {
            Key.up: self.first_row - 1,
            Key.down: self.first_row + 1,
            Key.page_up: self.first_row - page_rows,
            Key.page_down: self.first_row + page_rows,
            Key.home: 0,
            Key.end: _END,
        }
        cells = {Key.left: self.first_cell - _STEP_CELLS, Key.right: self.first_cell + _STEP_CELLS, Key.home: 0}
        return replace(
            self,
            first_row=max(0, rows.get(key, self.first_row)),
            first_cell=max(0, cells.get(key, self.first_cell)),
        )
