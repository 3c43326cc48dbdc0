"""Compares the native codec with pycapnp, in one process and alternating, on the messages of a no-op task.

Run it as ``python benchmarks/codec/codec_benchmark.py [--rounds N]``. Each figure is the best and the median of all
rounds, in nanoseconds per call; on a busy machine trust the ratio, not the digits.
"""

from __future__ import annotations

import argparse
import statistics
import timeit
from collections.abc import Callable
from typing import Any

from scaler.protocol import capnp as schemas
from scaler.protocol import codec

CALLS_PER_ROUND = 5_000

TASK_ID = bytes(16)
SOURCE = b"Client|0123456789abcdef0123456789abcdef"
FUNCTION = bytes(32)
FLAGS = bytes(6)
PROFILE = bytes(16)
VALUE = b"v" * 64


def native_task() -> codec.Task:
    """Build a task natively."""
    return codec.Task(
        task_id=TASK_ID,
        source=SOURCE,
        func_object_id=FUNCTION,
        metadata=FLAGS,
        priority=1,
        function_args=(codec.Argument(2, VALUE),),
    )


def _encode(member: str, **fields: Any) -> bytes:
    frame: bytes = schemas.message.Message.new_message(**{member: fields}).to_bytes()
    return frame


def capnp_task() -> bytes:
    """Build and encode the same task through pycapnp."""
    return _encode(
        "task",
        taskId=TASK_ID,
        source=SOURCE,
        funcObjectId=FUNCTION,
        metadata=FLAGS,
        priority=1,
        functionArgs=[{"type": "value", "data": VALUE}],
    )


def native_result() -> codec.TaskResult:
    """Build a result natively."""
    return codec.TaskResult(task_id=TASK_ID, result_type=0, metadata=PROFILE, value=VALUE)


def capnp_result() -> bytes:
    """Build and encode the same result through pycapnp."""
    return _encode("taskResult", taskId=TASK_ID, resultType="success", metadata=PROFILE, value=VALUE)


def read_native_task(frame: bytes) -> object:
    """Decode a task natively and read what a processor does."""
    task = codec.decode(frame)
    assert isinstance(task, codec.Task)
    return task.task_id, task.source, task.metadata, task.func_object_id, [part.data for part in task.function_args]


def read_native_result(frame: bytes) -> object:
    """Decode a result natively and read what a client does."""
    result = codec.decode(frame)
    assert isinstance(result, codec.TaskResult)
    return result.task_id, result.result_type, result.metadata, result.results, result.value


def _open(frame: bytes) -> Any:
    return next(schemas.message.Message.read_multiple_bytes(frame))


def read_capnp_task(frame: bytes) -> object:
    """Read a task through pycapnp."""
    opened = _open(frame)
    if opened.which() != "task":
        raise ValueError("not a task")
    task = opened.task
    return task.taskId, task.source, task.metadata, task.funcObjectId, [part.data for part in task.functionArgs]


def read_capnp_result(frame: bytes) -> object:
    """Read a result through pycapnp."""
    opened = _open(frame)
    if opened.which() != "taskResult":
        raise ValueError("not a result")
    result = opened.taskResult
    return result.taskId, result.resultType, result.metadata, list(result.results), result.value


def peek_capnp_task(frame: bytes) -> object:
    """Read through pycapnp what a scheduler places a task by."""
    task = _open(frame).task
    return task.taskId, task.source, task.funcObjectId, task.priority, len(task.capabilities), task.attempt


def peek_capnp_result(frame: bytes) -> object:
    """Read through pycapnp what a scheduler ends a task by."""
    result = _open(frame).taskResult
    return result.taskId, result.resultType, result.metadata, list(result.results), result.attempt, result.cause


def cases() -> list[tuple[str, Callable[[], object], Callable[[], object] | None]]:
    """Return what is measured: a name, the native way, and pycapnp's when it has one."""
    built = native_task()
    task, result = built.encode(), native_result().encode()
    return [
        ("build and encode a task", lambda: native_task().encode(), capnp_task),
        ("encode a task that is built", built.encode, None),
        ("decode a task and read it", lambda: read_native_task(task), lambda: read_capnp_task(task)),
        ("peek into a task", lambda: codec.peek_task(task), lambda: peek_capnp_task(task)),
        ("build and encode a result", lambda: native_result().encode(), capnp_result),
        ("decode a result and read it", lambda: read_native_result(result), lambda: read_capnp_result(result)),
        ("peek into a result", lambda: codec.peek_result(result), lambda: peek_capnp_result(result)),
        ("tell the kind of a frame", lambda: codec.which(task), lambda: _open(task).which()),
        ("set another attempt", lambda: codec.with_attempt(task, 1), None),
        ("validate a frame of any kind", lambda: codec.validate(task), None),
    ]


def nanoseconds(function: Callable[[], object]) -> float:
    """Return the time of one call, measured over one round."""
    return timeit.timeit(function, number=CALLS_PER_ROUND) / CALLS_PER_ROUND * 1e9


def measure(rounds: int) -> None:
    """Print a table of all cases."""
    print(f"{'ns per call, best (median)':34} {'native':>16} {'pycapnp':>18} {'ratio':>7}")
    for name, native, other in cases():
        native_times: list[float] = []
        other_times: list[float] = []
        for _ in range(rounds):
            native_times.append(nanoseconds(native))
            if other is not None:
                other_times.append(nanoseconds(other))
        line = f"{name:34} {min(native_times):8.0f} ({statistics.median(native_times):5.0f})"
        if other_times:
            ratio = statistics.median(theirs / ours for ours, theirs in zip(native_times, other_times, strict=True))
            line += f" {min(other_times):9.0f} ({statistics.median(other_times):6.0f}) {ratio:6.1f}x"
        print(line)


def main() -> None:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(description="Compare the native codec with pycapnp.")
    parser.add_argument("--rounds", type=int, default=20, help="rounds of 5000 calls for each figure (default: 20)")
    measure(parser.parse_args().rounds)


if __name__ == "__main__":
    main()
