"""The native codec and pycapnp understand each other: every hot message, every field, both ways."""

from __future__ import annotations

from typing import Any

import pycapnp_message
from hypothesis import given, settings
from hypothesis import strategies as st

from scaler.protocol import codec, message

# The machine that runs the tests may be busy: no example has a deadline.
bounded = settings(deadline=None, max_examples=150)

data = st.binary(max_size=80) | st.binary(min_size=3000, max_size=3100)
text = st.text(max_size=20)
u16 = st.integers(0, 2**16 - 1)
u32 = st.integers(0, 2**32 - 1)
i32 = st.integers(-(2**31), 2**31 - 1)
i64 = st.integers(-(2**63), 2**63 - 1)


def kinds(enum: Any) -> st.SearchStrategy[Any]:
    """Return a strategy of the enum's members."""
    return st.sampled_from(list(enum))


arguments = st.lists(st.builds(codec.Argument, kinds(codec.ArgumentType), data), max_size=5)
tasks = st.builds(
    codec.Task,
    task_id=data,
    source=data,
    func_object_id=data,
    function_args=arguments,
    metadata=data,
    capabilities=st.dictionaries(text, i64, max_size=4),
    attempt=u32,
    priority=i32,
    deadline_milliseconds=u32,
    timeout_milliseconds=u32,
    retries=u32,
    level=u32,
    keyword_names=st.lists(text, max_size=4),
    steps=st.lists(st.builds(codec.Step, data, arguments), max_size=3),
    retry_on=data,
)
results = st.builds(
    codec.TaskResult,
    task_id=data,
    result_type=kinds(codec.TaskResultType),
    metadata=data,
    results=st.lists(data, max_size=3),
    attempt=u32,
    cause=kinds(codec.TaskEndCause),
    value=st.none() | data,
)
graphs = st.builds(
    codec.GraphTask,
    task_id=data,
    source=data,
    targets=st.lists(data, max_size=3),
    graph=st.lists(tasks, max_size=3),
    more=st.booleans(),
)
cancels = st.builds(codec.TaskCancel, task_id=data, force=st.booleans())
confirms = st.builds(codec.TaskCancelConfirm, task_id=data, cancel_confirm_type=kinds(codec.TaskCancelConfirmType))
instructions = st.builds(
    codec.ObjectInstruction,
    instruction_type=kinds(codec.ObjectInstructionType),
    object_user=data,
    object_ids=st.lists(data, max_size=4),
    object_types=st.lists(kinds(codec.ObjectContentType), max_size=9),
    object_names=st.lists(data, max_size=4),
)
logs = st.builds(codec.TaskLog, task_id=data, log_type=kinds(codec.LogType), content=st.text(max_size=200))
initialized = st.builds(codec.ProcessorInitialized)


def argument_fields(arguments: list[codec.Argument]) -> list[dict[str, Any]]:
    """Return arguments as the schema names their fields."""
    return [{"type": codec.ArgumentType(argument.type).name, "data": argument.data} for argument in arguments]


def fields_of(native: codec.HotMessage) -> tuple[str, dict[str, Any]]:
    """Return the union's member of a native message, and its fields as the schema names them."""
    match native:
        case codec.Task():
            return "task", {
                "taskId": native.task_id,
                "source": native.source,
                "metadata": native.metadata,
                "funcObjectId": native.func_object_id,
                "functionArgs": argument_fields(native.function_args),
                "capabilities": [{"name": name, "value": value} for name, value in native.capabilities.items()],
                "attempt": native.attempt,
                "priority": native.priority,
                "deadlineMilliseconds": native.deadline_milliseconds,
                "timeoutMilliseconds": native.timeout_milliseconds,
                "retries": native.retries,
                "level": native.level,
                "keywordNames": native.keyword_names,
                "retryOn": native.retry_on,
                "steps": [
                    {"funcObjectId": step.func_object_id, "functionArgs": argument_fields(step.function_args)}
                    for step in native.steps
                ],
            }
        case codec.TaskResult():
            fields = {
                "taskId": native.task_id,
                "resultType": codec.TaskResultType(native.result_type).name,
                "metadata": native.metadata,
                "results": native.results,
                "attempt": native.attempt,
                "cause": codec.TaskEndCause(native.cause).name,
            }
            return "taskResult", fields if native.value is None else {**fields, "value": native.value}
        case codec.GraphTask():
            return "graphTask", {
                "taskId": native.task_id,
                "source": native.source,
                "targets": native.targets,
                "graph": [fields_of(task)[1] for task in native.graph],
                "more": native.more,
            }
        case codec.TaskCancel():
            return "taskCancel", {"taskId": native.task_id, "flags": {"force": native.force}}
        case codec.TaskCancelConfirm():
            confirm_type = codec.TaskCancelConfirmType(native.cancel_confirm_type).name
            return "taskCancelConfirm", {"taskId": native.task_id, "cancelConfirmType": confirm_type}
        case codec.ObjectInstruction():
            return "objectInstruction", {
                "instructionType": codec.ObjectInstructionType(native.instruction_type).name,
                "objectUser": native.object_user,
                "objectMetadata": {
                    "objectIds": native.object_ids,
                    "objectTypes": [codec.ObjectContentType(kind).name for kind in native.object_types],
                    "objectNames": native.object_names,
                },
            }
        case codec.TaskLog():
            log_type = codec.LogType(native.log_type).name
            return "taskLog", {"taskId": native.task_id, "logType": log_type, "content": native.content}
        case _:
            return "processorInitialized", {}


every_message = st.one_of(tasks, results, graphs, cancels, confirms, instructions, logs, initialized)


@bounded
@given(every_message)
def test_native_frames_are_decoded_natively(native: codec.HotMessage) -> None:
    assert codec.decode(native.encode()) == native


@bounded
@given(every_message)
def test_native_frames_are_read_by_the_library(native: codec.HotMessage) -> None:
    member, fields = fields_of(native)
    read_member, reader = pycapnp_message.decode(native.encode())
    assert read_member == member
    read = reader.to_dict()
    if member == "taskResult":
        assert ("value" in fields) == reader._has("value")
    # The library leaves null pointers out: they read as nothing.
    assert {name: read.get(name, type(value)()) for name, value in fields.items()} == fields_read(fields, read)


def fields_read(fields: dict[str, Any], read: dict[str, Any]) -> dict[str, Any]:
    """Return the fields as the library writes them into a dict: empty lists inside structs are left out."""
    expected = dict(fields)
    if "steps" in fields:
        pairs = zip(fields["steps"], read.get("steps", ()), strict=True)
        expected["steps"] = [{k: v for k, v in step.items() if v or k in present} for step, present in pairs]
    if "graph" in fields:
        pairs = zip(fields["graph"], read.get("graph", ()), strict=True)
        expected["graph"] = [
            {k: v for k, v in fields_read(task, seen).items() if v or k in seen} for task, seen in pairs
        ]
    if "objectMetadata" in fields:
        present = read["objectMetadata"]
        expected["objectMetadata"] = {k: v for k, v in fields["objectMetadata"].items() if v or k in present}
    return expected


@bounded
@given(every_message)
def test_the_library_s_frames_are_decoded_natively(native: codec.HotMessage) -> None:
    member, fields = fields_of(native)
    frame = pycapnp_message.encode(member, **fields)
    assert codec.decode(frame) == native
    assert codec.which(frame) == codec.MessageKind[member]


@bounded
@given(every_message)
def test_the_codec_of_any_message_and_the_library_read_the_same(native: codec.HotMessage) -> None:
    member, fields = fields_of(native)
    frame = message.encode(member, **fields)
    assert codec.decode(frame) == native
    read_member, reader = message.decode(pycapnp_message.encode(member, **fields))
    assert read_member == member
    assert {name: reader.to_dict()[name] for name in fields} == fields


@bounded
@given(tasks)
def test_peeking_into_a_task_reads_what_decoding_does(task: codec.Task) -> None:
    expected = (
        task.task_id,
        task.source,
        task.func_object_id,
        task.priority,
        task.capabilities or None,
        task.attempt,
        task.level,
        task.deadline_milliseconds,
    )
    assert codec.peek_task(task.encode()) == expected
    member, fields = fields_of(task)
    assert codec.peek_task(pycapnp_message.encode(member, **fields)) == expected


@bounded
@given(results)
def test_peeking_into_a_result_reads_what_decoding_does(result: codec.TaskResult) -> None:
    expected = (
        result.task_id,
        result.result_type,
        result.metadata,
        result.results,
        result.attempt,
        result.cause,
    )
    assert codec.peek_result(result.encode()) == expected
    member, fields = fields_of(result)
    assert codec.peek_result(pycapnp_message.encode(member, **fields)) == expected


@bounded
@given(tasks, u32)
def test_another_attempt_is_otherwise_the_same_task(task: codec.Task, attempt: int) -> None:
    changed = codec.decode(codec.with_attempt(task.encode(), attempt))
    assert isinstance(changed, codec.Task) and changed.attempt == attempt
    assert codec.with_attempt(changed.encode(), task.attempt) == task.encode()


@bounded
@given(u16, u16)
def test_enumerants_of_newer_peers_are_numbers(result_type: int, cause: int) -> None:
    result = codec.TaskResult(task_id=b"1", result_type=result_type, cause=cause)
    decoded = codec.decode(result.encode())
    assert isinstance(decoded, codec.TaskResult)
    assert (decoded.result_type, decoded.cause) == (result_type, cause)
