"""Prints how many steps the scheduler's core takes for some events: ``python count_steps.py WORKERS KINDS``.

KINDS of needs wait that nobody offers.

Steps of compiled modules cannot be counted, so this is a process of its own that loads the product from its sources.
The answer is JSON, by event.
"""

from __future__ import annotations

import importlib.machinery
import json
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

_SOURCES_FIRST = importlib.machinery.FileFinder.path_hook(
    (importlib.machinery.SourceFileLoader, importlib.machinery.SOURCE_SUFFIXES),
    (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
)
sys.path_hooks.insert(0, _SOURCES_FIRST)
sys.path_importer_cache.clear()

from scheduler_fixture import SchedulerFixture  # noqa: E402

from scaler.protocol import codec  # noqa: E402
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy  # noqa: E402
from scaler.utility.identifiers import ClientID, ObjectID, WorkerID  # noqa: E402


class Steps:
    """Counts opcodes of the scheduler's sources, those in loops and comprehensions as often as they run."""

    def __init__(self) -> None:
        self._count = 0

    def of(self, action: Callable[[], Any]) -> int:
        """Return how many steps an action takes."""
        self._count = 0
        # CPython 3.12 looks at this when tracing begins: asked for later, opcodes come from the next beginning on.
        sys._getframe().f_trace_opcodes = True
        sys.settrace(self._trace)
        try:
            action()
        finally:
            sys.settrace(None)
        return self._count

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if "/scaler/scheduler/" not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        self._count += event == "opcode"
        return self._trace


def _cluster(workers: int, kinds: int) -> tuple[SchedulerFixture, ClientID, list[WorkerID]]:
    """Return a cluster whose workers all have a task, with others that wait in vain."""
    scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
    client = scheduler.client()
    ids = [
        scheduler.worker(str(number), queue_size=2, capabilities={"gpu": 1} if number == 0 else None)
        for number in range(workers)
    ]
    for number in range(kinds):
        scheduler.submit(client, 1, capabilities={f"nobody offers {number}": 1})
    scheduler.submit(client, workers)
    scheduler.submit(client, 1, capabilities={"gpu": 1})  # which has buckets from now on
    for second in range(3):
        scheduler.tick(float(second))
        scheduler.submit(client)
        scheduler.submit(client, 1, capabilities={"gpu": 1})
    return scheduler, client, ids


def count(workers: int, kinds: int) -> dict[str, int]:
    """Return the steps of each event."""
    scheduler, client, ids = _cluster(workers, kinds)
    steps, found = Steps(), {}
    object_id = ObjectID.generate_object_id(client)
    scheduler.create_objects(client, client, [object_id])
    argument = codec.Argument(int(codec.ArgumentType.objectID), object_id)
    found["placing a task"] = steps.of(lambda: scheduler.submit(client, function_args=[argument]))
    held = next(task for worker in scheduler.core._pool.workers() for task in worker.tasks)
    holder = next(worker.worker_id for worker in scheduler.core._pool.workers() if held in worker.tasks)
    found["a result"] = steps.of(lambda: scheduler.finish(WorkerID(holder), held))
    for task in list(scheduler.core._pool.workers()[0].tasks):
        scheduler.finish(ids[0], task)
    found["placing a task that one worker may run"] = steps.of(
        lambda: scheduler.submit(client, capabilities={"gpu": 1})
    )
    found["deleting an object"] = steps.of(lambda: scheduler.delete_objects(client, [object_id]))
    drained = ids[-1]
    found["draining a worker"] = steps.of(lambda: scheduler.core.drain_worker(drained, "to count"))
    found["losing a worker"] = steps.of(lambda: scheduler.lose(ids[-2]))
    return found


if __name__ == "__main__":
    json.dump(count(int(sys.argv[1]), int(sys.argv[2])), sys.stdout)
