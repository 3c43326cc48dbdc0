"""Clusters that leave nothing behind, and seeds that can be repeated."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from settle import check_no_failed_events, check_ports_free, ports_of

from scaler import SchedulerClusterCombo


@pytest.fixture
def plan(request: pytest.FixtureRequest) -> random.Random:
    """Decides what happens when. Its seed is printed when the test fails; SCALER_CHAOS_SEED repeats it."""
    seed = int(os.environ.get("SCALER_CHAOS_SEED") or random.randrange(1_000_000))
    print(f"SCALER_CHAOS_SEED={seed} for {request.node.nodeid}")
    return random.Random(seed)


@pytest.fixture
def start_combo(leftovers: Any) -> Iterator[Callable[..., SchedulerClusterCombo]]:
    """Start clusters whose workers have registered.

    At the end no handler of a scheduler that lives may have failed; then they stop, and no process or port may be left.
    """
    started: list[tuple[SchedulerClusterCombo, dict[str, int]]] = []

    def start(n_workers: int, **settings: Any) -> SchedulerClusterCombo:
        combo = SchedulerClusterCombo(n_workers=n_workers, logging_level="WARNING", **settings)
        started.append((combo, ports_of(combo)))
        combo.wait_for_workers(timeout_seconds=30)
        return combo

    yield start
    try:
        for combo, _ in started:
            if combo._scheduler.is_alive():
                check_no_failed_events(combo.get_address())
    finally:
        for combo, _ in started:
            combo.shutdown()
    leftovers.wait_until_none()
    for _, ports in started:
        check_ports_free(ports.values())
