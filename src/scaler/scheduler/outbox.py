"""What the scheduler core wants done: the one way from the core to the world."""

from __future__ import annotations

from typing import Any, TypeAlias

from scaler.io.ymq.ymq import Bytes
from scaler.protocol.codec import MessageKind

Frame: TypeAlias = Bytes | bytes


class Outbox:
    """Effects of a batch of events, in order; the shell takes them out and carries them out once per batch.

    ``monitored`` says whether anybody subscribes to the monitor stream; nothing is reported otherwise. Each report has
    the subscriber it is for, none when it is for all of them; ``published`` counts the latter. ``sent`` counts messages
    to clients and workers, by kind.
    """

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, Frame]] = []
        self.closings: list[bytes] = []
        self.sent = [0] * len(MessageKind)
        self.reports: list[tuple[bytes, str, dict[str, Any]]] = []
        self.published = 0
        self.storage_deletes: list[bytes] = []
        self.owner_deletes: list[bytes] = []
        self.stop_requested = False
        self.monitored = False

    def send(self, peer: bytes, frame: Frame, kind: int) -> None:
        """Send a frame, which is a message of that kind, to a client or worker."""
        self.messages.append((peer, frame))
        self.sent[kind] += 1

    def close_connection(self, peer: bytes) -> None:
        """End the session with a client or worker, behind what it was sent; that it is lost is an event."""
        self.closings.append(peer)

    def report(self, member: str, fields: dict[str, Any]) -> None:
        """Publish a message of the monitor stream, given as the union member and its fields."""
        self.reports.append((b"", member, fields))
        self.published += 1

    def report_to(self, subscriber: bytes, member: str, fields: dict[str, Any]) -> None:
        """Send a message of the monitor stream to one subscriber."""
        self.reports.append((subscriber, member, fields))

    def delete_from_storage(self, object_ids: list[bytes]) -> None:
        """Delete objects from the object storage."""
        self.storage_deletes.extend(object_ids)

    def delete_owner_from_storage(self, owner_hash: bytes) -> None:
        """Delete from the object storage every object whose id begins with the hash of its owner."""
        self.owner_deletes.append(owner_hash)

    def take_messages(self) -> list[tuple[bytes, Frame]]:
        """Return the frames with who gets each, and forget them."""
        messages, self.messages = self.messages, []
        return messages

    def take_closings(self) -> list[bytes]:
        """Return whose connections end and forget them."""
        closings, self.closings = self.closings, []
        return closings

    def take_reports(self) -> list[tuple[bytes, str, dict[str, Any]]]:
        """Return the reports and forget them."""
        reports, self.reports = self.reports, []
        return reports

    def take_storage_deletes(self) -> list[bytes]:
        """Return the objects to delete and forget them."""
        object_ids, self.storage_deletes = self.storage_deletes, []
        return object_ids

    def take_owner_deletes(self) -> list[bytes]:
        """Return the owners to delete everything of, and forget them."""
        owner_hashes, self.owner_deletes = self.owner_deletes, []
        return owner_hashes
