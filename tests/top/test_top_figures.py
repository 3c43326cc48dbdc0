"""How figures and names are written, and that no name can harm a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaler.top import figures


@pytest.mark.parametrize(
    ("lag_us", "silent_seconds", "text"),
    [
        (0, 0, "0us"),
        (999, 5, "999us"),
        (1500, 6, "(6s) 1.5ms"),
        (2_500_000, 60, "(60s) 2.5s"),
        (7, 61, "(60+s) 7us"),
        (7, 255, "(60+s) 7us"),
    ],
)
def test_lag_tells_of_late_heartbeats(lag_us: int, silent_seconds: int, text: str) -> None:
    assert figures.lag_text(lag_us, silent_seconds) == text


def test_cut_names_keep_the_beginning() -> None:
    assert figures.name_text(b"exactly-10", 10) == "exactly-10"
    assert figures.name_text(b"more-than-10", 10) == "more-than+"
    assert figures.name_text("工作者一号".encode(), 8) == "工作者+"


@pytest.mark.parametrize("name", ["\x1b[2J", "a\nb\tc", "\u202eabc", "e\u0301\u0301", "\u200b", "\udcff"])
def test_what_could_change_the_terminal_is_not_printed(name: str) -> None:
    text = figures.printable(name)
    assert text.isprintable()
    assert figures.cells(text) == len(text)


@given(st.text(), st.integers(0, 12), st.integers(0, 12))
def test_every_part_of_a_text_has_the_cells_it_should(text: str, left: int, width: int) -> None:
    text = figures.printable(text)
    part = figures.cut(text, left, width)
    assert figures.cells(part) == max(0, min(width, figures.cells(text) - left))


@given(st.binary(max_size=40), st.integers(1, 20))
def test_names_fit(identity: bytes, most_cells: int) -> None:
    assert figures.cells(figures.name_text(identity, most_cells)) <= most_cells
