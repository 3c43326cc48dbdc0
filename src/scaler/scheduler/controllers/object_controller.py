"""Objects: announced and given up by clients, announced by workers for clients, deleted from storage and caches."""

from __future__ import annotations

from scaler.protocol import codec
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
from scaler.scheduler.controllers.client_controller import ClientController
from scaler.scheduler.object_usage.object_tracker import ObjectTracker
from scaler.scheduler.outbox import Outbox


class ObjectController:
    """Keeps the tracker, and tells storage and workers what is gone. The scheduler alone deletes from the storage."""

    def __init__(self, outbox: Outbox, clients: ClientController, pool: WorkerPool) -> None:
        self._outbox = outbox
        self._clients = clients
        self._pool = pool
        self._tracker = ObjectTracker()

    def __len__(self) -> int:
        return len(self._tracker)

    def name(self, object_id: bytes) -> bytes:
        """Return the name an object was announced with."""
        return self._tracker.name(object_id)

    def on_create(self, owner: bytes, instruction: codec.ObjectInstruction) -> None:
        """Know new objects of a client; those of a client that has gone are deleted at once."""
        if self._clients.get(owner) is None:
            self._outbox.delete_from_storage(instruction.object_ids)
            return
        self._tracker.create(owner, instruction.object_ids, instruction.object_names)

    def on_delete(self, owner: bytes, object_ids: list[bytes]) -> None:
        """Delete objects that their owner gives up."""
        self._delete(self._tracker.delete(owner, object_ids))

    def on_client_gone(self, owner: bytes) -> None:
        """Delete every object of a client that has left."""
        self._delete(self._tracker.delete_all(owner))

    def _delete(self, object_ids: list[bytes]) -> None:
        if not object_ids:
            return
        self._outbox.delete_from_storage(object_ids)
        instruction = codec.ObjectInstruction(
            instruction_type=codec.ObjectInstructionType.delete, object_ids=object_ids
        ).encode()
        for worker in self._pool.workers():
            self._outbox.send(worker.worker_id, instruction)
