"""Looks up what options were worth at the close of their last days, from a table of prices that tasks share.

The table, closing prices of three invented companies, is shipped as a CSV file and sent once. Needs no further package.
Starts a local cluster of its own.

Usage: python examples/applications/historical_price.py
"""

import csv
import itertools
import math
import statistics
from pathlib import Path
from typing import NamedTuple

from scaler import Client, SchedulerClusterCombo

DAYS_OF_A_YEAR = 252

Prices = dict[str, dict[str, float]]  # by ticker, then by date


class Option(NamedTuple):
    """The right to buy (call) or sell (put) at the strike on the last day."""

    ticker: str
    kind: str
    strike: float
    last_day: str


class Outcome(NamedTuple):
    """What became of an option, and how much the price had moved before."""

    close: float
    payoff: float
    volatility: float


def settle(prices: Prices, option: Option) -> Outcome:
    """Return what an option was worth at the close. This runs on a worker. Raise KeyError for a day without a price."""
    history = prices[option.ticker]
    close = history[option.last_day]
    gain = close - option.strike if option.kind == "call" else option.strike - close
    before = [price for date, price in history.items() if date <= option.last_day]
    moves = [math.log(later / earlier) for earlier, later in itertools.pairwise(before)]
    return Outcome(close, max(0.0, gain), statistics.stdev(moves) * math.sqrt(DAYS_OF_A_YEAR))


def read_prices(path: Path) -> Prices:
    prices: Prices = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            prices.setdefault(row["ticker"], {})[row["date"]] = float(row["close"])
    return prices


table = read_prices(Path(__file__).parent / "data" / "closing_prices.csv")
days = sorted(table["ALFA"])
book = [
    Option(ticker, kind, float(round(history[days[0]])), day)
    for ticker, history in sorted(table.items())
    for kind in ("call", "put")
    for day in (days[60], days[-1])
]

with (
    SchedulerClusterCombo(n_workers=2, logging_level="CRITICAL") as cluster,
    Client(address=cluster.get_address()) as client,
):
    reference = client.send_object(table, name="closing prices")
    outcomes = client.map(settle, [(reference, option) for option in book])
    weekend = client.submit(settle, reference, Option("ALFA", "call", 100.0, "2024-01-06"))
    failure = weekend.exception()

for option, outcome in zip(book, outcomes, strict=True):
    print(
        f"{option.ticker} {option.kind:<4} {option.strike:>6.2f} {option.last_day}  close {outcome.close:>7.2f}"
        f"  payoff {outcome.payoff:>6.2f}  volatility {outcome.volatility:.1%}"
    )
print(f"a day without a price: {failure!r}")
