"""What stands in each line of a terminal of a given size."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Final

from scaler.top import figures
from scaler.top.columns import BY_NAME, COLUMNS, Row
from scaler.top.overview import beside, overview_line, overview_lines
from scaler.top.picture import Contact, Picture
from scaler.top.view import QUIT_KEY, View

_CLIENT_CELLS: Final = 18
_SILENCE_SHOWN_SECONDS: Final = 2.0
"""The scheduler reports every second: less is no silence."""
_LEAST_TABLE_ROWS: Final = 3
"""Workers that are to be seen; what stands above them is shortened rather than showing fewer."""
_SHORTCUTS: Final = " ".join(
    ("Shortcuts:", f"quit[{QUIT_KEY}]", *(f"{column.name}[{column.key}]" for column in COLUMNS if column.key))
)


class Style(enum.Enum):
    """How a line stands out."""

    plain = enum.auto()
    heading = enum.auto()
    alert = enum.auto()


@dataclass(frozen=True)
class Line:
    """One line; ``is_fixed`` when it does not move as tables are scrolled sideways."""

    text: str
    style: Style = Style.plain
    is_fixed: bool = False


@dataclass(frozen=True)
class Screen:
    """Lines that fit into the terminal, from its top; the view within what there is; the workers in a page."""

    lines: tuple[Line, ...]
    view: View
    page_rows: int


def draw_waiting(contact: Contact, view: View, rows: int, cells: int) -> Screen:
    """Return what is shown before anything is known."""
    text = (
        f"Connecting to {figures.printable(contact.address)} for {contact.silent_seconds:.0f} s "
        f"of {contact.timeout_seconds:g} s, quit[{QUIT_KEY}]"
    )
    return Screen(_fitted([Line(text)], rows, cells, 0), view, 1)


def draw(picture: Picture, contact: Contact, view: View, rows: int, cells: int) -> Screen:
    """Return the screen. What does not fit is reached by scrolling; small terminals get a shorter upper part."""
    above = _above(picture, contact, rows, cells)
    page_rows = max(1, rows - len(above) - 2)
    table_rows = max(len(picture.workers), len(picture.clients))
    first_row = max(0, min(view.first_row, table_rows - page_rows))
    total = _total(picture)
    if table_rows > page_rows:
        total += f", rows {first_row + 1}-{first_row + page_rows} of {table_rows}"
    heading, *table = _table(picture, view, first_row, page_rows)
    lines = [*above, Line(total), Line(heading, Style.heading), *map(Line, table)]
    widest = max(figures.cells(line.text) for line in lines)
    first_cell = max(0, min(view.first_cell, widest - cells))
    shown = replace(view, first_row=first_row, first_cell=first_cell)
    return Screen(_fitted(lines, rows, cells, first_cell), shown, page_rows)


def _above(picture: Picture, contact: Contact, rows: int, cells: int) -> list[Line]:
    """Return what stands above the table: all tables of figures, or one line of them, or only how the stream is."""
    status, shortcuts, heading_rows = _status(contact, cells), Line(_SHORTCUTS), 2
    overview = [Line(text) for text in overview_lines(picture.report)]
    for above in (
        [*overview, status, shortcuts, Line("")],
        [Line(overview_line(picture.report)), status, shortcuts],
        [Line(overview_line(picture.report)), status],
    ):
        if len(above) + heading_rows + _LEAST_TABLE_ROWS <= rows:
            return above
    return [status]


def _status(contact: Contact, cells: int) -> Line:
    """Return the line that parts the screen; it says when the stream has gone or is silent."""
    if contact.is_connected and contact.silent_seconds < _SILENCE_SHOWN_SECONDS:
        return Line("-" * cells, is_fixed=True)
    what = "no message" if contact.is_connected else "connection lost, no message"
    text = f"--- {what} for {contact.silent_seconds:.0f} s of {contact.timeout_seconds:g} s "
    return Line(f"{text}{'-' * (cells - len(text))}", Style.alert, is_fixed=True)


def _total(picture: Picture) -> str:
    workers, report = picture.workers, picture.report
    parts = [f"Total {len(report.worker_groups)} worker group(s) with {len(workers)} worker(s)"]
    draining = sum(worker.status.is_draining for worker in workers)
    if draining:
        parts.append(f"{draining} draining")
    if report.shortages:
        parts.append(f"{sum(shortage.tasks for shortage in report.shortages):,} task(s) that no worker can run")
    return ", ".join(parts)


def _table(picture: Picture, view: View, first_row: int, page_rows: int) -> list[str]:
    """Return a heading and a page of workers, with the clients beside them."""
    groups = picture.group_of_workers()
    rows = [Row(groups.get(worker.worker_id, b""), worker) for worker in picture.workers]
    rows.sort(key=BY_NAME[view.sort_column].order, reverse=view.is_descending)
    workers = _worker_lines(rows[first_row : first_row + page_rows], view)
    if not rows:
        workers = [workers[0], "No workers"]
    return beside(workers, _client_lines(picture.clients[first_row : first_row + page_rows]))


def _worker_lines(rows: list[Row], view: View) -> list[str]:
    columns = []
    for column in COLUMNS:
        name = f"[{column.name}]" if column.name == view.sort_column else column.name
        texts = [name, *(column.text(row) for row in rows)]
        width = max(column.least_cells, *map(figures.cells, texts))
        columns.append([figures.pad(text, width, to_right=not column.is_name) for text in texts])
    return [" ".join(texts) for texts in zip(*columns, strict=True)]


def _client_lines(clients: tuple[tuple[bytes, int], ...]) -> list[str]:
    lines = [f"{figures.pad('client_manager', _CLIENT_CELLS)} tasks"]
    for client_id, tasks in clients:
        name = figures.pad(figures.name_text(client_id, _CLIENT_CELLS), _CLIENT_CELLS)
        lines.append(f"{name} {tasks:>5,}")
    return lines


def _fitted(lines: list[Line], rows: int, cells: int, first_cell: int) -> tuple[Line, ...]:
    return tuple(
        replace(line, text=figures.cut(line.text, 0 if line.is_fixed else first_cell, cells)) for line in lines[:rows]
    )
