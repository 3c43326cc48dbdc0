"""Medians, ratios and the table."""

import pytest
from comparison.report import Report, Row, in_order, number
from comparison.session import Run
from comparison.spread import Spread

RATE = Row("submit", "tasks_per_second", "submit: tasks/s", True)
COST = Row("submit", "cpu_us_per_task", "submit: CPU µs/task", False)


def a_run(engine, rate, cost):
    """Return a run with two figures."""
    return Run(engine, {}, {"submit": {"tasks_per_second": rate, "cpu_us_per_task": cost}})


def a_report():
    """Return three rounds against one peer, which failed in the second."""
    return Report(
        ("scaler", "dask"),
        (
            {"scaler": a_run("scaler", 1000.0, 10.0), "dask": a_run("dask", 100.0, 40.0)},
            {"scaler": a_run("scaler", 3000.0, 12.0), "dask": None},
            {"scaler": a_run("scaler", 2000.0, 20.0), "dask": a_run("dask", 500.0, 40.0)},
        ),
    )


def test_a_spread_is_the_median_and_the_extremes():
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0, 3)


def test_ratios_are_taken_within_rounds_that_have_both():
    assert Spread.of_ratios([4.0, None, 9.0], [2.0, 1.0, 3.0]) == Spread(2.5, 2.0, 3.0, 2)
    assert Spread.of_ratios([1.0], [None]) is None
    assert Spread.of_ratios([1.0], [0.0]) is None


@pytest.mark.parametrize(("row", "expected"), [(RATE, Spread(7.0, 4.0, 10.0, 2)), (COST, Spread(3.0, 2.0, 4.0, 2))])
def test_an_advantage_is_above_one_when_ours_is_better(row, expected):
    assert a_report().advantage("dask", row) == expected


def test_the_table_has_medians_ranges_and_advantages():
    lines = a_report().markdown().splitlines()
    assert lines[0] == "| | Scaler | Dask |"
    assert "| submit: tasks/s | 2000 (1000..3000) | 300 (100..500) **×7.00 (4.00..10.0)** |" in lines


def test_a_row_needs_a_figure_of_some_engine():
    run = Run("dask", {}, {"map": {"tasks_per_second": 5.0}})
    lines = Report(("scaler", "dask"), ({"scaler": None, "dask": run},)).markdown().splitlines()
    assert lines[2:] == ["| map: tasks/s | – | 5.00 |"]


def test_errors_are_listed_with_their_engine():
    run = Run("dask", errors={"submit": "RuntimeError: no"})
    assert Report(("scaler", "dask"), ({"scaler": None, "dask": run},)).errors() == ["dask: submit: RuntimeError: no"]


def test_every_other_round_goes_backwards():
    assert in_order("abc", 0) == ["a", "b", "c"]
    assert in_order("abc", 1) == ["c", "b", "a"]


@pytest.mark.parametrize(("value", "text"), [(0.126, "0.13"), (12.34, "12.3"), (1234.5, "1234")])
def test_numbers_are_short(value, text):
    assert number(value) == text
