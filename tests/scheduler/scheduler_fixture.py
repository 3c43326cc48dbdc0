"""A scheduler core with named clients and workers around it, so that tests read as sentences."""

from __future__ import annotations

import pickle
from typing import Any

from scaler.io.ymq.ymq import PeerEvent, Role
from scaler.protocol import codec, message
from scaler.scheduler.core import CoreSettings, SchedulerCore
from scaler.utility.identifiers import ClientID, ObjectID, TaskID, WorkerID
from scaler.utility.metadata.profile_result import ProfileResult


class SchedulerFixture:
    """Feeds encoded messages to a real core, and keeps what it sends by receiver."""

    def __init__(self, **settings: Any) -> None:
        self.core = SchedulerCore(CoreSettings("127.0.0.1", 2346, **settings))
        self.closed: list[bytes] = []
        self.deleted: list[bytes] = []
        self.deleted_owners: list[bytes] = []
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.snapshots: dict[bytes, list[tuple[str, dict[str, Any]]]] = {}
        self.stopped = False
        self._sent: dict[bytes, list[bytes]] = {}

    # -- who is there

    def client(self, name: str = "c") -> ClientID:
        """Connect a client."""
        client_id = ClientID(f"Client|{name}|{0:032x}".encode())
        self.core.on_peer_event(client_id, PeerEvent.connected, Role.client)
        self.end_batch()
        return client_id

    def worker(
        self, name: str = "w", queue_size: int = 1000, capabilities: dict[str, int] | None = None, keep: bool = False
    ) -> WorkerID:
        """Connect and register a worker. What it is sent at once is only kept on demand."""
        worker_id = WorkerID(f"Worker|{name}|{0:032x}".encode())
        self.core.on_peer_event(worker_id, PeerEvent.connected, Role.worker)
        self.heartbeat(worker_id, queue_size=queue_size, capabilities=capabilities)
        if not keep:
            self.take(worker_id)
        return worker_id

    def lose(self, peer: bytes) -> None:
        """End the session of a peer."""
        self.core.on_peer_event(peer, PeerEvent.lost, Role.unknown)
        self.end_batch()

    # -- what they say

    def say(self, peer: bytes, frame: bytes) -> None:
        """Let a peer send one message, as a batch of its own."""
        self.core.on_message(bytes(peer), frame)
        self.end_batch()

    def heartbeat(
        self, worker_id: bytes, *, queue_size: int = 1000, capabilities: dict[str, int] | None = None, **fields: Any
    ) -> None:
        """Let a worker send a heartbeat."""
        offered = [{"name": name, "value": value} for name, value in (capabilities or {}).items()]
        self.say(worker_id, message.encode("workerHeartbeat", queueSize=queue_size, capabilities=offered, **fields))

    def heartbeats(self, worker_id: bytes, count: int, **fields: Any) -> None:
        """Let a worker send heartbeats, and time pass before each."""
        for _ in range(count):
            self.core.now_seconds += 2.0
            self.heartbeat(worker_id, **fields)

    def submit(self, client_id: ClientID, count: int = 1, function: bytes = b"f", **fields: Any) -> list[TaskID]:
        """Let a client submit tasks in one batch."""
        function_id = ObjectID(ObjectID.generate_content_object_id(client_id, function))
        task_ids = [TaskID.generate_task_id() for _ in range(count)]
        for task_id in task_ids:
            task = codec.Task(task_id=task_id, source=client_id, func_object_id=function_id, **fields)
            self.core.on_message(client_id, task.encode())
        self.end_batch()
        return task_ids

    def cancel(self, client_id: bytes, task_id: bytes) -> None:
        """Let a client cancel a task."""
        self.say(client_id, codec.TaskCancel(task_id=task_id, force=True).encode())

    def confirm(self, worker_id: bytes, task_id: bytes, kind: codec.TaskCancelConfirmType) -> None:
        """Let a worker answer a cancel."""
        self.say(worker_id, codec.TaskCancelConfirm(task_id=task_id, cancel_confirm_type=kind).encode())

    def finish(self, worker_id: bytes, task_id: bytes, seconds: float = 0.001, attempt: int = 0) -> None:
        """Let a worker send the result of a task."""
        self.say(worker_id, result_frame(task_id, seconds, attempt))

    def create_objects(self, peer: bytes, owner: bytes, object_ids: list[bytes]) -> None:
        """Let a peer announce objects."""
        instruction = codec.ObjectInstruction(
            instruction_type=codec.ObjectInstructionType.create,
            object_user=owner,
            object_ids=object_ids,
            object_types=[codec.ObjectContentType.object] * len(object_ids),
            object_names=[b"name"] * len(object_ids),
        )
        self.say(peer, instruction.encode())

    def delete_objects(self, peer: bytes, object_ids: list[bytes]) -> None:
        """Let a client give up objects."""
        self.say(
            peer,
            codec.ObjectInstruction(
                instruction_type=codec.ObjectInstructionType.delete, object_user=peer, object_ids=object_ids
            ).encode(),
        )

    def tick(self, now_seconds: float) -> None:
        """Let time pass."""
        self.core.now_seconds = now_seconds
        self.core.on_tick()
        self.end_batch()

    # -- what the core did

    def end_batch(self) -> None:
        """End a batch, and collect the outbox."""
        self.core.on_batch_end()
        outbox = self.core.outbox
        for peer, frame in outbox.take_messages():
            self._sent.setdefault(bytes(peer), []).append(bytes(frame))
        self.closed += outbox.take_closings()
        self.deleted += outbox.take_storage_deletes()
        self.deleted_owners += outbox.take_owner_deletes()
        for subscriber, member, fields in outbox.take_reports():
            self.on_report(subscriber, member, fields)
        self.stopped = self.stopped or outbox.stop_requested

    def on_report(self, subscriber: bytes, member: str, fields: dict[str, Any]) -> None:
        """Keep a message of the monitor stream, by who gets it."""
        if subscriber:
            self.snapshots.setdefault(subscriber, []).append((member, fields))
        else:
            self.reports.append((member, fields))

    def take(self, peer: bytes) -> list[Any]:
        """Return and forget what was sent to a peer: hot messages decoded, others as their member's name."""
        return [codec.decode(frame) or message.decode(frame)[0] for frame in self.frames_to(peer)]

    def frames_to(self, peer: bytes) -> list[bytes]:
        """Return and forget what was sent to a peer, as it was sent."""
        return self._sent.pop(bytes(peer), [])

    def tasks_sent_to(self, peer: bytes) -> list[bytes]:
        """Return and forget the ids of the tasks that were sent to a worker."""
        return [sent.task_id for sent in self.take(peer) if isinstance(sent, codec.Task)]


def result_frame(task_id: bytes, seconds: float = 0.001, attempt: int = 0, value: bytes = b"v") -> bytes:
    """Return a successful result."""
    return codec.TaskResult(
        task_id=task_id,
        result_type=codec.TaskResultType.success,
        metadata=ProfileResult(seconds, 0, 0.0).serialize(),
        attempt=attempt,
        value=value,
    ).encode()


def failure_of(result: codec.TaskResult) -> BaseException:
    """Return the exception that a failed result carries."""
    assert result.value is not None
    error = pickle.loads(result.value)
    assert isinstance(error, BaseException)
    return error


def assert_at_rest(scheduler: SchedulerFixture) -> None:
    """Check that nothing is left of any task (invariant I5)."""
    gauges = scheduler.core.gauges()
    for gauge in ("tasks", "waiting_tasks", "placed_tasks", "open_cancels", "loaded_workers"):
        assert gauges[gauge] == 0, gauges
