"""What the scheduler core wants done: the one way from the core to the world."""

from __future__ import annotations

from typing import Any, TypeAlias

from scaler.io.ymq.ymq import Bytes

Frame: TypeAlias = Bytes | bytes


class Outbox:
    """Effects of a batch of events, in order; the shell carries them out once per batch and clears it.

    ``monitored`` says whether anybody subscribes to the monitor stream; nothing is reported otherwise.
    """

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, Frame]] = []
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.storage_deletes: list[bytes] = []
        self.owner_deletes: list[bytes] = []
        self.stop_requested = False
        self.monitored = False

    def send(self, peer: bytes, frame: Frame) -> None:
        """Send a frame to a client or worker."""
        self.messages.append((peer, frame))

    def report(self, member: str, fields: dict[str, Any]) -> None:
        """Publish a message of the monitor stream, given as the union member and its fields."""
        self.reports.append((member, fields))

    def delete_from_storage(self, object_ids: list[bytes]) -> None:
        """Delete objects from the object storage."""
        self.storage_deletes.extend(object_ids)

    def delete_owner_from_storage(self, owner_hash: bytes) -> None:
        """Delete from the object storage every object whose id begins with the hash of its owner."""
        self.owner_deletes.append(owner_hash)

    def clear(self) -> None:
        """Forget what has been carried out."""
        self.messages = []
        self.reports = []
        self.storage_deletes = []
        self.owner_deletes = []
