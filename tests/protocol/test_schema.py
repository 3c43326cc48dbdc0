"""The schemas hold everything of the reference's, unchanged; what is ours comes behind it."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from scaler.protocol import capnp as schemas
from scaler.protocol import codec

_FILE_IDS = {
    "common": 0xF57F79AC88FAB620,
    "status": 0xA4DFA1212AD2D0F0,
    "message": 0xAF44F44EA94A4675,
    "object_storage": 0xC2A14174AA42A12A,
}

_TYPE_IDS = {
    "message.Message": 0xC2C45917FEF8D17D,
    "object_storage.ObjectRequestHeader": 0xAEE18E681CD62446,
    "object_storage.ObjectResponseHeader": 0xA18BFEEB4ED393D6,
    "object_storage.ObjectID": 0xC7E1DB63F7B4A37B,
}

# Name, (data words, pointers), then the fields in the order of their ordinals.
_STRUCTS = """
common.TaskCapability 1,1 name:text value:int64
common.ObjectMetadata 0,3 objectIds:list(data) objectTypes:list(ObjectContentType) objectNames:list(data)
common.ObjectStorageAddress 1,1 host:text port:uint16
status.Resource 2,0 cpu:uint16 rss:uint64
status.ObjectManagerStatus 1,0 numberOfObjects:uint32
status.ClientManagerStatus 0,1 clientToNumOfTask:list(Pair)
status.ClientManagerStatus.Pair 1,1 client:data numTask:uint32
status.TaskManagerStatus 0,1 stateToCount:list(Pair)
status.TaskManagerStatus.Pair 1,0 state:uint8 count:uint32
status.ProcessorStatus 1,1 pid:uint32 initialized:bool hasTask:bool suspended:bool resource:Resource
status.WorkerStatus 4,4 workerId:data agent:Resource rssFree:uint64 free:uint32 sent:uint32 queued:uint32 \
suspended:uint8 lagUS:uint64 lastS:uint8 itl:text processorStatuses:list(ProcessorStatus)
status.WorkerManagerStatus 0,1 workers:list(WorkerStatus)
status.ScalingManagerStatus 0,1 workerGroups:list(Pair)
status.ScalingManagerStatus.Pair 0,2 workerGroupID:data workerIDs:list(data)
status.BinderStatus 0,2 received:list(Pair) sent:list(Pair)
status.BinderStatus.Pair 1,1 client:text number:uint32
message.Task 0,6 taskId:data source:data metadata:data funcObjectId:data functionArgs:list(Argument) \
capabilities:list(TaskCapability)
message.Task.Argument 1,1 type:ArgumentType data:data
message.TaskCancel 0,2 taskId:data flags:TaskCancelFlags
message.TaskCancel.TaskCancelFlags 1,0 force:bool
message.TaskLog 1,2 taskId:data logType:LogType content:text
message.TaskResult 1,3 taskId:data resultType:TaskResultType metadata:data results:list(data)
message.TaskCancelConfirm 1,1 taskId:data cancelConfirmType:TaskCancelConfirmType
message.GraphTask 0,4 taskId:data source:data targets:list(data) graph:list(Task)
message.ClientHeartbeat 1,1 resource:Resource latencyUS:uint32
message.ClientHeartbeatEcho 0,1 objectStorageAddress:ObjectStorageAddress
message.WorkerHeartbeat 3,3 agent:Resource rssFree:uint64 queueSize:uint32 queuedTasks:uint32 latencyUS:uint32 \
taskLock:bool processors:list(ProcessorStatus) capabilities:list(TaskCapability)
message.WorkerHeartbeatEcho 0,1 objectStorageAddress:ObjectStorageAddress
message.ObjectInstruction 1,2 instructionType:ObjectInstructionType objectUser:data objectMetadata:ObjectMetadata
message.DisconnectRequest 0,1 worker:data
message.DisconnectResponse 0,1 worker:data
message.ClientDisconnect 1,0 disconnectType:DisconnectType
message.ClientShutdownResponse 1,0 accepted:bool
message.StateClient 0,0
message.StateObject 0,0
message.StateBalanceAdvice 0,2 workerId:data taskIds:list(data)
message.StateScheduler 1,7 binder:BinderStatus scheduler:Resource rssFree:uint64 clientManager:ClientManagerStatus \
objectManager:ObjectManagerStatus taskManager:TaskManagerStatus workerManager:WorkerManagerStatus \
scalingManager:ScalingManagerStatus
message.StateWorker 1,2 workerId:data state:WorkerState capabilities:list(TaskCapability)
message.StateTask 1,5 taskId:data functionName:data state:TaskState worker:data capabilities:list(TaskCapability) \
metadata:data
message.StateGraphTask 1,3 graphTaskId:data taskId:data nodeTaskType:NodeTaskType parentTaskIds:list(data)
message.ProcessorInitialized 0,0
message.InformationRequest 0,1 request:data
message.InformationResponse 0,1 response:data
message.Message 1,1 task:Task taskCancel:TaskCancel taskCancelConfirm:TaskCancelConfirm taskResult:TaskResult \
taskLog:TaskLog graphTask:GraphTask objectInstruction:ObjectInstruction clientHeartbeat:ClientHeartbeat \
clientHeartbeatEcho:ClientHeartbeatEcho workerHeartbeat:WorkerHeartbeat workerHeartbeatEcho:WorkerHeartbeatEcho \
disconnectRequest:DisconnectRequest disconnectResponse:DisconnectResponse stateClient:StateClient \
stateObject:StateObject stateBalanceAdvice:StateBalanceAdvice stateScheduler:StateScheduler stateWorker:StateWorker \
stateTask:StateTask stateGraphTask:StateGraphTask clientDisconnect:ClientDisconnect \
clientShutdownResponse:ClientShutdownResponse processorInitialized:ProcessorInitialized \
informationRequest:InformationRequest informationResponse:InformationResponse
object_storage.ObjectID 4,0 field0:uint64 field1:uint64 field2:uint64 field3:uint64
object_storage.ObjectRequestHeader 3,1 objectID:ObjectID payloadLength:uint64 requestID:uint64 \
requestType:ObjectRequestType
object_storage.ObjectResponseHeader 3,1 objectID:ObjectID payloadLength:uint64 responseID:uint64 \
responseType:ObjectResponseType
"""

_ENUMS = """
common.TaskResultType success failed failedWorkerDied
common.TaskCancelConfirmType canceled cancelFailed cancelNotFound
common.TaskTransition hasCapacity taskResultSuccess taskResultFailed taskResultWorkerDied taskCancel \
taskCancelConfirmCanceled taskCancelConfirmFailed taskCancelConfirmNotFound balanceTaskCancel workerDisconnect \
schedulerHasTask schedulerHasNoTask
common.TaskState inactive running canceling balanceCanceling success failed failedWorkerDied canceled canceledNotFound \
balanceCanceled workerDisconnecting
common.WorkerState connected disconnected
common.ObjectMetadata.ObjectContentType serializer object
message.Task.Argument.ArgumentType task objectID
message.TaskLog.LogType stdout stderr
message.ObjectInstruction.ObjectInstructionType create delete clear
message.ClientDisconnect.DisconnectType disconnect shutdown
message.StateGraphTask.NodeTaskType normal target
object_storage.ObjectRequestHeader.ObjectRequestType setObject getObject deleteObject duplicateObjectID infoGetTotal
object_storage.ObjectResponseHeader.ObjectResponseType setOK getOK delOK delNotExists duplicateOK infoGetTotalOK
"""

# Ours, with their ordinals, as the protocol's documentation lists them.
_ADDED_FIELDS = {
    "message.WorkerHeartbeatEcho": ["objectRetentionMilliseconds:uint32"],
    "message.Task": [
        "attempt:uint32",
        "priority:int32",
        "deadlineMilliseconds:uint32",
        "timeoutMilliseconds:uint32",
        "retries:uint32",
        "keywordNames:list(text)",
        "steps:list(Step)",
        "level:uint32",
        "retryOn:data",
    ],
    "message.TaskResult": ["attempt:uint32", "cause:TaskEndCause", "value:data"],
    "message.GraphTask": ["more:bool"],
    "message.StateScheduler": ["monitor:MonitorStatus"],
    "status.TaskManagerStatus": ["live:list(Pair)", "ended:list(Total)", "unplaceable:list(Shortage)"],
    "status.WorkerStatus": ["draining:bool"],
    "message.WorkerHeartbeat": ["heldDigest:uint64", "heldTasks:uint32", "drain:bool"],
    "object_storage.ObjectRequestHeader": ["timeoutMilliseconds:uint32"],
}
_ADDED_ENUMERANTS = {
    "message.Task.Argument.ArgumentType": ["value", "previous"],
    "object_storage.ObjectRequestHeader.ObjectRequestType": ["deleteOwner"],
    "object_storage.ObjectResponseHeader.ObjectResponseType": ["storageFull", "timedOut", "overTCP"],
}
_LARGER_STRUCTS = {
    "message.WorkerHeartbeatEcho": (1, 1),
    "message.Task": (3, 9),
    "message.TaskResult": (1, 4),
    "message.GraphTask": (1, 4),
    "message.StateScheduler": (1, 8),
    "status.TaskManagerStatus": (0, 4),
    "message.WorkerHeartbeat": (5, 3),
}


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def _resolve(path: str) -> Any:
    file, *names = path.split(".")
    return functools.reduce(getattr, names, getattr(schemas, file))


def _type_name(kind: Any, names: dict[int, str]) -> str:
    which = str(kind.which())
    if which == "list":
        return f"list({_type_name(kind.list.elementType, names)})"
    if which in ("struct", "enum"):
        return names[getattr(kind, which).typeId]
    return which


@functools.cache
def _names() -> dict[int, str]:
    paths = [row[0] for row in _rows(_STRUCTS)] + [row[0] for row in _rows(_ENUMS)]
    paths += ["common.TaskEndCause", "message.Task.Step", "status.MonitorStatus"]
    paths += ["status.TaskManagerStatus.Total", "status.TaskManagerStatus.Shortage"]
    return {_resolve(path).schema.node.id: path.rsplit(".", 1)[-1] for path in paths}


@pytest.mark.parametrize(("file", "identifier"), _FILE_IDS.items())
def test_file_ids_are_the_reference_s(file: str, identifier: int) -> None:
    first = next(row[0] for row in _rows(_STRUCTS) if row[0].startswith(file + "."))
    assert _resolve(first).schema.node.scopeId == identifier


@pytest.mark.parametrize(("path", "identifier"), _TYPE_IDS.items())
def test_type_ids_are_the_reference_s(path: str, identifier: int) -> None:
    assert _resolve(path).schema.node.id == identifier


@pytest.mark.parametrize("row", _rows(_STRUCTS), ids=lambda row: row[0])
def test_structs_have_the_reference_s_fields_and_then_ours(row: list[str]) -> None:
    path, size, *fields = row
    node = _resolve(path).schema.node
    described = {
        field.ordinal.explicit: f"{field.name}:{_type_name(field.slot.type, _names())}" for field in node.struct.fields
    }
    assert [described[ordinal] for ordinal in sorted(described)] == fields + _ADDED_FIELDS.get(path, [])
    data_words, pointers = (int(number) for number in size.split(","))
    expected = _LARGER_STRUCTS.get(path, (data_words, pointers))
    assert (node.struct.dataWordCount, node.struct.pointerCount) == expected


@pytest.mark.parametrize("row", _rows(_ENUMS), ids=lambda row: row[0])
def test_enums_have_the_reference_s_enumerants_and_then_ours(row: list[str]) -> None:
    path, *enumerants = row
    schema = _resolve(path).schema
    by_ordinal = sorted(schema.enumerants, key=lambda name: schema.enumerants[name])
    assert by_ordinal == enumerants + _ADDED_ENUMERANTS.get(path, [])


def test_the_union_s_discriminants_are_the_ordinals() -> None:
    fields = {field.name: field for field in schemas.message.Message.schema.node.struct.fields}
    assert {name: field.discriminantValue for name, field in fields.items()} == {
        name: field.ordinal.explicit for name, field in fields.items()
    }


@pytest.mark.parametrize(
    ("native", "path"),
    [
        (codec.TaskResultType, "common.TaskResultType"),
        (codec.TaskCancelConfirmType, "common.TaskCancelConfirmType"),
        (codec.TaskEndCause, "common.TaskEndCause"),
        (codec.ArgumentType, "message.Task.Argument.ArgumentType"),
        (codec.ObjectInstructionType, "message.ObjectInstruction.ObjectInstructionType"),
        (codec.ObjectContentType, "common.ObjectMetadata.ObjectContentType"),
        (codec.LogType, "message.TaskLog.LogType"),
    ],
)
def test_native_enums_are_the_schema_s(native: Any, path: str) -> None:
    # Not member.value: an enumerant of that name hides the attribute.
    assert {member.name: int(member) for member in native} == dict(_resolve(path).schema.enumerants)


def test_message_kinds_are_the_union_s() -> None:
    expected = {field.name: field.discriminantValue for field in schemas.message.Message.schema.node.struct.fields}
    assert {member.name: member.value for member in codec.MessageKind} == expected


def test_unknown_schemas_are_refused() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = schemas.nonsense
    assert {"common", "message", "object_storage", "status"} <= set(dir(schemas))
