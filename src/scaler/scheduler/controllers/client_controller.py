"""The connected clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaler.scheduler.task.task_kind import TaskKinds
from scaler.utility.identifiers import ClientID, ObjectID

if TYPE_CHECKING:
    from scaler.scheduler.task.task_record import TaskRecord


class ClientRecord:
    """One connected client and its live tasks. The ids of its objects begin with the hash of its own.

    ``serializer_id`` is that of the serializer which whoever runs its tasks fetches. ``tasks`` are in no order: each
    knows its position, so that a list will do, which is lighter than a dict.
    """

    __slots__ = ("client_id", "kinds", "owner_hash", "serializer_id", "tasks")

    def __init__(self, client_id: bytes) -> None:
        self.client_id = client_id
        self.owner_hash = ClientID(client_id).owner_hash()
        self.serializer_id = bytes(ObjectID.generate_serializer_object_id(ClientID(client_id)))
        self.tasks: list[TaskRecord] = []
        self.kinds = TaskKinds()

    def add_task(self, record: TaskRecord) -> None:
        """Know a live task of the client."""
        record.position = len(self.tasks)
        self.tasks.append(record)

    def remove_task(self, record: TaskRecord) -> None:
        """Forget a task; the last one takes its place."""
        last = self.tasks.pop()
        if last is not record:
            self.tasks[record.position] = last
            last.position = record.position

    def __repr__(self) -> str:
        return f"ClientRecord({self.client_id!r}, {len(self.tasks)} tasks)"


class ClientController:
    """The one owner of who is connected as a client. A client is known from its greeting to the end of its session."""

    def __init__(self) -> None:
        self._clients: dict[bytes, ClientRecord] = {}

    def __len__(self) -> int:
        return len(self._clients)

    def get(self, client_id: bytes) -> ClientRecord | None:
        """Return the client of that identity, or None."""
        return self._clients.get(client_id)

    def clients(self) -> list[ClientRecord]:
        """Return all clients."""
        return list(self._clients.values())

    def add(self, client_id: bytes) -> ClientRecord:
        """Know a client; one that is known already starts anew, its tasks are the caller's business."""
        client = self._clients[client_id] = ClientRecord(client_id)
        return client

    def remove(self, client_id: bytes) -> ClientRecord | None:
        """Forget a client and return it, or None when it was not known."""
        return self._clients.pop(client_id, None)
