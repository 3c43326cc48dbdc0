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
    return _died(task, seat, f"{_how(seat)} while it ran the task", worker_id, host)


def results_lost(task: HeldTask, seat: ProcessorSeat, worker_id: bytes, host: str) -> bytes:
    """Return the failure of a task whose results were lost with their processors too often; this was the last one."""
    what = f"{_how(seat)} before it had sent the result of the task, as {task.lost_results - 1} others did"
    return _died(task, seat, what, worker_id, host)


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
    return failed(task.task_id, task.attempt, error, codec.TaskEndCause.timedOut)


def _how(seat: ProcessorSeat) -> str:
    return f"{seat.kill_reason}, and was killed" if seat.kill_reason else describe_exit(seat.exit_code)


def _died(task: HeldTask, seat: ProcessorSeat, what: str, worker_id: bytes, host: str) -> bytes:
    error = ProcessorDiedError(
        f"the processor {what} ({_where(task, seat, worker_id, host)})",
        host=host,
        pid=seat.pid,
        task_id=task.task_id,
        attempt=task.attempt,
        worker_id=worker_id,
        signal=-seat.exit_code if seat.exit_code is not None and seat.exit_code < 0 else None,
        exit_code=seat.exit_code,
    )
    return failed(task.task_id, task.attempt, error, codec.TaskEndCause.processorDied)


def _where(task: HeldTask, seat: ProcessorSeat, worker_id: bytes, host: str) -> str:
    worker = worker_id.decode(errors="backslashreplace")
    return f"host {host}, pid {seat.pid}, task {task.task_id.hex()}, attempt {task.attempt + 1}, worker {worker}"


def failed(task_id: bytes, attempt: int, error: TaskFailure, cause: codec.TaskEndCause) -> bytes:
    """Return the failure of a task for which no processor speaks."""
    return codec.TaskResult(
        task_id=task_id,
        result_type=codec.TaskResultType.failed,
        attempt=attempt,
        cause=cause,
        value=pickle.dumps(error),
    ).encode()
