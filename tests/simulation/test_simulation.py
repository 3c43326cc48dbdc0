"""Hundreds of seeded runs of the scheduler core in a simulated cluster."""

from __future__ import annotations

import pytest
from scenario import simulate
from world import Violation, World

from scaler.scheduler.controllers.task_controller import TaskController
from scaler.scheduler.core import CoreSettings

_SEEDS = 500
_PER_TEST = 50


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, _SEEDS, _PER_TEST))
def test_invariants_hold_under_faults(first: int) -> None:
    for seed in range(first, first + _PER_TEST):
        simulate(seed)


def test_a_seed_replays_exactly() -> None:
    assert simulate(7).story == simulate(7).story


def test_a_core_that_frees_a_task_before_the_confirm_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutation that real engines had: bookkeeping that moves before the peer has confirmed."""
    honest = TaskController._ask_back

    def hasty(self: TaskController, record: object) -> None:
        honest(self, record)  # type: ignore[arg-type]
        self._wait_again(record)  # type: ignore[arg-type]

    monkeypatch.setattr(TaskController, "_ask_back", hasty)
    with pytest.raises(Violation):
        for seed in range(200):
            simulate(seed)


def test_world_without_peers_stays_at_rest() -> None:
    world = World(0, CoreSettings("127.0.0.1", 1))
    world.run(5.0)
    world.check_at_rest()
