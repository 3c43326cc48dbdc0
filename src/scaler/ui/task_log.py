"""The tasks that have ended last."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from scaler.monitor.records import EndedTask

LOGGED_TASKS: Final = 100


@dataclass(frozen=True)
class LoggedTask:
    """The end of a task, and when the viewer learnt of it."""

    task: EndedTask
    ended_seconds: float


class TaskLog:
    """Keeps the last hundred."""

    def __init__(self) -> None:
        self._tasks: deque[LoggedTask] = deque(maxlen=LOGGED_TASKS)

    def add(self, task: EndedTask, now_seconds: float) -> None:
        """Add the end of a task; the oldest one goes."""
        self._tasks.append(LoggedTask(task, now_seconds))

    def newest_first(self) -> list[LoggedTask]:
        """Return what is kept."""
        return list(reversed(self._tasks))
