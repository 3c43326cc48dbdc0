"""Simulates a core with a mistake that a real engine had: ``python broken_core.py MUTATION SEEDS``.

Exit code 0 says that an invariant broke, 1 that none did. Methods of compiled classes cannot be replaced, so this is a
process of its own that loads the product from its sources.
"""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Callable
from typing import Any

_SOURCES_FIRST = importlib.machinery.FileFinder.path_hook(
    (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
    (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
)
sys.path_hooks.insert(0, _SOURCES_FIRST)
sys.path_importer_cache.clear()

from scenario import SCENARIOS  # noqa: E402
from world import Violation  # noqa: E402

from scaler.scheduler.allocate_policy.worker_record import WorkerRecord  # noqa: E402
from scaler.scheduler.controllers.graph_controller import GraphController  # noqa: E402
from scaler.scheduler.controllers.live_tasks import LiveTasks  # noqa: E402
from scaler.scheduler.controllers.task_controller import TaskController  # noqa: E402
from scaler.scheduler.graph.graph_record import GraphNode, NodeState  # noqa: E402
from scaler.scheduler.task.task_record import TaskRecord  # noqa: E402
from scaler.scheduler.task.task_state_machine import TaskState  # noqa: E402
from scaler.worker.agent.feeding import Feeding  # noqa: E402
from scaler.worker.agent.processor_seat import ProcessorSeat  # noqa: E402

_HONEST_ASK_BACK = LiveTasks.ask_back
_HONEST_ON_WORKER_GONE = TaskController.on_worker_gone


def _retract_hastily(self: LiveTasks, record: TaskRecord) -> None:
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


def _hold_whatever_the_level(self: WorkerRecord, level: int) -> int:
    """Let a parent that waits take the room of its children."""
    return len(self.tasks)


def _never_make_way(self: Feeding, serving: ProcessorSeat) -> bool:
    """Let a parent that waits keep the worker's turn."""
    return False


_MUTATIONS: dict[str, tuple[str, type[object], str, Callable[..., Any]]] = {
    "hasty retraction": ("flat", LiveTasks, "ask_back", _retract_hastily),
    "lost while moving": ("flat", TaskController, "on_worker_gone", _forget_retracted),
    "kept results": ("flat", GraphController, "_end", _keep_what_is_between_nodes),
    "parents take room": ("nested", WorkerRecord, "held", _hold_whatever_the_level),
    "parents keep their turn": ("nested", Feeding, "_make_way", _never_make_way),
}


def main(mutation: str, seeds: int) -> int:
    """Simulate until an invariant breaks."""
    scenario, owner, method, replacement = _MUTATIONS[mutation]
    setattr(owner, method, replacement)
    try:
        for seed in range(seeds):
            SCENARIOS[scenario](seed)
    except Violation as violation:
        print(f"{mutation}: {violation}")
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
