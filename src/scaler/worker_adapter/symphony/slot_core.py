"""What one slot of a Symphony worker decides, without socket, clock or thread.

To the scheduler a slot is a worker like any other. Of the tasks it holds one runs, and besides it one that is nested
deeper than all that run, and so on: who waits for its own tasks cannot keep them from running.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scaler.protocol import codec
from scaler.utility.exceptions import TaskRejectedError, TaskTimeoutError
from scaler.worker.agent import task_ends
from scaler.worker.agent.held_tasks import HeldTask, HeldTasks
from scaler.worker.agent.scheduler_contact import SchedulerContact

if TYPE_CHECKING:
    from scaler.worker.agent.outbox import Frame
    from scaler.worker.agent.processor_seat import ProcessorSeat

_MILLISECONDS = 1000


@dataclass
class RunningTask:
    """A task that runs; its deadline is infinite when it has no limit."""

    task: codec.Task
    limit_seconds: float
    deadline_seconds: float


@dataclass
class SlotOutbox:
    """What is to be done: frames for the scheduler, tasks to start, tasks to give up, and whether to leave, and why."""

    to_scheduler: list[Frame] = field(default_factory=list)
    start: list[codec.Task] = field(default_factory=list)
    give_up: list[codec.Task] = field(default_factory=list)
    leave: str | None = None


class SlotCore:
    """Holds the tasks of one slot. Each gets exactly one end: a TaskResult, or a TaskCancelConfirm ``canceled``."""

    is_draining = False
    seats: tuple[ProcessorSeat, ...] = ()

    def __init__(self, link: SchedulerContact) -> None:
        self.link = link
        self.outbox = SlotOutbox()
        self.tasks = HeldTasks()  # also what runs, for the heartbeat
        self._running: dict[bytes, RunningTask] = {}
        self._waiting = HeldTasks()

    def waiting_count(self) -> int:
        """Return how many tasks have not started."""
        return len(self._waiting)

    @property
    def running_count(self) -> int:
        """Return how many tasks run."""
        return len(self._running)

    def take_outbox(self) -> SlotOutbox:
        """Return what is to be done, and forget it."""
        outbox, self.outbox = self.outbox, SlotOutbox()
        return outbox

    def on_task(self, frame: Frame, now_seconds: float) -> None:
        """Hold a task. Raise CodecError for a frame that is none."""
        task_id, _, _, priority, _, attempt, level, _ = codec.peek_task(frame)
        if task_id in self.tasks:
            return
        self.tasks.add(task_id, frame, priority, attempt, level)
        self._waiting.add(task_id, frame, priority, attempt, level)
        self._go_on(now_seconds)

    def on_task_cancel(self, frame: Frame, now_seconds: float) -> None:
        """Give a verdict on a cancel at once. Raise CodecError."""
        cancel = codec.decode(frame)
        assert isinstance(cancel, codec.TaskCancel)
        verdict = codec.TaskCancelConfirmType.canceled
        if cancel.task_id not in self.tasks:
            verdict = codec.TaskCancelConfirmType.cancelNotFound
        elif cancel.task_id not in self._running:
            self._forget(cancel.task_id)
        elif cancel.force:
            self.outbox.give_up.append(self._running[cancel.task_id].task)
            self._forget(cancel.task_id)
        else:
            verdict = codec.TaskCancelConfirmType.cancelFailed
        confirm = codec.TaskCancelConfirm(task_id=cancel.task_id, cancel_confirm_type=verdict)
        self.outbox.to_scheduler.append(confirm.encode())
        self._go_on(now_seconds)

    def on_done(self, task: codec.Task, frame: bytes, now_seconds: float) -> None:
        """Send the result of a task, unless it was given up before."""
        running = self._running.get(task.task_id)
        if running is None or running.task is not task:
            return
        self._forget(task.task_id)
        self.outbox.to_scheduler.append(frame)
        self._go_on(now_seconds)

    def is_running(self, task: codec.Task) -> bool:
        """Return whether that run of the task is still wanted."""
        running = self._running.get(task.task_id)
        return running is not None and running.task is task

    def on_scheduler_lost(self) -> None:
        """Drop all work: the scheduler places it elsewhere."""
        self.link.on_lost()
        self.outbox.to_scheduler.clear()
        self.outbox.give_up.extend(running.task for running in self._running.values())
        self._running.clear()
        self._waiting.clear()
        self.tasks.clear()

    def on_shutdown(self) -> None:
        """Leave, because the scheduler says so."""
        self.outbox.leave = "the scheduler tells it to"

    def on_tick(self, now_seconds: float) -> None:
        """End tasks that run longer than they may, and leave when the scheduler is dead."""
        for running in [each for each in self._running.values() if each.deadline_seconds <= now_seconds]:
            self.outbox.give_up.append(running.task)
            self.on_done(running.task, _timed_out(running), now_seconds)
        if self.link.is_dead(now_seconds):
            self.outbox.leave = f"nothing was heard of the scheduler for {self.link.silent_seconds(now_seconds):.0f} s"

    def _go_on(self, now_seconds: float) -> None:
        """Start what may run."""
        while (first := self._waiting.first_queued()) is not None:
            if any(running.task.level >= first.level for running in self._running.values()):
                return  # what waits behind it is not nested deeper
            self._waiting.remove(first)
            try:
                task = codec.decode(first.frame)
            except codec.CodecError as error:  # malformed where nobody has looked before
                self._forget(first.task_id)
                self.outbox.to_scheduler.append(_unreadable(first, error))
                continue
            assert isinstance(task, codec.Task)
            limit_seconds = task.timeout_milliseconds / _MILLISECONDS or float("inf")
            self._running[first.task_id] = RunningTask(task, limit_seconds, now_seconds + limit_seconds)
            self.outbox.start.append(task)

    def _forget(self, task_id: bytes) -> None:
        self._running.pop(task_id, None)
        for tasks in (self.tasks, self._waiting):
            held = tasks.find(task_id)
            if held is not None:
                tasks.remove(held)


def _unreadable(task: HeldTask, error: codec.CodecError) -> bytes:
    failure = TaskRejectedError(f"task {task.task_id.hex()} cannot be read: {error}", task_id=task.task_id)
    return task_ends.failed(task.task_id, task.attempt, failure, codec.TaskEndCause.rejected)


def _timed_out(running: RunningTask) -> bytes:
    task = running.task
    failure = TaskTimeoutError(
        f"the task ran longer than its limit of {running.limit_seconds:g} seconds in Symphony and was given up "
        f"(task {task.task_id.hex()}, attempt {task.attempt + 1})",
        task_id=task.task_id,
        attempt=task.attempt,
        limit_seconds=running.limit_seconds,
    )
    return task_ends.failed(task.task_id, task.attempt, failure, codec.TaskEndCause.timedOut)
