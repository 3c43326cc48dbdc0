"""What tasks of a client have in common, kept once for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from scaler.scheduler.allocate_policy.needs import Needs

_MOST_KINDS: Final = 256


class TaskKind:
    """Which function is called, what that needs, and by what it starts. Never changed: many tasks share it.

    ``rank`` is what tasks start by, the highest first: what is nested deeper, then what has more priority.
    """

    __slots__ = ("function_id", "level", "needs", "priority", "rank")

    def __init__(self, function_id: bytes, needs: Needs, priority: int, level: int) -> None:
        self.function_id = function_id
        self.needs = needs
        self.priority = priority
        self.level = level
        self.rank = (level << 32) + priority


class TaskKinds:
    """Finds the kind of a task among those of earlier ones. Of too many kinds all are forgotten, and met anew."""

    __slots__ = ("_kinds", "_latest")

    def __init__(self) -> None:
        self._kinds: dict[tuple[bytes, Needs, int, int], TaskKind] = {}
        self._latest: TaskKind | None = None

    def __len__(self) -> int:
        return len(self._kinds)

    def get(self, function_id: bytes, needs: Needs, priority: int, level: int) -> TaskKind:
        """Return the kind of a task; tasks that are alike get the same object."""
        latest = self._latest  # most tasks are like the one before, and to compare costs less than to look up
        if (
            latest is not None
            and latest.function_id == function_id
            and latest.needs is needs
            and latest.priority == priority
            and latest.level == level
        ):
            return latest
        key = (function_id, needs, priority, level)
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= _MOST_KINDS:
                self._kinds.clear()
            kind = self._kinds[key] = TaskKind(function_id, needs, priority, level)
        self._latest = kind
        return kind
