"""What each key does."""

from __future__ import annotations

import pytest

from scaler.top.columns import COLUMNS
from scaler.top.view import Key, View
from tests.top.top_fixture import lines_of, workers_of

PAGE = 10
KEYS = {
    "g": "group",
    "n": "worker",
    "C": "agt_cpu",
    "M": "agt_rss",
    "c": "cpu",
    "m": "rss",
    "F": "os_rss_free",
    "f": "free",
    "w": "sent",
    "d": "queued",
    "s": "suspended",
    "l": "lag",
}


def test_every_column_has_its_key() -> None:
    assert {column.key: column.name for column in COLUMNS if column.key} == KEYS


@pytest.mark.parametrize(("key", "name"), KEYS.items())
def test_a_key_sorts_descending_and_once_more_the_other_way_round(key: str, name: str) -> None:
    view = View(sort_column="nothing else").after(key, PAGE)
    assert (view.sort_column, view.is_descending) == (name, True)
    assert f"[{name}]" in " ".join(lines_of(view))
    again = view.after(key, PAGE)
    assert (again.sort_column, again.is_descending) == (name, False)
    assert f"[{name}]" in " ".join(lines_of(again))
    assert again.after(key, PAGE) == view


def test_another_column_is_descending_again() -> None:
    view = View().after("c", PAGE)
    assert not view.is_descending
    assert view.after("l", PAGE).is_descending


def test_the_load_is_sorted_by_at_first() -> None:
    assert workers_of(View()) == ["gamma", "alpha", "beta"]


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        ("c", ["beta", "alpha", "gamma"]),
        ("n", ["gamma", "beta", "alpha"]),
        ("g", ["beta", "alpha", "gamma"]),
        ("C", ["beta", "alpha", "gamma"]),
        ("M", ["alpha", "gamma", "beta"]),
        ("m", ["alpha", "beta", "gamma"]),
        ("F", ["alpha", "beta", "gamma"]),
        ("f", ["beta", "gamma", "alpha"]),
        ("w", ["alpha", "gamma", "beta"]),
        ("ww", ["beta", "gamma", "alpha"]),
        ("d", ["alpha", "beta", "gamma"]),
        ("s", ["alpha", "beta", "gamma"]),
        ("l", ["alpha", "beta", "gamma"]),
        ("ll", ["gamma", "beta", "alpha"]),
    ],
)
def test_orders(keys: str, order: list[str]) -> None:
    view = View()
    for key in keys:
        view = view.after(key, PAGE)
    assert workers_of(view) == order


def test_q_quits_and_nothing_else_does() -> None:
    assert View().after("q", PAGE).has_quit
    view = View()
    for key in (*KEYS, *Key, "x", "Q", "\x1b", "\n", "\0"):
        view = view.after(key, PAGE)
        assert not view.has_quit


def test_keys_scroll() -> None:
    view = View(first_row=15, first_cell=20)
    rows = {Key.up: 14, Key.down: 16, Key.page_up: 5, Key.page_down: 25, Key.home: 0}
    assert {key: view.after(key, PAGE).first_row for key in rows} == rows
    assert view.after(Key.end, PAGE).first_row > 10**9
    assert view.after(Key.left, PAGE).first_cell == 12
    assert view.after(Key.right, PAGE).first_cell == 28
    assert View().after(Key.up, PAGE) == View().after(Key.page_up, PAGE) == View().after(Key.left, PAGE) == View()
