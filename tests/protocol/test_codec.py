"""The native codec by example: golden bytes, values, errors."""

from __future__ import annotations

import array
from typing import Any

import pytest

from scaler.protocol import codec
from scaler.utility.identifiers import ClientID, ObjectID, TaskID

TASK_ID = TaskID(bytes(range(16)))
GOLDEN_CANCEL = bytes.fromhex(
    "0000000008000000 0000000001000100 0100000000000000 0000000000000200 0500000082000000 0800000001000000"
    "0001020304050607 08090a0b0c0d0e0f 0000000000000000"
)
GOLDEN_INITIALIZED = bytes.fromhex("0000000003000000 0000000001000100 1600000000000000 fcffffff00000000")


def task(**fields: Any) -> codec.Task:
    """Return a task with what a test does not care about filled in."""
    return codec.Task(**{"task_id": TASK_ID, "source": b"Client|x", "func_object_id": b"f" * 32, **fields})


EVERY_MESSAGE = [
    task(
        function_args=[codec.Argument(codec.ArgumentType.objectID, b"o" * 32), codec.Argument(2, b"v")],
        metadata=b"\0" * 6,
        capabilities={"gpu": -1, "linux": 2**62},
        attempt=2**32 - 1,
        priority=-(2**31),
        deadline_milliseconds=1,
        timeout_milliseconds=2,
        retries=3,
        level=4,
        keyword_names=["größe", ""],
        steps=[codec.Step(b"g" * 32, [codec.Argument(3, b""), codec.Argument(2, b"v")]), codec.Step(b"")],
        retry_on=b"types",
    ),
    task(),
    codec.TaskResult(task_id=TASK_ID, result_type=codec.TaskResultType.failed, results=[b"r" * 32], metadata=b"m"),
    codec.TaskResult(task_id=TASK_ID, result_type=0, attempt=1, cause=7, value=b""),
    codec.GraphTask(
        task_id=b"g" * 16,
        source=b"Client|x",
        targets=[TASK_ID],
        graph=[task(source=b"", function_args=[codec.Argument(0, b"d" * 16)]), task(source=b"", task_id=b"d" * 16)],
        more=True,
    ),
    codec.GraphTask(task_id=b"", source=b""),
    codec.TaskCancel(task_id=TASK_ID, force=True),
    codec.TaskCancelConfirm(task_id=TASK_ID, cancel_confirm_type=codec.TaskCancelConfirmType.cancelNotFound),
    codec.ObjectInstruction(
        instruction_type=0, object_user=b"u", object_ids=[b"a", b"b"], object_types=[1, 0], object_names=[b"", b"n"]
    ),
    codec.ObjectInstruction(instruction_type=codec.ObjectInstructionType.clear),
    codec.TaskLog(task_id=TASK_ID, log_type=codec.LogType.stderr, content="häm\n"),
    codec.TaskLog(task_id=TASK_ID, log_type=0, content=""),
    codec.ProcessorInitialized(),
]


def test_golden_cancel() -> None:
    cancel = codec.TaskCancel(task_id=bytes(range(16)))
    assert cancel.encode() == GOLDEN_CANCEL
    assert codec.decode(GOLDEN_CANCEL) == cancel


def test_golden_processor_initialized() -> None:
    assert codec.ProcessorInitialized().encode() == GOLDEN_INITIALIZED
    assert codec.decode(GOLDEN_INITIALIZED) == codec.ProcessorInitialized()


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda message: type(message).__name__)
def test_what_is_encoded_is_decoded(message: Any) -> None:
    frame = message.encode()
    assert codec.decode(frame) == message
    codec.validate(frame)
    assert len(frame) % 8 == 0 and frame[:4] == b"\0\0\0\0"  # one segment


@pytest.mark.parametrize("message", EVERY_MESSAGE, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize("shift", range(8))
def test_frames_may_lie_anywhere_in_memory(message: Any, shift: int) -> None:
    shifted = memoryview(bytes(shift) + message.encode())[shift:]
    assert codec.decode(shifted) == message


def test_large_unaligned_frames_are_decoded() -> None:
    large = task(function_args=[codec.Argument(2, bytes(100_000))])
    assert codec.decode(memoryview(b"x" + large.encode())[1:]) == large


@pytest.mark.parametrize("convert", [bytes, bytearray, memoryview, lambda frame: array.array("B", frame)])
def test_any_buffer_is_a_frame(convert: Any) -> None:
    frame = convert(task(priority=3).encode())
    assert codec.decode(frame) == task(priority=3)
    assert codec.which(frame) == codec.MessageKind.task
    assert codec.peek_task(frame)[3] == 3


def test_a_buffer_is_released_after_use() -> None:
    frame = bytearray(task().encode())
    codec.decode(frame)
    frame.append(0)  # fails while someone holds the buffer
    with pytest.raises(codec.CodecError):
        codec.peek_task(frame)
    frame.append(0)


@pytest.mark.parametrize("frame", [None, 3, "text", memoryview(bytes(32))[::2]])
def test_what_is_not_a_buffer_is_refused(frame: Any) -> None:
    with pytest.raises((TypeError, BufferError)):
        codec.decode(frame)


def test_values_may_be_any_buffer() -> None:
    result = codec.TaskResult(task_id=TASK_ID, result_type=0, value=memoryview(b"abc"))
    assert type(result.value) is bytes and result.value == b"abc"
    argument = codec.Argument(2, bytearray(b"abc"))
    assert type(argument.data) is bytes and argument.data == b"abc"


def test_identifiers_keep_their_type_until_they_travel() -> None:
    assert type(task().task_id) is TaskID
    assert type(codec.decode(task().encode()).task_id) is bytes  # type: ignore[union-attr]


def test_peek_task() -> None:
    source, function = ClientID(b"Client|1"), ObjectID(bytes(32))
    frame = task(
        source=source, func_object_id=function, priority=-7, attempt=2, level=3, deadline_milliseconds=9
    ).encode()
    assert codec.peek_task(frame) == (TASK_ID, source, function, -7, None, 2, 3, 9)
    frame = task(source=source, func_object_id=function, capabilities={"gpu": 1, "linux": -1}).encode()
    assert codec.peek_task(frame) == (TASK_ID, source, function, 0, {"gpu": 1, "linux": -1}, 0, 0, 0)


def test_objects_of_task() -> None:
    function, first, second = (bytes([number]) * 32 for number in range(3))
    assert codec.objects_of_task(task(func_object_id=function).encode()) == [function]
    arguments = [codec.Argument(1, first), codec.Argument(2, b"value"), codec.Argument(0, TASK_ID)]
    steps = [codec.Step(second, [codec.Argument(3, b""), codec.Argument(1, first)])]
    frame = task(func_object_id=function, function_args=arguments, steps=steps).encode()
    assert codec.objects_of_task(frame) == [function, first, second, first]


def test_peek_result() -> None:
    frame = codec.TaskResult(
        task_id=TASK_ID, result_type=1, metadata=b"meta", results=[b"a" * 32, b"b"], attempt=4, cause=2, value=b"v"
    ).encode()
    assert codec.peek_result(frame) == (TASK_ID, 1, b"meta", [b"a" * 32, b"b"], 4, 2)


@pytest.mark.parametrize(
    "peek",
    [codec.peek_task, codec.objects_of_task, codec.peek_result, lambda frame: codec.with_attempt(frame, 1)],
)
def test_peeking_into_another_kind_is_an_error(peek: Any) -> None:
    with pytest.raises(codec.CodecError, match="expected a message of kind"):
        peek(GOLDEN_CANCEL)


def test_with_attempt_changes_nothing_else() -> None:
    original = EVERY_MESSAGE[0]
    assert isinstance(original, codec.Task)
    changed = codec.decode(codec.with_attempt(original.encode(), 5))
    assert isinstance(changed, codec.Task)
    assert changed.attempt == 5
    assert codec.with_attempt(changed.encode(), original.attempt) == original.encode()


def test_messages_of_other_kinds_are_not_decoded() -> None:
    from scaler.protocol import message

    assert codec.decode(message.encode("clientHeartbeat", latencyUS=3)) is None


def test_absent_and_empty_values_differ() -> None:
    absent = codec.TaskResult(task_id=TASK_ID, result_type=0)
    empty = codec.TaskResult(task_id=TASK_ID, result_type=0, value=b"")
    assert codec.decode(absent.encode()).value is None  # type: ignore[union-attr]
    assert codec.decode(empty.encode()).value == b""  # type: ignore[union-attr]
    assert absent != empty


@pytest.mark.parametrize(
    "fields",
    [
        {"attempt": -1},
        {"attempt": 2**32},
        {"priority": 2**31},
        {"priority": -(2**31) - 1},
        {"retries": 2**200},
        {"level": -1},
        {"capabilities": {"gpu": 2**63}},
        {"keyword_names": ["\ud800"]},
    ],
)
def test_values_that_do_not_fit_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(codec.CodecError):
        task(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"task_id": "text"},
        {"function_args": [b"data"]},
        {"capabilities": {1: 2}},
        {"capabilities": {"gpu": "1"}},
        {"capabilities": ["gpu"]},
        {"keyword_names": [b"x"]},
        {"steps": [b"x"]},
        {"priority": 1.5},
        {"nonsense": 1},
    ],
)
def test_values_of_wrong_types_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        task(**fields)


def test_other_messages_refuse_what_does_not_fit() -> None:
    with pytest.raises(codec.CodecError):
        codec.Argument(65536, b"")
    with pytest.raises(codec.CodecError):
        codec.TaskResult(task_id=b"", result_type=-1)
    with pytest.raises(codec.CodecError):
        codec.ObjectInstruction(instruction_type=0, object_types=[65536])
    with pytest.raises(codec.CodecError):
        codec.TaskLog(task_id=b"", log_type=0, content="\udcff")
    with pytest.raises(TypeError):
        codec.GraphTask(task_id=b"", source=b"", graph=[b"task"])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        codec.ObjectInstruction(instruction_type=0, object_ids=["text"])  # type: ignore[list-item]


def test_errors_are_value_errors() -> None:
    assert issubclass(codec.CodecError, ValueError)


def test_messages_are_values() -> None:
    assert task() == task()
    assert task() != task(priority=1)
    assert task() != codec.TaskCancel(task_id=TASK_ID)
    assert codec.Argument(1, b"a") == codec.Argument(1, b"a") != codec.Argument(1, b"b")
    assert codec.ProcessorInitialized() != 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(task())
    with pytest.raises(AttributeError):
        task().priority = 3  # type: ignore[misc]


def test_reprs_are_constructor_calls() -> None:
    for message in EVERY_MESSAGE:
        if "TaskID" not in repr(message):
            assert eval(repr(message), vars(codec)) == message
    assert repr(codec.TaskCancel(task_id=b"\0", force=True)) == "TaskCancel(task_id=b'\\x00', force=True)"
    assert repr(codec.ProcessorInitialized()) == "ProcessorInitialized()"


def test_reprs_of_large_values_are_short() -> None:
    assert len(repr(task(function_args=[codec.Argument(2, bytes(100_000))]))) < 1000


def test_reprs_are_cut_between_characters() -> None:
    for shift in range(4):
        content = "x" * shift + "\N{GRINNING FACE}" * 100
        text = repr(codec.TaskLog(task_id=b"t", log_type=0, content=content))
        assert "..." in text and "\ufffd" not in text


def test_lists_are_copies() -> None:
    original = task(function_args=[codec.Argument(1, b"a")], keyword_names=["x"], capabilities={"a": 1})
    original.function_args.clear()
    original.keyword_names.clear()
    original.capabilities.clear()
    assert original == task(function_args=[codec.Argument(1, b"a")], keyword_names=["x"], capabilities={"a": 1})


def test_the_size_of_a_field_is_bounded() -> None:
    too_large = codec.TaskResult(task_id=b"", result_type=0, value=bytes(2**29))
    with pytest.raises(codec.CodecError, match="larger than a message may hold"):
        too_large.encode()
