"""Finds the implied volatilities of 20,000 option quotes, a chunk a task, and checks them against those they came from.

The quotes are invented with a fixed seed: prices of calls by the formula of Black and Scholes, for volatilities that
the tasks do not know. Needs NumPy. Starts a local cluster of its own.

Usage: python examples/applications/implied_volatility.py [number of quotes]
"""

import math
import os
import sys

import numpy as np

from scaler import Client, SchedulerClusterCombo

RATE = 0.03
CHUNK = 1000
LOWEST, HIGHEST = 0.001, 4.0
HALVINGS = 50


def call_price(spots: np.ndarray, strikes: np.ndarray, years: np.ndarray, volatilities: np.ndarray) -> np.ndarray:
    """Price European calls by the formula of Black and Scholes."""
    deviations = volatilities * np.sqrt(years)
    first = (np.log(spots / strikes) + RATE * years) / deviations + deviations / 2
    return spots * _normal(first) - strikes * np.exp(-RATE * years) * _normal(first - deviations)


def _normal(values: np.ndarray) -> np.ndarray:
    """Return the distribution function of the normal distribution, which NumPy does not have."""
    erf = np.vectorize(math.erf, otypes=[float])
    return (1 + erf(values / math.sqrt(2))) / 2


def implied_volatilities(spots: np.ndarray, strikes: np.ndarray, years: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Find the volatility behind each price by bisection: prices grow with it. This runs on a worker."""
    low, high = np.full_like(prices, LOWEST), np.full_like(prices, HIGHEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_below = call_price(spots, strikes, years, middle) < prices
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return (low + high) / 2


count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
random = np.random.default_rng(11)
all_spots = random.uniform(50.0, 150.0, count)
all_strikes = all_spots * random.uniform(0.9, 1.1, count)
all_years = random.uniform(0.25, 2.0, count)
true_volatilities = random.uniform(0.1, 0.6, count)
all_prices = call_price(all_spots, all_strikes, all_years, true_volatilities)

with (
    SchedulerClusterCombo(n_workers=os.cpu_count() or 1, logging_level="WARNING") as cluster,
    Client(address=cluster.get_address()) as client,
):
    places = range(0, count, CHUNK)
    quotes = (all_spots, all_strikes, all_years, all_prices)
    rows = [tuple(values[start : start + CHUNK] for values in quotes) for start in places]
    found = np.concatenate(client.map(implied_volatilities, rows))

print(f"{count:,} quotes in {len(rows)} tasks, volatilities from {found.min():.1%} to {found.max():.1%}")
print(f"the largest error is {np.abs(found - true_volatilities).max():.0e}")
