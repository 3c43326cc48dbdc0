"""The messages with which an agent itself answers for a task."""

from __future__ import annotations

import pickle
import signal
from typing import TYPE_CHECKING

from scaler.protocol import codec
from scaler.utility.exceptions import ProcessorDiedError, TaskFailure, TaskTimeoutError

if TYPE_CHECKING:
    from scaler.worker.agent.held_tasks import HeldTask
    from scaler.worker.agent.processor_seat import ProcessorSeat


def describe_exit(exit_code: int | None) -> str:
    """Return how a process ended, in words: its exit code, or the signal that ended it."""
    if exit_code is None:
        return "its connection was lost"
    if exit_code >= 0:
        return f"exited with code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = "unnamed"
    return f"was killed by signal {-exit_code} ({name})"


def processor_died(task: HeldTask, seat: ProcessorSeat, worker_id: bytes, host: str) -> bytes:
    """Return the failure of the task that the processor ran when it died."""
    signal_number = -seat.exit_code if seat.exit_code is not None and seat.exit_code < 0 else None
    how = f"{describe_exit(seat.exit_code)} while it ran the task"
    if seat.kill_reason:
        how = f"{seat.kill_reason}, and was killed"
    error = ProcessorDiedError(
        f"the processor {how} ({_where(task, seat, worker_id, host)})",
        host=host,
        pid=seat.pid,
        task_id=task.task_id,
        attempt=task.attempt,
        worker_id=worker_id,
        signal=signal_number,
        exit_code=seat.exit_code,
    )
    return _failed(task, error, codec.TaskEndCause.processorDied)


def timed_out(task: HeldTask, seat: ProcessorSeat, worker_id: bytes, host: str) -> bytes:
    """Return the failure of a task that ran longer than its limit."""
    error = TaskTimeoutError(
        f"the task ran longer than its limit of {task.limit_seconds:g} seconds and was stopped "
        f"({_where(task, seat, worker_id, host)})",
        host=host,
        pid=seat.pid,
        task_id=task.task_id,
        attempt=task.attempt,
        worker_id=worker_id,
        limit_seconds=task.limit_seconds,
    )
    return _failed(task, error, codec.TaskEndCause.timedOut)


def _where(task: HeldTask, seat: ProcessorSeat, worker_id: bytes, host: str) -> str:
    worker = worker_id.decode(errors="backslashreplace")
    return f"host {host}, pid {seat.pid}, task {task.task_id.hex()}, attempt {task.attempt + 1}, worker {worker}"


def _failed(task: HeldTask, error: TaskFailure, cause: codec.TaskEndCause) -> bytes:
    return codec.TaskResult(
        task_id=task.task_id,
        result_type=codec.TaskResultType.failed,
        attempt=task.attempt,
        cause=cause,
        value=pickle.dumps(error),
    ).encode()
