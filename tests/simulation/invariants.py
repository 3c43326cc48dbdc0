"""What must hold in the scheduler: after each batch, at each tick, and once nothing goes on (ids: the README here)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scaler.scheduler.allocate_policy.needs import NO_NEEDS
from scaler.scheduler.task.task_state_machine import TaskState

if TYPE_CHECKING:
    from world import World

    from scaler.scheduler.allocate_policy.worker_record import WorkerRecord

IDLE_TOLERANCE_SECONDS: Final = 3.0
_FAIRLY_HELD: Final = 2
_EMPTY_AT_REST: Final = (
    "tasks",
    "waiting_tasks",
    "placed_tasks",
    "open_cancels",
    "loaded_workers",
    "objects",
    "graphs",
)


class Invariants:
    """Looks into the books of the scheduler of a world, which fails when they are wrong."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._idle_since: float | None = None

    def check_safety(self) -> None:
        """I3: each live task waits, or is held by exactly one connected worker; I6: and what can be placed is."""
        world, core = self._world, self._world.core
        tasks, placed = core._tasks, 0
        for worker in core._pool.workers():
            for task_id, record in worker.tasks.items():
                placed += 1
                if record.worker is not worker or tasks._live.get(task_id) is not record:
                    world.fail(f"{record!r} is booked on {worker!r}")
                if record.state is TaskState.waiting:
                    world.fail(f"{record!r} waits, and is booked on {worker!r}")
        if core.isolation.failures:
            world.fail("the core met a defect, see its log")
        if placed + tasks.waiting != len(tasks):
            world.fail(f"{len(tasks)} tasks, but {tasks.waiting} wait and {placed} are placed")
        if tasks.waiting:
            self._check_room()

    def _check_room(self) -> None:
        """I6, I7: no task waits while a worker has nothing to do, or nothing that is nested as deep."""
        first = self._world.core._tasks._queue.first(NO_NEEDS)
        assert first is not None
        for worker in self._world.core._pool.workers():
            if not worker.draining and not any(record.level >= first.level for record in worker.tasks.values()):
                self._world.fail(f"{first!r} of level {first.level} waits while {worker!r} has nothing as deep")

    def check_work_conservation(self) -> None:
        """I6: no worker is idle for long while another, that answers, holds tasks that it has not started."""
        workers = self._world.core._pool.workers()
        if not (any(not worker.tasks for worker in workers) and any(map(self._holds_back, workers))):
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = self._world.now
        elif self._world.now - self._idle_since > IDLE_TOLERANCE_SECONDS:
            self._world.fail(f"a worker is idle since {self._idle_since:.3f} while others hold unstarted tasks")

    def _holds_back(self, worker: WorkerRecord) -> bool:
        peer = self._world.peers[worker.worker_id]
        if peer.host.trouble or len(worker.tasks) <= _FAIRLY_HELD:
            return False
        placed = [key for key, record in worker.tasks.items() if record.state is TaskState.placed]
        return sum(not peer.has_started(task_id) for task_id in placed) > _FAIRLY_HELD

    def check_at_rest(self) -> None:
        """I5: every table is empty once nothing goes on."""
        gauges = self._world.core.gauges()
        for gauge in _EMPTY_AT_REST:
            if gauges[gauge] != 0:
                tasks = self._world.core._tasks._live.records()[:3]
                self._world.fail(f"gauge {gauge} is {gauges[gauge]} at rest: {tasks}")
