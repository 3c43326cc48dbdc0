"""A table on the screen that gets the rows of one page, and only when they are others than before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from nicegui import ui
from nicegui.events import GenericEventArguments, ValueChangeEventArguments

from scaler.ui.paging import Column, PageRequest, Table, page_of

Item = TypeVar("Item")

_ROWS_PER_PAGE: Final = (10, 25, 50, 100)


class PagedTable(Generic[Item]):
    """Shows a page of items. ``name`` is the test id of the element; what is empty says ``nothing``."""

    def __init__(
        self,
        name: str,
        table: Callable[[], Table[Item]],
        items: Callable[[], Sequence[Item]],
        nothing: str,
        request: PageRequest | None = None,
    ) -> None:
        self._table = table
        self._items = items
        self._request = request if request is not None else PageRequest()
        columns = [_column(column) for column in table().columns]
        search = ui.input(placeholder="Search", on_change=self._on_search).props("dense clearable debounce=300")
        search.props(f'data-testid="{name}-search"')
        self.element = ui.table(columns=columns, rows=[], row_key="id", pagination=self._pagination(0))
        self.element.props(f'dense flat bordered wrap-cells data-testid="{name}" no-data-label="{nothing}"')
        self.element.props(f':rows-per-page-options="{list(_ROWS_PER_PAGE)}"').classes("w-full")
        self.element.on("request", self._on_request)

    def refresh(self) -> None:
        """Show what the page has now."""
        page = page_of(self._table(), self._items(), self._request)
        rows, pagination = list(page.rows), self._pagination(page.rows_in_all, page.number)
        if rows == self.element.rows and pagination == self.element.pagination:
            return
        self.element.pagination = pagination
        self.element.rows = rows

    def _pagination(self, rows_in_all: int, number: int = 1) -> dict[str, Any]:
        return {
            "page": number,
            "rowsPerPage": self._request.rows_per_page,
            "sortBy": self._request.sort_by or None,
            "descending": self._request.is_descending,
            "rowsNumber": rows_in_all,
        }

    def _on_request(self, event: GenericEventArguments) -> None:
        wanted = event.args["pagination"]
        self._request = PageRequest(
            page=int(wanted["page"]),
            rows_per_page=min(int(wanted["rowsPerPage"]), _ROWS_PER_PAGE[-1]),
            sort_by=str(wanted["sortBy"] or ""),
            is_descending=bool(wanted["descending"]),
            words=self._request.words,
        )
        self.refresh()

    def _on_search(self, event: ValueChangeEventArguments[str | None]) -> None:
        request = self._request
        self._request = PageRequest(1, request.rows_per_page, request.sort_by, request.is_descending, event.value or "")
        self.refresh()


def _column(column: Column[Any]) -> dict[str, Any]:
    described = {
        "name": column.name,
        "label": column.label,
        "field": column.name,
        "sortable": True,
        "align": "left" if column.is_text else "right",
    }
    return described | ({":format": column.script} if column.script else {})
