"""The workers that take tasks, by what they offer: many have that in common, so that a question looks at few kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scaler.scheduler.allocate_policy.needs import Needs, offers

if TYPE_CHECKING:
    from scaler.scheduler.allocate_policy.worker_record import WorkerRecord


FULL: Final = 0
AHEAD: Final = 1
ROOMY: Final = 2
IDLE: Final = 3
"""How much room a worker has for tasks that are not nested: none, some for short ones ahead of need, some, or all."""


class _Kind:
    """Workers of the same capabilities: how many there are, and those that have room, by how much."""

    __slots__ = ("by_room", "capabilities", "workers")

    def __init__(self, capabilities: dict[str, int]) -> None:
        self.capabilities = capabilities
        self.workers = 0
        self.by_room: dict[int, dict[bytes, WorkerRecord]] = {IDLE: {}, ROOMY: {}, AHEAD: {}}


class WorkerKinds:
    """All kinds of workers that take tasks, and those of them of which some worker has room; the owner of ``room``."""

    def __init__(self) -> None:
        self._kinds: dict[frozenset[tuple[str, int]], _Kind] = {}
        self._with_room: dict[frozenset[tuple[str, int]], _Kind] = {}
        self._keys: dict[bytes, frozenset[tuple[str, int]]] = {}  # by worker

    @property
    def have_room(self) -> bool:
        """Return whether any worker has room."""
        return bool(self._with_room)

    def add(self, worker: WorkerRecord) -> None:
        """Know a worker, without room as yet."""
        key = self._keys[worker.worker_id] = frozenset(worker.capabilities.items())
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = _Kind(worker.capabilities)
        kind.workers += 1

    def remove(self, worker: WorkerRecord) -> None:
        """Forget a worker; one that is not known does not matter."""
        self.changed(worker, FULL)
        key = self._keys.pop(worker.worker_id, None)
        if key is not None:
            kind = self._kinds[key]
            kind.workers -= 1
            if kind.workers == 0:
                del self._kinds[key]

    def changed(self, worker: WorkerRecord, room: int) -> None:
        """Take note of how much room a worker has; one that is not known does not matter."""
        worker_id = worker.worker_id
        key = self._keys.get(worker_id)
        if key is None:
            return
        kind = self._kinds[key]
        if worker.room != FULL:
            del kind.by_room[worker.room][worker_id]
        worker.room = room
        if room != FULL:
            kind.by_room[room][worker_id] = worker
            self._with_room[key] = kind
        elif not any(kind.by_room.values()):
            self._with_room.pop(key, None)

    def offer(self, needs: Needs) -> bool:
        """Return whether any worker may run tasks with the needs, now or when it has room."""
        return any(offers(kind.capabilities, needs) for kind in self._kinds.values())

    def idle(self, needs: Needs) -> int:
        """Return how many workers without any task may run tasks with the needs."""
        return sum(len(kind.by_room[IDLE]) for kind in self._with_room.values() if offers(kind.capabilities, needs))

    def with_room(self, needs: Needs) -> list[WorkerRecord]:
        """Return workers with room that may run tasks with the needs: one of each kind and room, most room first."""
        kinds = [kind for kind in self._with_room.values() if offers(kind.capabilities, needs)]
        return [
            next(iter(kind.by_room[room].values()))
            for room in (IDLE, ROOMY, AHEAD)
            for kind in kinds
            if kind.by_room[room]
        ]
