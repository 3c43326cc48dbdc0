"""Which objects exist, which client each belongs to, and which workers may hold it."""

from __future__ import annotations

from collections.abc import Iterable

from scaler.scheduler.bad_message import BadMessageError
from scaler.utility.identifiers import ObjectID


def check_owned(owner_hash: bytes, object_ids: Iterable[bytes]) -> None:
    """Raise BadMessageError when an id is none, or not of an object of the owner: it begins with the hash of that."""
    for object_id in object_ids:
        if len(object_id) != ObjectID.SIZE:
            raise BadMessageError(f"an object id has {ObjectID.SIZE} bytes, but got {len(object_id)}")
        if not object_id.startswith(owner_hash):
            raise BadMessageError(f"object {object_id.hex()} belongs to somebody else")


class ObjectTracker:
    """The one owner of what is known of objects. An object belongs to the client whose hash its id begins with.

    Who may hold an object is one number with a bit for each worker (``WorkerRecord.number``), so that noting it costs a
    step, and an object takes at most a bit for each worker, however many tasks use it. Numbers are used again: the
    successor of a worker that has left may be taken for a holder, which costs a message for nothing.
    """

    def __init__(self) -> None:
        self._names: dict[bytes, bytes] = {}
        self._owned: dict[bytes, set[bytes]] = {}
        self._holders: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._names)

    def name(self, object_id: bytes) -> bytes | None:
        """Return the name an object was announced with, None when it is not known."""
        return self._names.get(object_id)

    def __contains__(self, object_id: bytes) -> bool:
        return object_id in self._names

    def create(self, owner: bytes, owner_hash: bytes, object_ids: list[bytes], names: list[bytes]) -> None:
        """Know new objects of a client. Raise BadMessageError for ids of others, or lists that do not match."""
        if len(names) != len(object_ids):
            raise BadMessageError(f"{len(object_ids)} object ids come with {len(names)} names")
        check_owned(owner_hash, object_ids)
        self._owned.setdefault(owner, set()).update(object_ids)
        self._names.update(zip(object_ids, names, strict=True))

    def held(self, object_id: bytes, worker_number: int) -> None:
        """Note that a worker may hold an object from now on; unknown objects are nobody's business."""
        if object_id not in self._names:
            return
        holders, bit = self._holders.get(object_id, 0), 1 << worker_number
        if not holders & bit:
            self._holders[object_id] = holders | bit

    def take_holders(self, object_ids: list[bytes]) -> dict[int, list[bytes]]:
        """Return, and forget, the objects by who may hold them: a bit for each worker. Those of nobody are left out."""
        held: dict[int, list[bytes]] = {}
        for object_id in object_ids:
            holders = self._holders.pop(object_id, 0)
            if holders:
                held.setdefault(holders, []).append(object_id)
        return held

    def delete(self, owner: bytes, object_ids: list[bytes]) -> list[bytes]:
        """Forget objects of a client, and return those that it really owned."""
        owned = self._owned.get(owner, set())
        gone = [object_id for object_id in dict.fromkeys(object_ids) if object_id in owned]
        owned.difference_update(gone)
        if not owned:
            self._owned.pop(owner, None)
        for object_id in gone:
            del self._names[object_id]
        return gone

    def delete_all(self, owner: bytes) -> list[bytes]:
        """Forget every object of a client, and return their ids."""
        gone = list(self._owned.pop(owner, ()))
        for object_id in gone:
            del self._names[object_id]
        return gone
