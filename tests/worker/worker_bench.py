"""A real worker between a stand-in for the scheduler and a real object storage server."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from typing import Any

import cloudpickle
import psutil

from scaler.client.serializer.default import DefaultSerializer
from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector
from scaler.io.ymq.ymq import Context, IOSocketType, PeerEvent, Role, Socket
from scaler.object_storage.object_storage_server import ObjectStorageServer
from scaler.protocol import codec, message
from scaler.utility.failures import deserialize_failure
from scaler.utility.identifiers import ClientID, ObjectID, TaskID
from scaler.utility.serialization import deserialize, serialize
from scaler.worker.worker import Worker

PATIENCE_SECONDS = 20.0
SERVES_AGAIN_SECONDS = 2.0
"""How long a worker may take to serve again when it has lost a processor."""


class StorageThread:
    """An object storage server in this process."""

    def __init__(self) -> None:
        self._server = ObjectStorageServer()
        arguments = ("127.0.0.1", 0, "storage", "ERROR", "%(message)s", ("/dev/stderr",))
        self._thread = threading.Thread(target=self._server.run, args=arguments, daemon=True)
        self._thread.start()
        self._server.wait_until_ready(PATIENCE_SECONDS)
        self.port = self._server.port()
        self.address = f"tcp://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE_SECONDS)


class SchedulerStandIn:
    """Speaks to one worker as a scheduler does, and remembers what it was told."""

    def __init__(self, storage: StorageThread, address: str = "tcp://127.0.0.1:0") -> None:
        self.client = ClientID.generate_client_id()
        self.storage = storage
        self.answers_farewell = True
        self.object_retention_ms = 0
        self.worker_id: bytes | None = None
        self.losses = 0
        self.heartbeats: list[Any] = []
        self.farewells = 0
        self.ends: dict[bytes, codec.TaskResult | codec.TaskCancelConfirm] = {}
        self.verdicts: list[codec.TaskCancelConfirm] = []
        self.created: list[codec.ObjectInstruction] = []
        self.printed: dict[bytes, list[str]] = {}
        self._context = Context(1)
        self._socket = Socket(self._context, b"Scheduler", IOSocketType.Binder, role=Role.scheduler)
        self.address = self._socket.bind(address)
        self._connector = SyncObjectStorageConnector(storage.address)
        serializer_id = ObjectID.generate_serializer_object_id(self.client)
        self._connector.set_object(serializer_id, cloudpickle.dumps(DefaultSerializer()))
        self._functions: dict[bytes, ObjectID] = {}

    # -- what the scheduler does

    def submit(self, function: Callable[..., Any], *arguments: Any, **fields: Any) -> TaskID:
        task_id = TaskID.generate_task_id()
        values = []
        for argument in arguments:
            if isinstance(argument, codec.Argument):
                values.append(argument)
                continue
            payload = serialize(DefaultSerializer(), argument)
            values.append(codec.Argument(codec.ArgumentType.value, payload))
        task = codec.Task(
            task_id=task_id,
            source=self.client,
            func_object_id=self._store_function(function),
            function_args=values,
            **fields,
        )
        self.send(task.encode())
        return task_id

    def store(self, value: Any) -> codec.Argument:
        """Return an argument that stands for an object in the storage."""
        payload = serialize(DefaultSerializer(), value)
        content = b"".join(payload) if isinstance(payload, list) else payload
        object_id = ObjectID.generate_content_object_id(self.client, content)
        self._connector.set_object(object_id, content)
        return codec.Argument(codec.ArgumentType.objectID, object_id)

    def cancel(self, task_id: TaskID, *, force: bool) -> None:
        self.send(codec.TaskCancel(task_id=task_id, force=force).encode())

    def send(self, frame: bytes) -> None:
        assert self.worker_id is not None
        self._socket.send(self.worker_id, frame)

    def shut_down(self) -> None:
        self.send(message.encode("clientDisconnect", disconnectType="shutdown"))

    def close(self) -> None:
        self._socket.close(0)
        self._connector.close()

    # -- what the tests ask

    def wait_until(self, condition: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> float:
        """Serve until the condition holds; return how many seconds it took."""
        started = time.monotonic()
        while not condition():
            left = started + seconds - time.monotonic()
            assert left > 0, "it took too long"
            for identity, received in self._socket.recv_batch(min(left, 0.05)):
                self._on_received(identity, received)
        return time.monotonic() - started

    def serve(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        self.wait_until(lambda: time.monotonic() >= deadline, seconds + 5)

    def wait_ready(self) -> int:
        """Wait until the worker has registered and its processor is initialized; return the processor's pid."""
        self.wait_until(lambda: self.heartbeats and len(self.heartbeats[-1].processors) == 1)
        return int(self.heartbeats[-1].processors[0].pid)

    def end(self, task_id: TaskID, seconds: float = PATIENCE_SECONDS) -> Any:
        self.wait_until(lambda: task_id in self.ends, seconds)
        return self.ends[task_id]

    def result(self, task_id: TaskID) -> Any:
        end = self.end(task_id)
        assert isinstance(end, codec.TaskResult)
        if end.result_type != codec.TaskResultType.success:
            raise AssertionError(f"the task failed: {self.failure(task_id)!r}")
        payload = end.value if end.value is not None else self._connector.get_object(end.results[0])
        return deserialize(DefaultSerializer(), payload)

    def failure(self, task_id: TaskID) -> BaseException:
        end = self.end(task_id)
        assert isinstance(end, codec.TaskResult) and end.result_type == codec.TaskResultType.failed
        payload = end.value if end.value is not None else self._connector.get_object(end.results[0])
        return deserialize_failure(payload)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self.result(self.submit(function, *arguments))

    # -- what it is told

    def _on_received(self, identity: Any, received: Any) -> None:
        if isinstance(received, PeerEvent):
            self.losses += received is PeerEvent.lost
            return
        handlers = {
            codec.MessageKind.taskResult: self._on_result,
            codec.MessageKind.taskCancelConfirm: self._on_confirm,
            codec.MessageKind.objectInstruction: lambda frame: self.created.append(codec.decode(frame)),
            codec.MessageKind.taskLog: self._on_log,
        }
        handler = handlers.get(codec.which(received))
        if handler is not None:
            handler(received)
            return
        member, content = message.decode(received)
        if member == "workerHeartbeat":
            self.worker_id = identity
            self.heartbeats.append(content)
            address = {"host": "127.0.0.1", "port": self.storage.port}
            echo = message.encode(
                "workerHeartbeatEcho",
                objectStorageAddress=address,
                objectRetentionMilliseconds=self.object_retention_ms,
            )
            self._socket.send(identity, echo)
        elif member == "disconnectRequest":
            assert content.worker == identity
            self.farewells += 1
            if self.answers_farewell:
                self._socket.send(identity, message.encode("disconnectResponse", worker=identity))
        else:
            raise AssertionError(f"a worker does not say {member}")

    def _on_result(self, frame: Any) -> None:
        self._on_end(codec.decode(frame))

    def _on_log(self, frame: Any) -> None:
        log = codec.decode(frame)
        assert isinstance(log, codec.TaskLog) and log.task_id not in self.ends
        self.printed.setdefault(log.task_id, []).append(log.content)

    def _on_confirm(self, frame: Any) -> None:
        confirm = codec.decode(frame)
        assert isinstance(confirm, codec.TaskCancelConfirm)
        self.verdicts.append(confirm)
        if confirm.cancel_confirm_type == codec.TaskCancelConfirmType.canceled:
            self._on_end(confirm)

    def _on_end(self, end: Any) -> None:
        assert end.task_id not in self.ends, "a task has ended twice"
        self.ends[end.task_id] = end

    def _store_function(self, function: Callable[..., Any]) -> ObjectID:
        payload = cloudpickle.dumps(function, protocol=pickle.HIGHEST_PROTOCOL)
        if payload not in self._functions:
            function_id = ObjectID.generate_content_object_id(self.client, payload)
            self._connector.set_object(function_id, payload)
            self._functions[payload] = function_id
        return self._functions[payload]


def make_worker(address: str, **fields: Any) -> Worker:
    settings: dict[str, Any] = {
        "event_loop": "builtin",
        "name": "test",
        "address": address,
        "object_storage_address": None,
        "preload": None,
        "capabilities": {},
        "io_threads": 1,
        "task_queue_size": 1000,
        "heartbeat_interval_seconds": 0.1,
        "garbage_collect_interval_seconds": 30,
        "trim_memory_threshold_bytes": 1 << 30,
        "task_timeout_seconds": 0,
        "death_timeout_seconds": 60,
        "hard_processor_suspend": False,
        "logging_paths": (),
        "logging_level": "INFO",
    }
    return Worker(**{**settings, **fields})


def processors_of(worker: Worker) -> list[psutil.Process]:
    return [child for child in psutil.Process(worker.pid).children() if child.name() == "Processor"]


def wait_running(path):
    """Return the pids that a task has left in the file."""
    deadline = time.monotonic() + 10
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return [int(text) for text in path.read_text().split()]
