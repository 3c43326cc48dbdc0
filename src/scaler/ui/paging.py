"""Tables of which a viewer gets one page at a time: sorted, searched, and cut on this side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Column(Generic[Item]):
    """A column: what is shown of an item, and what it is sorted by when that is not the same.

    ``script`` is JavaScript that writes the value, like ``value => value + '%'``.
    """

    name: str
    label: str
    value: Callable[[Item], Any]
    order: Callable[[Item], Any] | None = None
    is_text: bool = False
    script: str = ""


@dataclass(frozen=True)
class Table(Generic[Item]):
    """Columns, and more values that are part of each row without a column of their own; each row has an ``id``."""

    columns: tuple[Column[Item], ...]
    row_id: Callable[[Item], str]
    further: dict[str, Callable[[Item], Any]]

    def row(self, item: Item) -> dict[str, Any]:
        """Return what the browser gets of an item."""
        row = {column.name: column.value(item) for column in self.columns}
        row.update({name: value(item) for name, value in self.further.items()})
        row["id"] = self.row_id(item)
        return row

    def contains(self, item: Item, words: str) -> bool:
        """Return whether some text of the row contains the words, in capital letters or not."""
        texts = [column.value(item) for column in self.columns if column.is_text]
        texts += [value(item) for value in self.further.values()]
        return any(isinstance(text, str) and words.lower() in text.lower() for text in texts)


@dataclass(frozen=True)
class PageRequest:
    """What a viewer wants to see; pages count from 1. Without ``sort_by`` items keep their order."""

    page: int = 1
    rows_per_page: int = 25
    sort_by: str = ""
    is_descending: bool = False
    words: str = ""


@dataclass(frozen=True)
class Page:
    """The rows of a page, its number, and of how many rows it is a part."""

    rows: tuple[dict[str, Any], ...]
    number: int
    rows_in_all: int


def page_of(table: Table[Item], items: Sequence[Item], request: PageRequest) -> Page:
    """Return the wanted page, or the last one when there are fewer."""
    found = [item for item in items if table.contains(item, request.words)] if request.words else list(items)
    column = next((column for column in table.columns if column.name == request.sort_by), None)
    if column is not None:
        found.sort(key=column.order or column.value, reverse=request.is_descending)
    size = max(1, request.rows_per_page)
    last = max(1, -(-len(found) // size))
    number = min(max(1, request.page), last)
    rows = tuple(table.row(item) for item in found[(number - 1) * size : number * size])
    return Page(rows, number, len(found))
