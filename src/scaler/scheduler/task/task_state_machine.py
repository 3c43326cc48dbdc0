"""The life of a task in the scheduler as one table: every state answers every event.

A task is *waiting* in the central queue, *placed* on one worker, *retracting* (placed, and the scheduler asked for it
back unstarted) or *canceling* (placed, and its client cancelled it or left). Its record goes when it ends. The worker
that holds a task owns it until it answers, or is lost; asking for a task back changes nothing by itself. That a task is
placed is no event: the scheduler does it by itself, with what waits and only that.
"""

from __future__ import annotations

import enum
from typing import Final

from scaler.protocol.codec import TaskCancelConfirmType


class TaskState(enum.IntEnum):
    """Where a live task is; ``ended`` marks a record that queues may still hold."""

    waiting = 0
    placed = 1
    retracting = 2
    canceling = 3
    ended = 4


class TaskEvent(enum.IntEnum):
    """What can happen to a task."""

    retract = 0  # the balance wants it back, if it has not started
    result = 1  # its worker sent its result
    cancel = 2  # its client cancelled it
    client_lost = 3  # its client left or was lost
    confirm_canceled = 4  # its worker took it off, or killed it
    confirm_failed = 5  # its worker has started it, and goes on
    confirm_not_found = 6  # its worker does not hold it
    worker_lost = 7  # its worker was lost, it may have started
    worker_left = 8  # its worker left in order


class Action(enum.IntEnum):
    """What the scheduler does about it; see ``LiveTasks`` for each."""

    ignore = 0  # expected, nothing to do
    stale = 1  # late or duplicate: counted and dropped
    ask_back = 2
    deliver_result = 3
    cancel_waiting = 4
    ask_cancel = 5
    abandon_waiting = 6
    abandon_placed = 7
    end_canceled = 8
    end_not_found = 9
    wait_again = 10
    stay_placed = 11
    refuse_cancel = 12
    place_again = 13
    return_to_queue = 14


_S, _E, _A = TaskState, TaskEvent, Action

TABLE: Final[dict[tuple[TaskState, TaskEvent], Action]] = {
    (_S.waiting, _E.retract): _A.stale,
    (_S.waiting, _E.result): _A.stale,
    (_S.waiting, _E.cancel): _A.cancel_waiting,
    (_S.waiting, _E.client_lost): _A.abandon_waiting,
    (_S.waiting, _E.confirm_canceled): _A.stale,
    (_S.waiting, _E.confirm_failed): _A.stale,
    (_S.waiting, _E.confirm_not_found): _A.stale,
    (_S.waiting, _E.worker_lost): _A.stale,
    (_S.waiting, _E.worker_left): _A.stale,
    (_S.placed, _E.retract): _A.ask_back,
    (_S.placed, _E.result): _A.deliver_result,
    (_S.placed, _E.cancel): _A.ask_cancel,
    (_S.placed, _E.client_lost): _A.abandon_placed,
    (_S.placed, _E.confirm_canceled): _A.stale,
    (_S.placed, _E.confirm_failed): _A.stale,
    (_S.placed, _E.confirm_not_found): _A.stale,
    (_S.placed, _E.worker_lost): _A.place_again,
    (_S.placed, _E.worker_left): _A.return_to_queue,
    (_S.retracting, _E.retract): _A.ignore,
    (_S.retracting, _E.result): _A.deliver_result,
    (_S.retracting, _E.cancel): _A.ask_cancel,
    (_S.retracting, _E.client_lost): _A.abandon_placed,
    (_S.retracting, _E.confirm_canceled): _A.wait_again,
    (_S.retracting, _E.confirm_failed): _A.stay_placed,
    # Results overtake nothing on a link: a worker that does not know a task has lost it.
    (_S.retracting, _E.confirm_not_found): _A.place_again,
    (_S.retracting, _E.worker_lost): _A.place_again,
    (_S.retracting, _E.worker_left): _A.return_to_queue,
    (_S.canceling, _E.retract): _A.ignore,
    (_S.canceling, _E.result): _A.deliver_result,
    (_S.canceling, _E.cancel): _A.ignore,
    (_S.canceling, _E.client_lost): _A.abandon_placed,
    (_S.canceling, _E.confirm_canceled): _A.end_canceled,
    (_S.canceling, _E.confirm_failed): _A.refuse_cancel,
    (_S.canceling, _E.confirm_not_found): _A.end_not_found,
    (_S.canceling, _E.worker_lost): _A.end_canceled,
    (_S.canceling, _E.worker_left): _A.end_canceled,
}

CONFIRM_EVENTS: Final[dict[int, TaskEvent]] = {
    int(TaskCancelConfirmType.canceled): TaskEvent.confirm_canceled,
    int(TaskCancelConfirmType.cancelFailed): TaskEvent.confirm_failed,
    int(TaskCancelConfirmType.cancelNotFound): TaskEvent.confirm_not_found,
}
"""What a worker's verdict on a cancel says."""
