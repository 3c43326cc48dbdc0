"""What a future needs of the client that made it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from scaler.client.serializer.mixins import Serializer
from scaler.utility.identifiers import ObjectID, TaskID

if TYPE_CHECKING:
    from typing_extensions import Buffer


class FutureOwner(Protocol):
    """Cancels tasks, fetches and releases results, and runs what must not run where results arrive."""

    @property
    def future_lock(self) -> AbstractContextManager[bool]:
        """Guard the state of all futures for which no thread waits. Held for a few assignments only."""

    @property
    def serializer(self) -> Serializer:
        """Return what encoded the results."""

    def prepare_wait(self) -> None:
        """Let everything leave that a thread is about to wait for.

        Raise RuntimeError when nothing can ever end a task here: in a forked child of the client's process.
        """

    def wait_until(
        self, is_done: Callable[[], bool], sleep: Callable[[float | None], object], timeout_seconds: float | None
    ) -> bool:
        """Wait for the end of a future, and return whether it has ended.

        The calling thread may receive messages meanwhile; when others do, it calls ``sleep``, which returns at the end.
        """

    def wake_waiting(self) -> None:
        """Let a thread that receives in ``wait_until`` notice that its future has ended."""

    def keep_receiving(self) -> None:
        """Let messages be received for threads that wait otherwise than in ``wait_until``."""

    def request_cancel(self, task_id: TaskID) -> None:
        """Ask for the task's cancellation, unless that was done. Does not wait."""

    def fetch(self, object_id: ObjectID, timeout_seconds: float | None) -> Buffer:
        """Return the bytes of a result. Raise TimeoutError or ObjectStorageException."""

    def release(self, object_id: ObjectID) -> None:
        """Let the result be deleted, soon. Never blocks; may be called from finalizers."""

    def run_elsewhere(self, job: Callable[[], None]) -> None:
        """Run the job, a fetch, on another thread."""

    def call_back(self, job: Callable[[], None]) -> None:
        """Run the job, users' callbacks, on another thread, which it may block for as long as it likes."""
