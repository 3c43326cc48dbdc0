"""Chooses how to forecast a time series by cross-validation, through an adapter that looks like an executor.

The library part, ``cross_validate``, knows nothing of clusters: it calls ``map`` of whatever it is given, a pool of
threads or processes, or the adapter. Each task fits Holt's and Winters' smoothing to the days before a cut, and
measures its forecast of the two weeks behind it. The series, visits of four years with a trend and a weekly rhythm, is
invented and shipped. Needs NumPy. Starts a local cluster of its own.

Usage: python examples/applications/timeseries.py
"""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from scaler import Client, SchedulerClusterCombo

WEEK, HORIZON, CUTS = 7, 14, 12
WEIGHTS = (0.05, 0.2, 0.5)


class Mapper(Protocol):
    """What has the ``map`` of ``concurrent.futures.Executor``."""

    def map(self, function: Callable[..., Any], *columns: Iterable[Any]) -> Iterable[Any]: ...


class ClientAdapter:
    """Lets libraries that take an executor run on a cluster."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def map(self, function: Callable[..., Any], *columns: Iterable[Any]) -> Iterable[Any]:
        """Call the function with the first of each column, the second of each, and so on."""
        return self._client.map(function, list(zip(*columns, strict=False)))


def forecast(values: np.ndarray, level_weight: float, trend_weight: float, season_weight: float) -> np.ndarray:
    """Smooth level, trend and weekly rhythm, and continue them beyond the end."""
    level, trend = values[:WEEK].mean(), 0.0
    season = list(values[:WEEK] - level)
    for day, value in enumerate(values[WEEK:], start=WEEK):
        before = level
        level = level_weight * (value - season[day % WEEK]) + (1 - level_weight) * (level + trend)
        trend = trend_weight * (level - before) + (1 - trend_weight) * trend
        season[day % WEEK] = season_weight * (value - level) + (1 - season_weight) * season[day % WEEK]
    ahead = range(len(values), len(values) + HORIZON)
    return np.array([level + (step + 1) * trend + season[day % WEEK] for step, day in enumerate(ahead)])


def mean_error(values: np.ndarray, cut: int, weights: tuple[float, float, float]) -> float:
    """Return the mean deviation of a forecast from what came, as a part of it. This runs on a worker."""
    came = values[cut : cut + HORIZON]
    return float(np.mean(np.abs(forecast(values[:cut], *weights) - came) / came))


def cross_validate(values: np.ndarray, mapper: Mapper) -> dict[tuple[float, float, float], float]:
    """Return the mean error of each choice of weights over all cuts."""
    choices = list(itertools.product(WEIGHTS, repeat=3))
    cuts = [len(values) - HORIZON * number for number in range(1, CUTS + 1)]
    jobs = list(itertools.product(choices, cuts))
    columns = ([values] * len(jobs), [cut for _, cut in jobs], [choice for choice, _ in jobs])
    errors = np.array(list(mapper.map(mean_error, *columns))).reshape(len(choices), CUTS)
    return dict(zip(choices, errors.mean(axis=1).tolist(), strict=True))


with open(Path(__file__).parent / "data" / "visits.csv", newline="") as file:
    visits = np.array([float(row["visits"]) for row in csv.DictReader(file)])

with (
    SchedulerClusterCombo(n_workers=os.cpu_count() or 1, logging_level="WARNING") as cluster,
    Client(address=cluster.get_address()) as client,
):
    results = cross_validate(visits, ClientAdapter(client))

best, worst = min(results, key=results.__getitem__), max(results, key=results.__getitem__)
print(f"{len(visits)} days, {len(results)} choices of weights, {len(results) * CUTS} tasks")
print(f"best: level, trend, season = {best}, mean error {results[best]:.1%}")
print(f"worst: level, trend, season = {worst}, mean error {results[worst]:.1%}")
