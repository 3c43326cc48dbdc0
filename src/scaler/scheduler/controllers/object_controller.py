"""Objects: announced and given up by clients, announced by workers for clients, deleted from storage and caches."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from scaler.protocol import codec
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.controllers.client_controller import ClientController
from scaler.scheduler.object_usage.object_tracker import ObjectTracker, check_owned
from scaler.scheduler.outbox import Outbox
from scaler.utility.identifiers import ClientID

if TYPE_CHECKING:
    from scaler.scheduler.task.task_record import TaskRecord

DELETE_AGAIN_SECONDS: Final = 5.0
"""How long after a client has gone its objects are deleted for the second time."""


class ObjectController:
    """Keeps the tracker, and tells storage and workers what is gone.

    Objects are announced here, over another connection than they are stored. A client may go in between, and its last
    announcements with it, or the delete may overtake the object. So all that is stored under the name of a client that
    has gone is deleted, announced or not, and once more when its tasks have stopped.
    """

    def __init__(self, outbox: Outbox, clients: ClientController, pool: WorkerPool) -> None:
        self._outbox = outbox
        self._clients = clients
        self._pool = pool
        self._tracker = ObjectTracker()
        self._departed: deque[tuple[float, ClientID]] = deque()

    def __len__(self) -> int:
        return len(self._tracker)

    def name(self, object_id: bytes) -> bytes | None:
        """Return the name an object was announced with, None when it is not known."""
        return self._tracker.name(object_id)

    def on_create(
        self,
        owner: bytes,
        instruction: codec.ObjectInstruction,
        now_seconds: float,
        worker: WorkerRecord | None = None,
    ) -> None:
        """Know new objects, which their client announces or a worker does; delete those of a client that has gone."""
        client = self._clients.get(owner)
        if client is None:
            self._delete_departed(ClientID(owner), now_seconds)
            return
        object_ids = instruction.object_ids
        self._tracker.create(owner, client.owner_hash, object_ids, instruction.object_names)
        if worker is not None:
            worker.announced.update(dict.fromkeys(object_ids, (owner, worker.placements)))

    def on_late_create(self, owner: bytes, object_ids: list[bytes]) -> None:
        """Delete what a worker that has left still announces: its results are not wanted. Known objects stay.

        Raise BadMessageError when an id is not the owner's.
        """
        check_owned(ClientID(owner).owner_hash(), object_ids)
        self._outbox.delete_from_storage([object_id for object_id in object_ids if object_id not in self._tracker])

    def on_result(self, worker: WorkerRecord, object_ids: list[bytes], *, is_wanted: bool) -> None:
        """Take note that a result names objects of its worker; those that nobody wants are deleted."""
        for object_id in object_ids:
            announced = worker.announced.pop(object_id, None)
            if announced is not None and not is_wanted:
                self.on_delete(announced[0], [object_id])
        self._delete_orphans(worker)

    def on_cancel_confirm(self, worker: WorkerRecord) -> None:
        """Take note that a task of the worker may have been stopped while it stored its result."""
        self._delete_orphans(worker)

    def on_worker_gone(self, worker: WorkerRecord) -> None:
        """Delete what a worker has announced for results that will not come."""
        for object_id, (owner, _) in worker.announced.items():
            self.on_delete(owner, [object_id])
        worker.announced.clear()

    def on_placed(self, record: TaskRecord, worker: WorkerRecord) -> None:
        """Take note that a worker gets a task: it may hold the objects of it from now on."""
        try:
            object_ids = codec.objects_of_task(record.frame)
        except codec.CodecError:
            return  # the worker cannot read it either
        number = worker.number
        for object_id in object_ids:
            self._tracker.held(object_id, number)
        if record.client is not None:
            self._tracker.held(record.client.serializer_id, number)

    def on_delete(self, owner: bytes, object_ids: list[bytes]) -> None:
        """Delete objects that their owner gives up."""
        gone = self._tracker.delete(owner, object_ids)
        self._outbox.delete_from_storage(gone)
        self._tell_workers(gone)

    def on_client_gone(self, owner: bytes, now_seconds: float) -> None:
        """Delete every object of a client that has left."""
        self._tell_workers(self._tracker.delete_all(owner))
        self._delete_departed(ClientID(owner), now_seconds)

    def on_tick(self, now_seconds: float) -> None:
        """Delete for the second time what is due."""
        while self._departed and self._departed[0][0] <= now_seconds:
            _, owner = self._departed.popleft()
            if self._clients.get(owner) is None:  # it may have come back
                self._outbox.delete_owner_from_storage(owner.owner_hash())

    def _delete_orphans(self, worker: WorkerRecord) -> None:
        """Delete what processors announced that were killed before their results.

        None will come once all tasks have ended that the worker held when it announced an object.
        """
        first, orphans = worker.first_placement(), []
        for object_id, (owner, placements) in worker.announced.items():
            if placements > first:
                break
            orphans.append((owner, object_id))
        for owner, object_id in orphans:
            del worker.announced[object_id]
            self.on_delete(owner, [object_id])

    def _delete_departed(self, owner: ClientID, now_seconds: float) -> None:
        self._outbox.delete_owner_from_storage(owner.owner_hash())
        self._departed.append((now_seconds + DELETE_AGAIN_SECONDS, owner))

    def _tell_workers(self, object_ids: list[bytes]) -> None:
        """Let those workers drop objects that were given a task with them; what they hold besides, nobody uses."""
        for holders, held in self._tracker.take_holders(object_ids).items():
            instruction = codec.ObjectInstruction(
                instruction_type=codec.ObjectInstructionType.delete, object_ids=held
            ).encode()
            for worker in self._pool.numbered(holders):
                self._outbox.send(worker.worker_id, instruction, codec.MessageKind.objectInstruction)
