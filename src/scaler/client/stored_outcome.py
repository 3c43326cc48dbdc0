"""A result that stays in the object storage until somebody asks for it."""

from __future__ import annotations

import threading

from scaler.client.future_owner import FutureOwner
from scaler.utility.identifiers import ObjectID


class StoredOutcome:
    """A result in the object storage; the lock lets one thread fetch it while others wait.

    Once it has an owner, it is released with this object if nobody has fetched it. The future itself has no finalizer:
    what a signal handler raises while one runs is lost, and futures go by the hundred thousand.
    """

    __slots__ = ("lock", "object_id", "owner")

    def __init__(self, object_id: ObjectID) -> None:
        """Stand for the object, without an owner yet."""
        self.owner: FutureOwner | None = None
        self.object_id = object_id
        self.lock = threading.Lock()

    def release(self) -> None:
        """Let the owner delete the result, once."""
        owner, self.owner = self.owner, None
        if owner is not None:
            owner.release(self.object_id)

    def __del__(self) -> None:
        if getattr(self, "owner", None) is not None:
            self.release()
