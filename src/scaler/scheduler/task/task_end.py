"""The messages with which the scheduler itself ends a task, and the names of ends in the monitor stream."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Final

from scaler.protocol import codec
from scaler.scheduler.bad_message import BadMessageError
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.utility.exceptions import (
    ClientShutdownException,
    TaskDeadlineError,
    TaskRejectedError,
    WorkerDiedError,
)

if TYPE_CHECKING:
    from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
    from scaler.scheduler.task.task_record import TaskRecord

_RESULT_STATES: Final[dict[int, MonitorState]] = {
    codec.TaskResultType.success: MonitorState.success,
    codec.TaskResultType.failed: MonitorState.failed,
    codec.TaskResultType.failedWorkerDied: MonitorState.failedWorkerDied,
}
RETRYABLE: Final = frozenset(
    map(int, (codec.TaskEndCause.processorDied, codec.TaskEndCause.timedOut, codec.TaskEndCause.retryable))
)
"""Why a run ended after which another one may be made, when the task asks for it."""
_CONFIRM_STATES: Final = {
    codec.TaskCancelConfirmType.canceled: MonitorState.canceled,
    codec.TaskCancelConfirmType.cancelNotFound: MonitorState.canceledNotFound,
}


def result_state(result_type: int) -> MonitorState:
    """Return what the monitor stream calls the end by such a result. Raise BadMessageError for an unknown type."""
    state = _RESULT_STATES.get(result_type)
    if state is None:
        raise BadMessageError(f"{result_type} is not a type of results")
    return state


def confirm_state(kind: codec.TaskCancelConfirmType) -> MonitorState:
    """Return how the monitor stream calls the end by that verdict on a cancel."""
    return _CONFIRM_STATES[kind]


def confirm(task_id: bytes, kind: codec.TaskCancelConfirmType) -> bytes:
    """Return the verdict on a cancel."""
    return codec.TaskCancelConfirm(task_id=task_id, cancel_confirm_type=kind).encode()


def worker_died(record: TaskRecord, worker: WorkerRecord) -> bytes:
    """Return the end of a task whose workers were lost, or have lost it, too often."""
    error = WorkerDiedError(
        f"worker died when processing task: {record.task_id.hex()} (worker {worker.worker_id.decode(errors='replace')} "
        f"was lost, or has lost the task; attempt {record.attempt + 1}, {record.progress.losses} losses)",
        task_id=record.task_id,
        worker_id=worker.worker_id,
        attempt=record.attempt,
    )
    return _failure(
        record.task_id,
        record.attempt,
        error,
        codec.TaskEndCause.workerLost,
        codec.TaskResultType.failedWorkerDied,
    )


def rejected(task_id: bytes, attempt: int, limit: int) -> bytes:
    """Return the end of a task that would wait beyond the configured number of waiting tasks."""
    error = TaskRejectedError(
        f"task {task_id.hex()} was refused: {limit} tasks wait already, the limit max_number_of_tasks_waiting",
        task_id=task_id,
        limit=limit,
    )
    return _failure(task_id, attempt, error, codec.TaskEndCause.rejected)


def too_late(record: TaskRecord, waited_for: str) -> bytes:
    """Return the end of a task that had not started by its deadline."""
    error = TaskDeadlineError(
        f"task {record.task_id.hex()} had not started by its deadline: {waited_for}",
        task_id=record.task_id,
        attempt=record.attempt,
    )
    return _failure(record.task_id, record.attempt, error, codec.TaskEndCause.deadlineMissed)


def malformed(record: TaskRecord, reason: str) -> bytes:
    """Return the end of a task that cannot run again because its message cannot be read."""
    error = TaskRejectedError(f"task {record.task_id.hex()} cannot run again: {reason}", task_id=record.task_id)
    return _failure(record.task_id, record.attempt, error, codec.TaskEndCause.rejected)


def refused(task_id: bytes, reason: str) -> bytes:
    """Return the end of a graph that cannot be understood."""
    error = TaskRejectedError(f"the scheduler refused the graph: {reason}", task_id=task_id)
    return _failure(task_id, 0, error, codec.TaskEndCause.rejected)


def shut_down(task_id: bytes, attempt: int, message: str) -> bytes:
    """Return the end of a task that the end of the cluster overtakes."""
    return _failure(task_id, attempt, ClientShutdownException(message), codec.TaskEndCause.rejected)


def _failure(
    task_id: bytes,
    attempt: int,
    error: Exception,
    cause: codec.TaskEndCause,
    result_type: codec.TaskResultType = codec.TaskResultType.failed,
) -> bytes:
    return codec.TaskResult(
        task_id=task_id, result_type=result_type, attempt=attempt, cause=cause, value=pickle.dumps(error)
    ).encode()
