"""Many simulated workers in one process: each answers a task as soon as it comes, and nothing is run.

    python -m monitored.workers tcp://127.0.0.1:2345 1000 [--task-seconds 0.001] [--task-bytes 4096]

Says ``ready`` when the scheduler has answered to all of them, and ends with its standard input. To the scheduler they
are workers: each has a session, its heartbeats tell of a processor, and each task ends with a result and what it cost.
"""

from __future__ import annotations

import argparse
import os
import selectors
import sys
import time
from typing import Any, Final

from scaler.client.serializer.default import DefaultSerializer
from scaler.io.ymq.ymq import Context, IOSocketType, PeerEvent, Role, Socket
from scaler.protocol import codec, message
from scaler.utility.metadata.profile_result import ProfileResult

HEARTBEAT_SECONDS: Final = 2.0
_RESULT: Final = DefaultSerializer.serialize(None)
_IDLE: Final = {"initialized": True, "hasTask": False, "suspended": False}
_MEBIBYTE: Final = 2**20


class SimulatedWorker:
    """One worker: its socket, and the answers to what comes there."""

    def __init__(self, context: Context, address: str, number: int, cost: ProfileResult) -> None:
        self.has_heard = False
        self._number = number
        self._cost = cost.serialize()
        self._ended = 0
        identity = f"Worker|simulated-{number}|{os.urandom(16).hex()}".encode()
        self.socket = Socket(context, identity, IOSocketType.Connector, role=Role.worker)
        self.socket.connect(address)

    def serve(self) -> None:
        """Answer everything that has come, with one write."""
        answers = [
            (None, answer) for _, received in self.socket.drain() if (answer := self._answer(received)) is not None
        ]
        if answers:
            self.socket.send_many(answers)

    def beat(self) -> None:
        """Send a heartbeat; its figures differ from those before, and from those of other workers."""
        self.socket.send(None, self._heartbeat())

    def _answer(self, received: Any) -> bytes | None:
        if isinstance(received, PeerEvent):
            if received is not PeerEvent.connected:
                raise ConnectionError(f"the scheduler has ended the connection of worker {self._number}")
            return self._heartbeat()
        kind = codec.which(received)
        if kind == codec.MessageKind.task:
            self._ended += 1
            return codec.TaskResult(
                task_id=codec.peek_task(received)[0],
                result_type=codec.TaskResultType.success,
                metadata=self._cost,
                value=_RESULT,
            ).encode()
        if kind == codec.MessageKind.taskCancel:
            cancel = codec.decode(received)
            assert isinstance(cancel, codec.TaskCancel)
            verdict = codec.TaskCancelConfirmType.cancelNotFound
            return codec.TaskCancelConfirm(task_id=cancel.task_id, cancel_confirm_type=verdict).encode()
        self.has_heard = self.has_heard or kind == codec.MessageKind.workerHeartbeatEcho
        return None

    def _heartbeat(self) -> bytes:
        rss_bytes = (48 + self._number) * _MEBIBYTE + self._ended * 4096
        resource = {"cpu": (self._number + self._ended) % 1000, "rss": rss_bytes}
        return message.encode(
            "workerHeartbeat",
            agent=resource,
            rssFree=(100 + self._number) * _MEBIBYTE,
            queueSize=1000 + self._number,
            latencyUS=100 + self._number,
            taskLock=True,
            processors=[{**_IDLE, "pid": self._number + 1, "resource": resource}],
            capabilities=[],
        )


def serve(address: str, count: int, cost: ProfileResult) -> None:
    """Be the workers until the standard input ends, or the scheduler does. Each task is said to cost that."""
    context = Context(1)
    workers = [SimulatedWorker(context, address, number, cost) for number in range(count)]
    selector = selectors.EpollSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    for worker in workers:
        selector.register(worker.socket.fileno(), selectors.EVENT_READ, worker)
    started, beats, told = time.monotonic(), 0, False
    period = HEARTBEAT_SECONDS / count
    while True:
        for key, _ in selector.select(max(0.0, started + (beats + 1) * period - time.monotonic())):
            if key.data is None:
                return
            key.data.serve()
        while started + (beats + 1) * period <= time.monotonic():
            if (worker := workers[beats % count]).has_heard:
                worker.beat()
            beats += 1
        if not told and all(worker.has_heard for worker in workers):
            told = True
            print("ready", flush=True)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("address", help="of the scheduler")
    parser.add_argument("count", type=int, help="how many workers")
    parser.add_argument("--task-seconds", type=float, default=0.001, help="what a task says that it ran for")
    parser.add_argument("--task-bytes", type=int, default=4096, help="what a task says that it took of memory")
    options = parser.parse_args()
    serve(options.address, options.count, ProfileResult(options.task_seconds, options.task_bytes, 0.001))


if __name__ == "__main__":
    main()
