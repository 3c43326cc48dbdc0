"""Passes single tasks through an agent. Only ``scaler.worker.agent.relay`` imports this module."""

from scaler.io.ymq._ymq import Bytes, Port
from scaler.worker.agent._task_gate import TaskGate

class Relay:
    """Feeds a task that comes alone to a processor and sends its result to the scheduler, in the thread of the sockets.

    Whatever else comes closes it, and goes to whom the sockets belong, as everything does while it is closed.
    """

    @staticmethod
    def connect(scheduler: Port, processors: Port) -> Relay | None:
        """Make a closed relay between two sockets; return None when they belong to different I/O threads."""

    def open(self, processor_id: bytes, gate: TaskGate, next_number: int) -> bool:
        """Begin to pass tasks to a processor that has none, numbered from this one on.

        Nobody else may feed the gate until ``close``. Return False when something waits to be taken from a socket.
        """

    def close(self) -> tuple[int, Bytes | None, bool]:
        """Pass nothing more.

        Return how many tasks were passed and have ended since it was opened, the one that has not, and whether that
        could be sent to the processor.
        """
