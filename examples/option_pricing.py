"""Values a book of options by Monte Carlo, one task an option, over a market snapshot that all tasks share.

Starts a local cluster of its own, prints what the book is worth and how far its European options are from the
formula of Black and Scholes, and stops everything again.

Usage: python examples/option_pricing.py [number of options]
"""

from __future__ import annotations

import collections
import dataclasses
import math
import os
import sys
import time

import numpy as np

from scaler import Client, SchedulerClusterCombo

ASSETS = 64
SURFACE_TENORS, SURFACE_STRIKES = 40, 60
PATHS, STEPS = 20_000, 48


@dataclasses.dataclass(frozen=True)
class Market:
    """Prices of today: one snapshot, stored once and read by every task."""

    spots: np.ndarray
    rate: float
    tenors: np.ndarray
    moneyness: np.ndarray
    volatilities: np.ndarray  # of each asset, by tenor and strike divided by spot

    def volatility(self, asset: int, tenor: float, strike: float) -> float:
        """Interpolate the asset's volatility surface."""
        at_strike = [np.interp(strike / self.spots[asset], self.moneyness, row) for row in self.volatilities[asset]]
        return float(np.interp(tenor, self.tenors, at_strike))


@dataclasses.dataclass(frozen=True)
class Option:
    """One position of the book. ``barrier`` ends an option whose asset rises above it."""

    kind: str
    asset: int
    strike: float
    tenor: float
    quantity: int
    barrier: float = math.inf


@dataclasses.dataclass(frozen=True)
class Valuation:
    """The value of one unit, its standard error, and its sensitivity to the spot."""

    value: float
    error: float
    delta: float


def make_market(random: np.random.Generator) -> Market:
    """Invent a market: spots, and smiles that flatten with the tenor."""
    tenors = np.linspace(0.05, 3.0, SURFACE_TENORS)
    moneyness = np.linspace(0.4, 2.0, SURFACE_STRIKES)
    smile = 0.12 * (moneyness - 1.0) ** 2 / np.sqrt(tenors[:, None] + 0.2)
    levels = random.uniform(0.12, 0.4, ASSETS)
    volatilities = levels[:, None, None] + smile[None, :, :]
    return Market(random.uniform(20.0, 200.0, ASSETS), 0.025, tenors, moneyness, volatilities)


def make_book(random: np.random.Generator, market: Market, count: int) -> list[Option]:
    """Invent a book of calls, puts, Asian options and barrier options."""
    book = []
    for _ in range(count):
        asset = int(random.integers(ASSETS))
        spot = float(market.spots[asset])
        kind = str(random.choice(["call", "put", "asian", "barrier"]))
        barrier = spot * float(random.uniform(1.3, 1.8)) if kind == "barrier" else math.inf
        strike, tenor = spot * float(random.uniform(0.8, 1.2)), float(random.uniform(0.1, 2.0))
        book.append(Option(kind, asset, strike, tenor, int(random.integers(1, 500)), barrier))
    return book


def price(market: Market, option: Option, seed: int) -> Valuation:
    """Value one option over simulated paths and their mirror images. This runs on a worker."""
    random = np.random.default_rng(seed)
    volatility = market.volatility(option.asset, option.tenor, option.strike)
    step = option.tenor / STEPS
    shocks = random.standard_normal((PATHS // 2, STEPS))
    shocks = np.concatenate([shocks, -shocks])
    growth = np.cumsum((market.rate - volatility**2 / 2) * step + volatility * math.sqrt(step) * shocks, axis=1)
    paths = np.exp(growth)
    spot, discount, bump = float(market.spots[option.asset]), math.exp(-market.rate * option.tenor), 0.01
    values = discount * _payoff(option, spot * paths)
    up = discount * _payoff(option, spot * (1 + bump) * paths)
    down = discount * _payoff(option, spot * (1 - bump) * paths)
    pairs = (values[: PATHS // 2] + values[PATHS // 2 :]) / 2
    delta = float(up.mean() - down.mean()) / (2 * bump * spot)
    return Valuation(float(values.mean()), float(pairs.std() / math.sqrt(len(pairs))), delta)


def _payoff(option: Option, paths: np.ndarray) -> np.ndarray:
    if option.kind == "put":
        return np.maximum(option.strike - paths[:, -1], 0.0)
    if option.kind == "asian":
        return np.maximum(paths.mean(axis=1) - option.strike, 0.0)
    payoff = np.maximum(paths[:, -1] - option.strike, 0.0)
    return np.where(paths.max(axis=1) > option.barrier, 0.0, payoff)


def formula(market: Market, option: Option) -> float:
    """Value a European option in closed form."""
    spot, volatility = float(market.spots[option.asset]), market.volatility(option.asset, option.tenor, option.strike)
    deviation = volatility * math.sqrt(option.tenor)
    first = (math.log(spot / option.strike) + market.rate * option.tenor) / deviation + deviation / 2
    strike = option.strike * math.exp(-market.rate * option.tenor)

    def normal(x: float) -> float:
        return (1 + math.erf(x / math.sqrt(2))) / 2

    call = spot * normal(first) - strike * normal(first - deviation)
    return call if option.kind == "call" else call - spot + strike


def print_report(market: Market, book: list[Option], valuations: list[Valuation]) -> None:
    """Print one line for each kind of option, and the total."""
    by_kind = collections.defaultdict(list)
    for option, valuation in zip(book, valuations, strict=True):
        by_kind[option.kind].append((option, valuation))
    print(f"{'kind':<10}{'options':>8}{'units':>10}{'value':>16}{'std. error':>13}{'delta':>14}{'off formula':>13}")
    for kind, positions in sorted(by_kind.items()):
        units = sum(option.quantity for option, _ in positions)
        value = sum(option.quantity * valuation.value for option, valuation in positions)
        error = math.sqrt(sum((option.quantity * valuation.error) ** 2 for option, valuation in positions))
        delta = sum(option.quantity * valuation.delta for option, valuation in positions)
        off = ""
        if kind in ("call", "put"):
            exact = sum(option.quantity * formula(market, option) for option, _ in positions)
            off = f"{(value - exact) / exact:+.3%}"
        print(f"{kind:<10}{len(positions):>8}{units:>10}{value:>16,.0f}{error:>13,.0f}{delta:>14,.0f}{off:>13}")
    total = sum(option.quantity * valuation.value for option, valuation in zip(book, valuations, strict=True))
    print(f"{'total':<10}{len(book):>8}{'':>10}{total:>16,.0f}")


options = int(sys.argv[1]) if len(sys.argv) > 1 else 120
generator = np.random.default_rng(7)
snapshot = make_market(generator)
positions = make_book(generator, snapshot, options)
workers = os.cpu_count() or 1

with (
    SchedulerClusterCombo(n_workers=workers, logging_level="WARNING") as cluster,
    Client(address=cluster.get_address()) as client,
):
    start = time.perf_counter()
    reference = client.send_object(snapshot, name="market snapshot")
    rows = [(reference, option, seed) for seed, option in enumerate(positions)]
    results = client.map(price, rows)
    seconds = time.perf_counter() - start

print_report(snapshot, positions, results)
steps = options * PATHS * STEPS / 1e6
print(f"{steps:,.0f} million steps in {seconds:.1f} s on {workers} workers, snapshot of {reference.size:,} bytes")
