"""Many simulated workers in one process: each answers a task as soon as it comes, and nothing is run.

    python -m monitored.workers tcp://127.0.0.1:2345 1000 [--task-seconds 0.001] [--task-bytes 4096] [--busy]

Says ``ready`` when the scheduler has answered to all of them, and ends with its standard input. To the scheduler they
are workers: each has a session, its heartbeats tell of a processor, and each task ends with a result and what it cost.
Busy ones end no task, and differ in how many they hold.
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
            return self._take(codec.peek_task(received)[0])
        if kind == codec.MessageKind.taskCancel:
            cancel = codec.decode(received)
            assert isinstance(cancel, codec.TaskCancel)
            return codec.TaskCancelConfirm(
                task_id=cancel.task_id, cancel_confirm_type=self._cancel(cancel.task_id)
            ).encode()
        self.has_heard = self.has_heard or kind == codec.MessageKind.workerHeartbeatEcho
        return None

    def _take(self, task_id: bytes) -> bytes | None:
        self._ended += 1
        return codec.TaskResult(
            task_id=task_id, result_type=codec.TaskResultType.success, metadata=self._cost, value=_RESULT
        ).encode()

    def _cancel(self, _: bytes) -> codec.TaskCancelConfirmType:
        return codec.TaskCancelConfirmType.cancelNotFound

    def _heartbeat(self) -> bytes:
        return message.encode("workerHeartbeat", **self._figures())

    def _figures(self) -> dict[str, Any]:
        rss_bytes = (48 + self._number) * _MEBIBYTE + self._ended * 4096
        resource = {"cpu": (self._number + self._ended) % 1000, "rss": rss_bytes}
        return {
            "agent": resource,
            "rssFree": (100 + self._number) * _MEBIBYTE,
            "queueSize": 1000 + self._number,
            "latencyUS": 100 + self._number,
            "taskLock": True,
            "processors": [{**_IDLE, "pid": self._number + 1, "resource": resource}],
            "capabilities": [],
        }


class BusyWorker(SimulatedWorker):
    """Takes one task, or two if its number is odd, and ends none; worker N says that N wait and N are suspended."""

    def __init__(self, context: Context, address: str, number: int, cost: ProfileResult) -> None:
        super().__init__(context, address, number, cost)
        self._held: set[bytes] = set()

    def _take(self, task_id: bytes) -> bytes | None:
        self._held.add(task_id)
        return None

    def _cancel(self, task_id: bytes) -> codec.TaskCancelConfirmType:
        if task_id not in self._held:
            return super()._cancel(task_id)
        self._held.remove(task_id)
        return codec.TaskCancelConfirmType.canceled

    def _figures(self) -> dict[str, Any]:
        figures = super()._figures()
        running = {**figures["processors"][0], "hasTask": True}
        suspended = {**running, "suspended": True, "resource": {"cpu": 0, "rss": 0}}
        return {
            **figures,
            "queueSize": 1 + self._number % 2,
            "queuedTasks": self._number,
            "taskLock": False,
            "processors": [running, *({**suspended, "pid": 10_000 + count} for count in range(self._number))],
        }


def serve(address: str, count: int, cost: ProfileResult, kind: type[SimulatedWorker]) -> None:
    """Be workers of that kind until the standard input ends, or the scheduler does. Each task is said to cost that."""
    context = Context(1)
    workers = [kind(context, address, number, cost) for number in range(count)]
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
    parser.add_argument("--busy", action="store_true", help="workers hold their tasks, and end none")
    options = parser.parse_args()
    cost = ProfileResult(options.task_seconds, options.task_bytes, 0.001)
    serve(options.address, options.count, cost, BusyWorker if options.busy else SimulatedWorker)


if __name__ == "__main__":
    main()
