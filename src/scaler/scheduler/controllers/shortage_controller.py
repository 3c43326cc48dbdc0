"""Says in the log which waiting tasks no connected worker can ever run, and what they wait for."""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from scaler.scheduler.allocate_policy.needs import Needs, describe
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
from scaler.scheduler.controllers.task_controller import TaskController

_logger = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 2.0
"""How long tasks wait in vain before the log says so: a cluster that starts, or replaces a worker, is no news."""
LOOK_SECONDS: Final = 1.0
"""Least time between two looks: a look takes a step for each kind of needs that waits."""
MOST_LINES: Final = 20
"""Kinds of needs that one look names in the log; of more, which a client can make up, only the number."""


class Shortage(NamedTuple):
    """Tasks of the same needs that no connected worker can ever run."""

    needs: Needs
    tasks: int
    waits_for: str


class ShortageController:
    """Looks at what waits from time to time, and remembers what it has said: each thing is said once, not per task."""

    def __init__(self, pool: WorkerPool, tasks: TaskController) -> None:
        self._pool = pool
        self._tasks = tasks
        self._since: dict[Needs, float] = {}
        self._told: set[Needs] = set()
        self._next_look_seconds = 0.0

    def __len__(self) -> int:
        return len(self._since)

    def shortages(self) -> list[Shortage]:
        """Return what waits in vain at present, the kind with the most tasks first."""
        found = [
            Shortage(needs, count, self._pool.describe_shortage(needs))
            for needs, count in self._tasks.unplaceable().items()
        ]
        return sorted(found, key=lambda shortage: shortage.tasks, reverse=True)

    def on_tick(self, now_seconds: float) -> None:
        """Warn of what has waited in vain for a while, and tell when that is over."""
        if now_seconds < self._next_look_seconds:
            return
        self._next_look_seconds = now_seconds + LOOK_SECONDS
        shortages = self.shortages()
        self._since = {shortage.needs: self._since.get(shortage.needs, now_seconds) for shortage in shortages}
        late = [
            shortage
            for shortage in shortages
            if shortage.needs not in self._told and now_seconds - self._since[shortage.needs] >= PATIENCE_SECONDS
        ]
        for shortage in late[:MOST_LINES]:
            _logger.warning(
                "%d task(s) that need %s cannot run: %s", shortage.tasks, describe(shortage.needs), shortage.waits_for
            )
        if len(late) > MOST_LINES:
            _logger.warning("tasks of %d further kinds of needs cannot run", len(late) - MOST_LINES)
        over = [needs for needs in self._told if needs not in self._since]
        for needs in over[:MOST_LINES]:
            what = "can run now" if self._pool.is_offered(needs, 0) else "wait no more"
            _logger.info("tasks that need %s %s", describe(needs), what)
        self._told.difference_update(over)
        self._told.update(shortage.needs for shortage in late)
