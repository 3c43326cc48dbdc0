"""Turns runs into a table: a row for each figure, a column for each engine, medians and ratios with their spread."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from comparison.engine import ENGINES, OURS
from comparison.session import Run
from comparison.spread import Spread

_NOTHING = "–"


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure of one workload."""

    workload: str
    figure: str
    title: str
    is_more_better: bool
    unit_size: float = 1.0


def _rate(workload: str, unit: str = "tasks") -> Row:
    return Row(workload, "tasks_per_second", f"{workload}: {unit}/s", True)


def _cpu(workload: str, unit: str = "task") -> Row:
    return Row(workload, "cpu_us_per_task", f"{workload}: CPU µs/{unit}", False)


def _graph(workload: str) -> tuple[Row, Row]:
    return _rate(workload, "nodes"), _cpu(workload, "node")


ROWS = (
    Row("start", "first_result_seconds", "start to first result, s", False),
    _rate("submit"),
    _cpu("submit"),
    Row("submit", "peak_memory_bytes", "submit: memory, MB", False, 1e6),
    _rate("map"),
    _cpu("map"),
    Row("call", "p50_us", "call: p50, µs", False),
    Row("call", "p99_us", "call: p99, µs", False),
    _cpu("call"),
    Row("call", "wake_ups_per_task", "call: wake-ups/task", False),
    _rate("sleep 1 ms"),
    _cpu("sleep 1 ms"),
    _rate("sleep 10 ms"),
    Row("skewed", "seconds", "skewed: s", False),
    *_graph("chains"),
    *_graph("tree"),
    *_graph("random graph"),
    Row("shared array", "seconds", "shared array: s", False),
    Row("shared array", "peak_memory_bytes", "shared array: peak memory, MB", False, 1e6),
    Row("large results", "megabytes_per_second", "large results: MB/s", True),
    Row("large results", "peak_memory_bytes", "large results: peak memory, MB", False, 1e6),
    Row("idle", "cpu_percent", "idle: % of a core", False),
    Row("idle", "wake_ups_per_second", "idle: wake-ups/s", False),
)


@dataclasses.dataclass(frozen=True)
class Report:
    """All rounds; each has a run of every engine, or None in the place of one that failed.

    A figure is followed by how many times better ours is, the median of the ratios of the rounds: above 1 in favour of
    ours, whichever way the figure counts.
    """

    engines: tuple[str, ...]
    rounds: tuple[dict[str, Run | None], ...]

    def values(self, engine: str, row: Row) -> list[float | None]:
        """Return one figure of each round."""
        runs = [round_.get(engine) for round_ in self.rounds]
        return [None if run is None else run.figures.get(row.workload, {}).get(row.figure) for run in runs]

    def advantage(self, engine: str, row: Row) -> Spread | None:
        """Return how many times better ours is."""
        ours, theirs = self.values(OURS, row), self.values(engine, row)
        return Spread.of_ratios(ours, theirs) if row.is_more_better else Spread.of_ratios(theirs, ours)

    def markdown(self) -> str:
        """Return the table."""
        lines = [
            "| | " + " | ".join(ENGINES[engine].title for engine in self.engines) + " |",
            "|---" * (len(self.engines) + 1) + "|",
        ]
        for row in ROWS:
            cells = [self._cell(engine, row) for engine in self.engines]
            if set(cells) == {_NOTHING}:
                continue
            lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"

    def errors(self) -> list[str]:
        """Return what went wrong, a line each."""
        return [
            f"{engine}: {workload}: {error}"
            for round_ in self.rounds
            for engine, run in round_.items()
            if run is not None
            for workload, error in run.errors.items()
        ]

    def _cell(self, engine: str, row: Row) -> str:
        values = [value / row.unit_size for value in self.values(engine, row) if value is not None]
        if not values:
            return _NOTHING
        text = _with_range(Spread.of(values))
        advantage = None if engine == OURS else self.advantage(engine, row)
        return text if advantage is None else f"{text} **×{_with_range(advantage)}**"


def _with_range(spread: Spread) -> str:
    if spread.count == 1:
        return number(spread.median)
    return f"{number(spread.median)} ({number(spread.minimum)}..{number(spread.maximum)})"


def number(value: float) -> str:
    """Return a number with three significant digits, or all digits in front of the point."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def in_order(engines: Sequence[str], round_number: int) -> list[str]:
    """Return the engines in the order of a round: every other round goes backwards, so that no place favours one."""
    return list(engines) if round_number % 2 == 0 else list(engines)[::-1]
