"""Stand-ins for what a client talks to: real messages, no sockets."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cloudpickle

from scaler.client.serializer.default import DefaultSerializer
from scaler.protocol import codec, message
from scaler.utility.exceptions import ObjectStorageException, ObjectStorageTimeoutError
from scaler.utility.failures import serialize_failure
from scaler.utility.identifiers import ClientID, ObjectID, TaskID
from scaler.utility.metadata.profile_result import ProfileResult
from scaler.utility.serialization import deserialize, serialize

PROFILE = ProfileResult(0.5, 1024, 0.25)


class StandInOwner:
    """A future's client: counts what the future asks for."""

    def __init__(self, payloads: dict[bytes, bytes] | None = None) -> None:
        self.future_lock = threading.RLock()
        self.serializer = DefaultSerializer()
        self.payloads = payloads if payloads is not None else {}
        self.fetched: list[ObjectID] = []
        self.released: list[ObjectID] = []
        self.cancelled: list[TaskID] = []
        self.on_cancel: Callable[[TaskID], None] = lambda task_id: None
        self.jobs: list[Callable[[], None]] = []
        self.callbacks: list[Callable[[], None]] = []
        self.failure: BaseException | None = None

    def prepare_wait(self) -> None:
        return

    def wait_until(
        self, is_done: Callable[[], bool], sleep: Callable[[float | None], object], timeout_seconds: float | None
    ) -> bool:
        sleep(timeout_seconds)
        return is_done()

    def wake_waiting(self) -> None:
        return

    def keep_receiving(self) -> None:
        return

    def request_cancel(self, task_id: TaskID) -> None:
        self.cancelled.append(task_id)
        self.on_cancel(task_id)

    def fetch(self, object_id: ObjectID, timeout_seconds: float | None) -> Any:
        self.fetched.append(object_id)
        if self.failure is not None:
            raise self.failure
        return self.payloads[object_id]

    def release(self, object_id: ObjectID) -> None:
        self.released.append(object_id)

    def run_elsewhere(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def call_back(self, job: Callable[[], None]) -> None:
        self.callbacks.append(job)

    def run_jobs(self) -> None:
        while self.jobs or self.callbacks:
            (self.jobs or self.callbacks).pop(0)()


class StandInStorage:
    """An object storage in a dictionary, in the place of its connector."""

    def __init__(self) -> None:
        self.objects: dict[bytes, bytes] = {}
        self.log: list[tuple[str, bytes]] = []
        self.failure: BaseException | None = None
        self.is_closed = False
        self.connections = 1

    def set_objects(self, objects: Iterable[tuple[bytes, Any]]) -> None:
        if self.failure is not None:
            raise self.failure
        for object_id, payload in objects:
            parts = payload if isinstance(payload, list) else [payload]
            self.objects[bytes(object_id)] = b"".join(bytes(part) for part in parts)
            self.log.append(("set", bytes(object_id)))

    def get_object(self, object_id: bytes, timeout_seconds: float | None, maximum_bytes: int = 0) -> bytearray:
        if self.is_closed:
            raise ObjectStorageException("closed")
        if bytes(object_id) not in self.objects:
            raise ObjectStorageTimeoutError("no such object")
        self.log.append(("get", bytes(object_id)))
        return bytearray(self.objects[bytes(object_id)])

    def delete_owner(self, owner_hash: bytes, timeout_seconds: float) -> bool:
        if self.failure is not None:
            raise self.failure
        mine = [object_id for object_id in self.objects if object_id.startswith(owner_hash)]
        for object_id in mine:
            del self.objects[object_id]
        return bool(mine)

    def connection_number(self) -> int:
        return self.connections

    def get_info_total(self, timeout_seconds: float) -> tuple[int, int, int]:
        return 0, 0, 0

    def close(self) -> None:
        self.is_closed = True


class StandInScheduler:
    """A scheduler with a worker, in the place of a scheduler link: runs tasks where they are sent from.

    While ``is_holding``, tasks wait until ``run_held``.
    """

    address = "tcp://stand-in:1"
    context = None

    def __init__(self, storage: StandInStorage, events: Any) -> None:
        self.storage = storage
        self.sent: list[Any] = []
        self.is_answering = True
        self.is_holding = False
        self.is_protected = True
        self.is_closed = False
        self.inline_result_bytes = 1024
        self.cancel_answer: codec.TaskCancelConfirmType | None = codec.TaskCancelConfirmType.canceled
        self.held: list[codec.Task] = []
        self._events = events
        self._inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.deliver(events.connected)

    # --- the link's interface

    def connect_failure(self) -> str:
        return "its identity is in use"

    def receive(self, timeout_seconds: float, into: list[tuple[bytes, Any]]) -> None:
        received = []
        try:
            received.append(self._inbox.get(timeout=timeout_seconds))
            while True:
                received.append(self._inbox.get_nowait())
        except queue.Empty:
            into += [item for item in received if item is not None]

    def interrupt(self) -> None:
        self._inbox.put(None)

    def send(self, frames: Sequence[bytes]) -> list[bytes]:
        for frame in frames:
            self._handle(frame)
        return []

    def send_all(self, frames: Sequence[bytes], is_stopping: Callable[[], bool], may_wait: bool = False) -> None:
        self.send(frames)

    def flush(self) -> None:
        return

    def close(self) -> None:
        self.is_closed = True

    # --- what tests do with it

    def deliver(self, item: Any) -> None:
        self._inbox.put((b"scheduler", item))

    def sent_of(self, kind: type) -> list[Any]:
        return [item for item in self.sent if isinstance(item, kind)]

    def deleted(self) -> list[bytes]:
        delete = codec.ObjectInstructionType.delete
        instructions = self.sent_of(codec.ObjectInstruction)
        return [i for item in instructions if item.instruction_type == delete for i in item.object_ids]

    def run_held(self) -> None:
        held, self.held = self.held, []
        for task in held:
            self._run(task)

    def confirm(self, task_id: bytes, answer: codec.TaskCancelConfirmType) -> None:
        self.deliver(codec.TaskCancelConfirm(task_id=task_id, cancel_confirm_type=answer).encode())

    # --- parts

    def _handle(self, frame: bytes) -> None:
        hot = codec.decode(frame)
        if hot is None:
            self._handle_cold(*message.decode(frame))
            return
        self.sent.append(hot)
        if isinstance(hot, codec.Task):
            self.held.append(hot)
            if not self.is_holding:
                self.run_held()
        elif isinstance(hot, codec.TaskCancel) and self.cancel_answer is not None:
            self.held = [task for task in self.held if task.task_id != hot.task_id]
            self.confirm(hot.task_id, self.cancel_answer)

    def _handle_cold(self, kind: str, body: Any) -> None:
        self.sent.append(kind)
        if kind == "clientHeartbeat" and self.is_answering:
            self.deliver(message.encode("clientHeartbeatEcho", objectStorageAddress={"host": "h", "port": 1}))
        elif kind == "clientDisconnect":
            self.sent.append(str(body.disconnectType))
            if body.disconnectType == "shutdown" and self.is_answering:
                self.deliver(message.encode("clientShutdownResponse", accepted=not self.is_protected))

    def _run(self, task: codec.Task) -> None:
        serializer = DefaultSerializer()
        try:
            function = self._load(serializer, task.func_object_id)
            values = [
                deserialize(serializer, argument.data)
                if argument.type == codec.ArgumentType.value
                else self._load(serializer, argument.data)
                for argument in task.function_args
            ]
            count = len(values) - len(task.keyword_names)
            keywords = dict(zip(task.keyword_names, values[count:], strict=True))
            payload, kind = serialize(serializer, function(*values[:count], **keywords)), codec.TaskResultType.success
        except Exception as error:
            payload, kind = serialize_failure(error), codec.TaskResultType.failed
        self.answer(task, b"".join(bytes(part) for part in payload) if isinstance(payload, list) else payload, kind)

    def answer(self, task: codec.Task, payload: bytes, kind: codec.TaskResultType) -> None:
        results: list[bytes] = []
        if len(payload) > self.inline_result_bytes:
            results = [ObjectID.generate_object_id(ClientID(task.source))]
            self.storage.objects[bytes(results[0])] = payload
        value = None if results else payload
        result = codec.TaskResult(
            task_id=task.task_id, result_type=kind, metadata=PROFILE.serialize(), results=results, value=value
        )
        self.deliver(result.encode())

    def _load(self, serializer: DefaultSerializer, object_id: bytes) -> Any:
        return deserialize(serializer, bytearray(self.storage.objects[bytes(object_id)]))

    def stored_serializer(self) -> Any:
        announced = [item for item in self.sent_of(codec.ObjectInstruction) if item.object_types == [0]]
        return cloudpickle.loads(self.storage.objects[announced[0].object_ids[0]])
