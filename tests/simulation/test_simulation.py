"""Hundreds of seeded runs of the scheduler core in a simulated cluster."""

from __future__ import annotations

import pytest
from scenario import simulate
from world import Violation, World

from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.controllers.graph_controller import GraphController
from scaler.scheduler.controllers.task_controller import TaskController
from scaler.scheduler.core import CoreSettings
from scaler.scheduler.graph.graph_record import GraphNode, NodeState
from scaler.scheduler.task.task_record import TaskRecord
from scaler.scheduler.task.task_state_machine import TaskState

_SEEDS = 2000
_PER_TEST = 200


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, _SEEDS, _PER_TEST))
def test_invariants_hold_under_faults(first: int) -> None:
    for seed in range(first, first + _PER_TEST):
        simulate(seed)


def test_a_seed_replays_exactly() -> None:
    assert simulate(7).story == simulate(7).story


def _retract_hastily(self: TaskController, record: TaskRecord) -> None:
    """Free a task before its worker has confirmed that it has not started."""
    _HONEST_ASK_BACK(self, record)
    self._wait_again(record)


def _forget_retracted(self: TaskController, worker: WorkerRecord, *, lost: bool) -> None:
    """Take a task that was being moved when its worker was lost for one that moves by itself."""
    for record in list(worker.tasks.values()):
        if record.state is TaskState.retracting:
            del worker.tasks[record.task_id]
    _HONEST_ON_WORKER_GONE(self, worker, lost=lost)


def _keep_what_is_between_nodes(self: GraphController, node: GraphNode) -> None:
    """End a node without looking at what only it still needed."""
    node.state = NodeState.ended
    node.graph.unended -= 1


_HONEST_ASK_BACK = TaskController._ask_back
_HONEST_ON_WORKER_GONE = TaskController.on_worker_gone


@pytest.mark.parametrize(
    ("controller", "method", "mutation"),
    [
        (TaskController, "_ask_back", _retract_hastily),
        (TaskController, "on_worker_gone", _forget_retracted),
        (GraphController, "_end", _keep_what_is_between_nodes),
    ],
    ids=["hasty retraction", "lost while moving", "kept results"],
)
def test_a_broken_core_is_caught(
    monkeypatch: pytest.MonkeyPatch, controller: type[object], method: str, mutation: object
) -> None:
    """Mistakes that real engines had, see the README of this folder."""
    monkeypatch.setattr(controller, method, mutation)
    with pytest.raises(Violation):
        for seed in range(_SEEDS):
            simulate(seed)


def test_world_without_peers_stays_at_rest() -> None:
    world = World(0, CoreSettings("127.0.0.1", 1))
    world.run(5.0)
    world.check_at_rest()
