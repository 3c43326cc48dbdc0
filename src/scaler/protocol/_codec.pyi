"""Native codec of the hot messages. Only ``scaler.protocol.codec`` imports this module."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, TypeAlias

from typing_extensions import Buffer

class CodecError(ValueError):
    """The bytes are not a message of the schema, or a value does not fit its field."""

class MessageKind(IntEnum):
    """The members of the message's union."""

    task = 0
    taskCancel = 1
    taskCancelConfirm = 2
    taskResult = 3
    taskLog = 4
    graphTask = 5
    objectInstruction = 6
    clientHeartbeat = 7
    clientHeartbeatEcho = 8
    workerHeartbeat = 9
    workerHeartbeatEcho = 10
    disconnectRequest = 11
    disconnectResponse = 12
    stateClient = 13
    stateObject = 14
    stateBalanceAdvice = 15
    stateScheduler = 16
    stateWorker = 17
    stateTask = 18
    stateGraphTask = 19
    clientDisconnect = 20
    clientShutdownResponse = 21
    processorInitialized = 22
    informationRequest = 23
    informationResponse = 24

class TaskResultType(IntEnum):
    """How a task ended."""

    success = 0
    failed = 1
    failedWorkerDied = 2

class TaskCancelConfirmType(IntEnum):
    """The verdict on a cancellation."""

    canceled = 0
    cancelFailed = 1
    cancelNotFound = 2

class TaskEndCause(IntEnum):
    """Why a task ended without success."""

    none = 0
    exception = 1
    processorDied = 2
    workerLost = 3
    timedOut = 4
    deadlineMissed = 5
    objectUnavailable = 6
    rejected = 7
    retryable = 8

class ArgumentType(IntEnum):
    """What the data of an argument is. Use int(member): an enumerant named value hides the attribute of that name."""

    task = 0
    objectID = 1
    value = 2
    previous = 3

class ObjectInstructionType(IntEnum):
    """What becomes of objects."""

    create = 0
    delete = 1
    clear = 2

class ObjectContentType(IntEnum):
    """What an object holds."""

    serializer = 0
    object = 1

class LogType(IntEnum):
    """Which stream was written to."""

    stdout = 0
    stderr = 1

class Argument:
    """One argument; ``type`` is 0 (task id), 1 (object id), 2 (serialised value), 3 (the result of the call before)."""

    def __init__(self, type: int, data: Buffer) -> None: ...
    @property
    def type(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    def __eq__(self, other: object) -> bool: ...

class Step:
    """A call that follows in the same run of a task."""

    def __init__(self, func_object_id: bytes, function_args: Sequence[Argument] = ()) -> None: ...
    @property
    def func_object_id(self) -> bytes: ...
    @property
    def function_args(self) -> list[Argument]: ...
    def __eq__(self, other: object) -> bool: ...

class Task:
    def __init__(
        self,
        *,
        task_id: bytes,
        source: bytes,
        func_object_id: bytes,
        function_args: Sequence[Argument] = (),
        metadata: bytes = b"",
        capabilities: dict[str, int] | None = None,
        attempt: int = 0,
        priority: int = 0,
        deadline_milliseconds: int = 0,
        timeout_milliseconds: int = 0,
        retries: int = 0,
        level: int = 0,
        keyword_names: Sequence[str] = (),
        steps: Sequence[Step] = (),
        retry_on: bytes = b"",
    ) -> None: ...
    @property
    def task_id(self) -> bytes: ...
    @property
    def source(self) -> bytes: ...
    @property
    def metadata(self) -> bytes: ...
    @property
    def func_object_id(self) -> bytes: ...
    @property
    def function_args(self) -> list[Argument]: ...
    @property
    def capabilities(self) -> dict[str, int]: ...
    @property
    def attempt(self) -> int: ...
    @property
    def priority(self) -> int: ...
    @property
    def deadline_milliseconds(self) -> int: ...
    @property
    def timeout_milliseconds(self) -> int: ...
    @property
    def retries(self) -> int: ...
    @property
    def level(self) -> int: ...
    @property
    def keyword_names(self) -> list[str]: ...
    @property
    def steps(self) -> list[Step]: ...
    @property
    def retry_on(self) -> bytes: ...
    def encode(self) -> bytes: ...
    def __eq__(self, other: object) -> bool: ...

class TaskResult:
    """``value`` is the serialised result itself when it travels inline, otherwise None and ``results`` holds its id."""

    def __init__(
        self,
        *,
        task_id: bytes,
        result_type: int,
        metadata: bytes = b"",
        results: Sequence[bytes] = (),
        attempt: int = 0,
        cause: int = 0,
        value: Buffer | None = None,
    ) -> None: ...
    @property
    def task_id(self) -> bytes: ...
    @property
    def result_type(self) -> int: ...
    @property
    def metadata(self) -> bytes: ...
    @property
    def results(self) -> list[bytes]: ...
    @property
    def attempt(self) -> int: ...
    @property
    def cause(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    def encode(self) -> bytes: ...
    def __eq__(self, other: object) -> bool: ...

class GraphTask:
    """Nodes of a graph; what a node takes from another is an argument of type 0. With ``more`` others follow."""

    def __init__(
        self,
        *,
        task_id: bytes,
        source: bytes,
        targets: Sequence[bytes] = (),
        graph: Sequence[Task] = (),
        more: bool = False,
    ) -> None: ...
    @property
    def task_id(self) -> bytes: ...
    @property
    def source(self) -> bytes: ...
    @property
    def targets(self) -> list[bytes]: ...
    @property
    def graph(self) -> list[Task]: ...
    @property
    def more(self) -> bool: ...
    def encode(self) -> bytes: ...
    def __eq__(self, other: object) -> bool: ...

class TaskCancel:
    def __init__(self, *, task_id: bytes, force: bool = False) -> None: ...
    @property
    def task_id(self) -> bytes: ...
    @property
    def force(self) -> bool: ...
    def encode(self) -> bytes: ...
    def __eq__(self, other: object) -> bool: ...

class TaskCancelConfirm:
    def __init__(self, *, task_id: bytes, cancel_confirm_type: int) -> None: ...
    @property
    def task_id(self) -> bytes: ...
    @property
    def cancel_confirm_type(self) -> int: ...
    def encode(self) -> bytes: ...
    def __eq__(self, other: object) -> bool: ...

class ObjectInstruction:
    """``instruction_type`` is 0 create, 1 delete, 2 clear; types and names are empty but for create."""

    def __init__(
        self,
        *,
        instruction_type: int,
        object_user: bytes = b"",
        object_ids: Sequence[bytes] = (),
        object_types: Sequence[int] = (),
        object_names: Sequence[bytes] = (),
    ) -> None: ...
    @property
    def instruction_type(self) -> int: ...
    @property
    def object_user(self) -> bytes: ...
    @property
    def object_ids(self) -> list[bytes]: ...
    @property
    def object_types(self) -> list[int]: ...
    @property
    def object_names(self) -> list[bytes]: ...
    def encode(self) -> bytes: ...
    def __eq__(self, other: object) -> bool: ...

class TaskLog:
    def __init__(self, *, task_id: bytes, log_type: int, content: str) -> None: ...
    @property
    def task_id(self) -> bytes: ...
    @property
    def log_type(self) -> int: ...
    @property
    def content(self) -> str: ...
    def encode(self) -> bytes: ...
    def __eq__(self, other: object) -> bool: ...

class ProcessorInitialized:
    def __init__(self) -> None: ...
    def encode(self) -> bytes: ...
    def __eq__(self, other: object) -> bool: ...

HotMessage: TypeAlias = (
    Task | TaskResult | GraphTask | TaskCancel | TaskCancelConfirm | ObjectInstruction | TaskLog | ProcessorInitialized
)

def which(frame: Buffer) -> int:
    """Return the ordinal of the frame's union member. Raise CodecError when the frame is malformed."""

def decode(frame: Buffer) -> HotMessage | None:
    """Return the decoded message, or None when its kind is not one of the hot ones. Raise CodecError when malformed."""

def peek_task(frame: Buffer) -> tuple[bytes, bytes, bytes, int, dict[str, int] | None, int, int, int]:
    """Return what places a Task frame.

    That is its task id, source, function object id, priority, capabilities or None, attempt, level, and the
    milliseconds to its deadline, 0 without one.
    """

def objects_of_task(frame: Buffer) -> list[bytes]:
    """Return the ids of the objects that whoever runs a Task frame fetches.

    They are its functions and the arguments that are objects, of all steps; an object may be named several times.
    """

def peek_result(frame: Buffer) -> tuple[bytes, int, bytes, list[bytes], int, int]:
    """Return (task id, result type, metadata, result object ids, attempt, cause) of a TaskResult frame."""

def with_attempt(frame: Buffer, attempt: int) -> bytes:
    """Return a copy of a Task frame that carries another attempt number."""

def validate(frame: Buffer) -> None:
    """Read every field of a message of any kind. Raise CodecError when it is malformed or its kind is unknown."""

def encode_any(member: str, fields: dict[str, Any]) -> bytes:
    """Return the frame of a message of any kind. Raise CodecError or TypeError for what the schema does not have."""

def encode_worker_status(fields: dict[str, Any]) -> bytes:
    """Return a WorkerStatus by itself, which ``encode_any`` takes in a list in the place of its dictionary.

    Putting many of them into a message is a copy, so that the work of encoding them can be divided. Raise CodecError or
    TypeError for what the schema does not have.
    """

def decode_any(frame: Buffer) -> tuple[str, dict[str, Any]]:
    """Return a message of any kind, all fields included. Raise CodecError when malformed or its kind is unknown."""
