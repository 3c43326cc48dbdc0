"""Objects: announced and given up by clients, announced by workers for clients, deleted from storage and caches."""

from __future__ import annotations

from collections import deque
from typing import Final

from scaler.protocol import codec
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
from scaler.scheduler.controllers.client_controller import ClientController
from scaler.scheduler.object_usage.object_tracker import ObjectTracker
from scaler.scheduler.outbox import Outbox

DELETE_AGAIN_SECONDS: Final = 5.0
"""How long after its client has gone an object is deleted for the second time."""


class ObjectController:
    """Keeps the tracker, and tells storage and workers what is gone. The scheduler alone deletes from the storage.

    Objects are announced here before they are stored, over another connection. When a client goes in between, the
    delete may overtake the object; so what a client leaves behind is deleted once more, when its tasks have stopped.
    """

    def __init__(self, outbox: Outbox, clients: ClientController, pool: WorkerPool) -> None:
        self._outbox = outbox
        self._clients = clients
        self._pool = pool
        self._tracker = ObjectTracker()
        self._left_behind: deque[tuple[float, list[bytes]]] = deque()

    def __len__(self) -> int:
        return len(self._tracker)

    def name(self, object_id: bytes) -> bytes:
        """Return the name an object was announced with."""
        return self._tracker.name(object_id)

    def on_create(self, owner: bytes, instruction: codec.ObjectInstruction, now_seconds: float) -> None:
        """Know new objects of a client; those of a client that has gone are deleted."""
        if self._clients.get(owner) is None:
            self._outbox.delete_from_storage(instruction.object_ids)
            self._left_behind.append((now_seconds + DELETE_AGAIN_SECONDS, instruction.object_ids))
            return
        self._tracker.create(owner, instruction.object_ids, instruction.object_names)

    def on_delete(self, owner: bytes, object_ids: list[bytes]) -> None:
        """Delete objects that their owner gives up."""
        self._delete(self._tracker.delete(owner, object_ids))

    def on_client_gone(self, owner: bytes, now_seconds: float) -> None:
        """Delete every object of a client that has left."""
        object_ids = self._tracker.delete_all(owner)
        self._delete(object_ids)
        if object_ids:
            self._left_behind.append((now_seconds + DELETE_AGAIN_SECONDS, object_ids))

    def on_tick(self, now_seconds: float) -> None:
        """Delete for the second time what is due."""
        while self._left_behind and self._left_behind[0][0] <= now_seconds:
            self._outbox.delete_from_storage(self._left_behind.popleft()[1])

    def _delete(self, object_ids: list[bytes]) -> None:
        if not object_ids:
            return
        self._outbox.delete_from_storage(object_ids)
        instruction = codec.ObjectInstruction(
            instruction_type=codec.ObjectInstructionType.delete, object_ids=object_ids
        ).encode()
        for worker in self._pool.workers():
            self._outbox.send(worker.worker_id, instruction)
