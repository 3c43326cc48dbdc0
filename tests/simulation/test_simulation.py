"""Thousands of seeded runs of the cores in a simulated cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from scenario import SCENARIOS
from world import World

from scaler.scheduler.core import CoreSettings

_SEEDS = 2000
_PER_TEST = 200


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, _SEEDS, _PER_TEST))
def test_invariants_hold_under_faults(first: int) -> None:
    for seed in range(first, first + _PER_TEST):
        SCENARIOS["flat"](seed)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, _SEEDS, _PER_TEST))
def test_nested_tasks_of_any_shape_finish_under_faults(first: int) -> None:
    for seed in range(first, first + _PER_TEST):
        SCENARIOS["nested"](seed)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_seed_replays_exactly(scenario: str) -> None:
    assert SCENARIOS[scenario](7).story == SCENARIOS[scenario](7).story


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "mutation",
    ["hasty retraction", "lost while moving", "kept results", "parents take room", "parents keep their turn"],
)
def test_a_broken_core_is_caught(mutation: str) -> None:
    """Mistakes that real engines had, see the README of this folder."""
    script = Path(__file__).with_name("broken_core.py")
    command = [sys.executable, str(script), mutation, str(_SEEDS)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=280)
    assert run.returncode == 0 and run.stdout.startswith(mutation), run.stdout + run.stderr


def test_the_command_of_the_readme_replays_a_seed_and_tells_its_story() -> None:
    script = Path(__file__).with_name("explore.py")
    command = [sys.executable, str(script), "nested", "7", "2", "--story"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "connected Worker|w0" in run.stdout and "2 seeds of nested, 0 broken" in run.stdout


def test_world_without_peers_stays_at_rest() -> None:
    world = World(0, CoreSettings("127.0.0.1", 1))
    world.run(5.0)
    world.check_at_rest()
