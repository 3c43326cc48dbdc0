"""Task states shared by an agent and a processor. Only ``scaler.worker.agent.task_gate`` imports this module."""

from enum import IntEnum

class SlotState(IntEnum):
    free = 0
    fed = 1
    started = 2
    finished = 3
    revoked = 4

class TaskGate:
    """Decides without messages which of the tasks fed to a processor have started.

    Tasks fed to one processor are numbered from 0 in the order they are sent; number i uses slot i modulo ``slots``.
    Each slot is one atomic word in shared memory, changed by compare-and-swap, so that a task is either started by the
    processor or revoked by the agent, never both. The agent feeds, revokes and releases; the processor starts and
    finishes.
    """

    @staticmethod
    def create(slots: int = 256) -> TaskGate:
        """Make a gate in anonymous shared memory. Raise OSError when the system refuses."""

    @staticmethod
    def attach(fd: int) -> TaskGate:
        """Map a gate made by another process. Raise OSError for a descriptor that is not one."""

    @property
    def slots(self) -> int: ...
    def fileno(self) -> int: ...
    def feed(self, number: int) -> bool:
        """Mark task ``number`` as fed; return False while its slot is still taken."""

    def try_start(self, number: int) -> bool:
        """Mark task ``number`` as started; return False, and free its slot, when it was revoked and must not run."""

    def finish(self, number: int) -> None:
        """Mark task ``number`` as run to its end, whether or not its result has been sent."""

    def revoke(self, number: int) -> bool:
        """Take task ``number`` back; return False when it has started."""

    def release(self, number: int) -> None:
        """Free the slot of a started or finished task whose result has arrived."""

    def state(self, number: int) -> SlotState: ...
    def close(self) -> None: ...
