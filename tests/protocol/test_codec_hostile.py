"""Whatever bytes arrive, the codec gives a value or a CodecError, quickly and without using much memory."""

from __future__ import annotations

import random
import resource
import struct
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scaler.protocol import codec, message

READERS = [
    codec.which,
    codec.decode,
    codec.peek_task,
    codec.objects_of_task,
    codec.peek_result,
    codec.validate,
    message.decode,
]


def _frames() -> list[bytes]:
    task = codec.Task(
        task_id=b"t" * 16,
        source=b"Client|x",
        func_object_id=b"f" * 32,
        function_args=[codec.Argument(2, b"v" * 20), codec.Argument(1, b"o" * 32)],
        capabilities={"gpu": 1},
        keyword_names=["name"],
    )
    instruction = codec.ObjectInstruction(
        instruction_type=0, object_user=b"u", object_ids=[b"i" * 32] * 2, object_types=[1, 1], object_names=[b"n"] * 2
    )
    return [
        task.encode(),
        codec.TaskResult(
            task_id=b"t" * 16, result_type=0, metadata=b"m" * 16, results=[b"r" * 32], value=b"v"
        ).encode(),
        codec.TaskCancel(task_id=b"t" * 16).encode(),
        codec.TaskCancelConfirm(task_id=b"t" * 16, cancel_confirm_type=1).encode(),
        instruction.encode(),
        codec.TaskLog(task_id=b"t" * 16, log_type=0, content="text").encode(),
        codec.ProcessorInitialized().encode(),
        message.encode("workerHeartbeat", processors=[{"pid": 1, "resource": {"cpu": 1}}] * 2),
        message.encode("graphTask", graph=[{"taskId": b"1", "functionArgs": [{"data": b"x"}]}] * 3, targets=[b"1"]),
        message.encode("informationRequest", request=b"x" * 20_000),  # of several segments
    ]


FRAMES = _frames()


def read(frame: bytes) -> int:
    """Let every reader try; return how many refused."""
    return sum(_refuses(reader, frame) for reader in READERS)


def _refuses(reader: Any, frame: bytes) -> bool:
    try:
        reader(frame)
    except codec.CodecError:
        return True
    return False


def frame_of(*words: int) -> bytes:
    """Return a frame of one segment that has these words."""
    return struct.pack(f"<II{len(words)}Q", 0, len(words), *words)


def struct_pointer(offset: int, data_words: int, pointers: int) -> int:
    return (offset & 0x3FFFFFFF) << 2 | data_words << 32 | pointers << 48


def list_pointer(offset: int, element_kind: int, count: int) -> int:
    return (offset & 0x3FFFFFFF) << 2 | 1 | element_kind << 32 | count << 35


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400))
@example(b"\xff" * 8)
@example(bytes(8))
@example(b"\xff\xff\xff\xff" + bytes(12))
def test_random_bytes(frame: bytes) -> None:
    read(frame)


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_truncated_frames_are_refused(frame: bytes) -> None:
    for length in range(0, len(frame), 1 if len(frame) < 1000 else 97):
        assert read(frame[:length]) == len(READERS)


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_frames_with_bytes_behind_them_are_refused(frame: bytes) -> None:
    assert read(frame + bytes(8)) == len(READERS)


@pytest.mark.parametrize("frame", FRAMES, ids=range(len(FRAMES)))
def test_every_flipped_bit(frame: bytes) -> None:
    for position in range(min(len(frame), 600) * 8):
        flipped = bytearray(frame)
        flipped[position // 8] ^= 1 << position % 8
        read(bytes(flipped))


@pytest.mark.parametrize("seed", range(20))
def test_many_changed_bytes(seed: int) -> None:
    generator = random.Random(seed)
    for _ in range(100):
        frame = bytearray(generator.choice(FRAMES))
        for _ in range(generator.randint(1, 8)):
            frame[generator.randrange(min(len(frame), 500))] = generator.choice((0, 1, 0x7F, 0x80, 0xFF))
        read(bytes(frame))


def _task_with_arguments(pointer: int, *words: int) -> bytes:
    """Return a Task frame whose list of arguments is this pointer, followed by the words."""
    message_words = [0, struct_pointer(0, 0, 6)]
    task_words = [0, 0, 0, 0, pointer, 0]
    return frame_of(struct_pointer(0, 1, 1), *message_words, *task_words, *words)


def test_the_crafted_task_is_one() -> None:
    arguments = _task_with_arguments(list_pointer(1, 7, 2), struct_pointer(1, 1, 1), 1, 0)
    task = codec.decode(arguments)
    assert isinstance(task, codec.Task) and [argument.type for argument in task.function_args] == [1]


@pytest.mark.parametrize(
    "frame",
    [
        _task_with_arguments(list_pointer(1, 0, 2**29 - 1)),  # a list of nothing, half a billion long
        _task_with_arguments(list_pointer(1, 7, 0), struct_pointer(2**29 - 1, 0, 0)),  # the same, of empty structs
        _task_with_arguments(list_pointer(1, 6, 2**29 - 1)),  # pointers beyond the end
        _task_with_arguments(list_pointer(1, 2, 2**29 - 1)),  # bytes beyond the end
        _task_with_arguments(struct_pointer(-5, 0, 6)),  # not a list: the task itself
        frame_of(struct_pointer(-1, 0, 1)),  # a message that is its own pointer
        struct.pack("<II", 0xFFFFFFFE, 0) + bytes(8),  # four billion segments
        struct.pack("<II", 0, 0xFFFFFFFF) + bytes(8),  # a segment of 32 GiB
    ],
)
def test_announced_sizes_cost_nothing(frame: bytes) -> None:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    assert read(frame) >= 4  # decode, the peek of its kind or both, validate, and the library
    assert time.monotonic() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 50 * 1024


def test_aliased_data_is_not_amplified() -> None:
    """A megabyte of pointers to the same megabyte would decode to terabytes."""
    count = 10_000
    ids = [list_pointer(count - number - 1, 2, 8 * count) for number in range(count)]
    words = [
        struct_pointer(0, 1, 1),
        codec.MessageKind.objectInstruction,
        struct_pointer(0, 1, 2),
        0,
        0,
        struct_pointer(0, 0, 3),
        list_pointer(2, 6, count),
        0,
        0,
        *ids,
        *[0] * count,
    ]
    with pytest.raises(codec.CodecError, match="limit"):
        codec.decode(frame_of(*words))
    words[9:] = [list_pointer(1, 2, 8), *[0] * (2 * count - 1)]
    decoded: Any = codec.decode(frame_of(*words))
    assert len(decoded.object_ids) == count


def _as_lists_of_bytes(frame: bytes) -> list[bytes]:
    """The frame, of one segment, once for each list of structs in it, which now is a list of bytes."""
    changed = []
    for position in range(8, len(frame), 8):
        offset, size = struct.unpack_from("<iI", frame, position)
        target = position + 8 + (offset >> 2) * 8
        if offset & 3 == 1 and size & 7 == 7 and 8 <= target <= len(frame) - 8 and frame[target] & 3 == 0:
            as_bytes = struct.pack("<iI", offset, ((size >> 3) + 1) * 8 << 3 | 2)
            changed.append(frame[:position] + as_bytes + frame[position + 8 :])
    return changed


def test_list_of_bytes_is_no_list_of_structs() -> None:
    step = codec.Step(b"f" * 32, [codec.Argument(1, b"o" * 32)])
    task = codec.Task(
        task_id=b"t" * 16,
        source=b"Client|x",
        func_object_id=b"f" * 32,
        function_args=[codec.Argument(2, b"v" * 20)],
        capabilities={"gpu": 1},
        steps=[step],
    )
    graph = codec.GraphTask(task_id=b"g" * 16, source=b"Client|x", targets=[b"t" * 16], graph=[task])
    for frame, lists in ((task.encode(), 4), (graph.encode(), 5)):
        codec.decode(frame)
        frames = _as_lists_of_bytes(frame)
        assert len(frames) == lists
        for changed in frames:
            for reader in (codec.decode, codec.validate):
                with pytest.raises(codec.CodecError, match="a list of structs holds plain values"):
                    reader(changed)


def test_list_of_bytes_is_no_list_of_structs_in_a_cold_message() -> None:
    frame = message.encode("workerHeartbeat", processors=[{"pid": 1, "resource": {"cpu": 1}}] * 2)
    (changed,) = _as_lists_of_bytes(frame)
    for reader in (message.decode, codec.validate):
        reader(frame)
        with pytest.raises(codec.CodecError, match="a list of structs holds plain values"):
            reader(changed)
