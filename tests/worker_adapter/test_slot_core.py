"""What a slot of a Symphony worker does with each event, without socket, clock or thread."""

from __future__ import annotations

import pickle

import pytest
from unreadable import unreadable

from scaler.protocol import codec
from scaler.protocol.codec import TaskCancelConfirmType
from scaler.utility.exceptions import TaskRejectedError, TaskTimeoutError
from scaler.utility.identifiers import ClientID, ObjectID, TaskID, digest_of
from scaler.worker.agent.scheduler_contact import SchedulerContact
from scaler.worker_adapter.symphony.slot_core import SlotCore

CLIENT = ClientID(b"Client|c|0")
CANCELED, FAILED, NOT_FOUND = (
    TaskCancelConfirmType.canceled,
    TaskCancelConfirmType.cancelFailed,
    TaskCancelConfirmType.cancelNotFound,
)


class Slot:
    """A core with its outbox emptied after each event."""

    def __init__(self) -> None:
        self.core = SlotCore(SchedulerContact(2.0, 60.0, 0.0))
        self.core.link.on_connected(0.0)
        self.started: list[codec.Task] = []
        self.given_up: list[bytes] = []
        self.sent: list[object] = []
        self.leave: str | None = None

    def task(self, level: int = 0, priority: int = 0, timeout_milliseconds: int = 0) -> bytes:
        """Let the scheduler send a task, and return its id."""
        task_id = TaskID.generate_task_id()
        function = ObjectID.generate_content_object_id(CLIENT, b"f")
        task = codec.Task(
            task_id=task_id,
            source=CLIENT,
            func_object_id=function,
            level=level,
            priority=priority,
            timeout_milliseconds=timeout_milliseconds,
        )
        self.core.on_task(task.encode(), 0.0)
        self.take()
        return bytes(task_id)

    def cancel(self, task_id: bytes, force: bool = False) -> object:
        """Let the scheduler cancel a task, and return the verdict."""
        self.core.on_task_cancel(codec.TaskCancel(task_id=task_id, force=force).encode(), 0.0)
        self.take()
        confirm = next(each for each in self.sent if isinstance(each, codec.TaskCancelConfirm))
        self.sent.remove(confirm)
        assert confirm.task_id == task_id
        return confirm.cancel_confirm_type

    def done(self, task_id: bytes) -> None:
        task = next(task for task in self.started if task.task_id == task_id)
        result = codec.TaskResult(task_id=task_id, result_type=codec.TaskResultType.success, value=b"v")
        self.core.on_done(task, result.encode(), 0.0)
        self.take()

    def take(self) -> None:
        outbox = self.core.take_outbox()
        self.started += outbox.start
        self.given_up += [task.task_id for task in outbox.give_up]
        self.sent += [codec.decode(frame) for frame in outbox.to_scheduler]
        self.leave = outbox.leave or self.leave

    def running(self) -> list[bytes]:
        return [task.task_id for task in self.started if self.core.is_running(task)]

    def results(self) -> list[bytes]:
        return [each.task_id for each in self.sent if isinstance(each, codec.TaskResult)]


@pytest.fixture
def slot() -> Slot:
    return Slot()


def test_one_after_the_other_by_priority_and_age(slot: Slot) -> None:
    first, second, urgent = slot.task(), slot.task(), slot.task(priority=1)
    assert (slot.running(), slot.core.waiting_count()) == ([first], 2)
    slot.done(first)
    assert slot.running() == [urgent]
    slot.done(urgent)
    slot.done(second)
    assert slot.results() == [first, urgent, second]
    assert len(slot.core.tasks) == slot.core.running_count == slot.core.waiting_count() == 0


def test_what_is_nested_deeper_than_all_that_run_starts_at_once(slot: Slot) -> None:
    base, _ = slot.task(), slot.task()
    child, sibling = slot.task(level=1), slot.task(level=1)
    grandchild = slot.task(level=2)
    assert slot.running() == [base, child, grandchild]
    slot.done(grandchild)
    assert sibling not in slot.running()
    slot.done(child)
    assert slot.running() == [base, sibling]


def test_the_heartbeat_tells_of_all_that_is_held(slot: Slot) -> None:
    tasks = [slot.task(), slot.task(), slot.task(level=1)]
    assert (slot.core.tasks.digest(), len(slot.core.tasks)) == (digest_of(tasks), 3)


def test_verdicts_on_cancels(slot: Slot) -> None:
    running, waiting, other = slot.task(), slot.task(), slot.task()
    assert slot.cancel(b"0" * 16) == NOT_FOUND
    assert slot.cancel(waiting) == CANCELED
    assert slot.cancel(running) == FAILED
    assert slot.running() == [running]
    assert slot.cancel(running, force=True) == CANCELED
    assert (slot.given_up, slot.running()) == ([running], [other])
    slot.done(running)  # too late
    assert slot.results() == []


def test_a_task_that_is_held_is_not_taken_twice(slot: Slot) -> None:
    frame = codec.Task(
        task_id=bytes(16), source=CLIENT, func_object_id=ObjectID.generate_content_object_id(CLIENT, b"f")
    ).encode()
    for _ in range(2):
        slot.core.on_task(frame, 0.0)
    slot.take()
    assert len(slot.started) == 1


def test_the_loss_of_the_scheduler_drops_all_and_a_task_may_come_back(slot: Slot) -> None:
    running, _ = slot.task(), slot.task()
    old = slot.started[0]
    slot.core.on_scheduler_lost()
    slot.take()
    assert (slot.given_up, len(slot.core.tasks)) == ([running], 0)
    again = codec.Task(task_id=old.task_id, source=CLIENT, func_object_id=old.func_object_id, attempt=1)
    slot.core.on_task(again.encode(), 0.0)
    slot.core.on_done(old, b"", 0.0)  # of the run before
    slot.take()
    assert slot.sent == [] and slot.running() == [old.task_id]


def test_a_task_that_runs_too_long_fails(slot: Slot) -> None:
    slow, waiting = slot.task(timeout_milliseconds=2000), slot.task()
    slot.core.on_tick(1.9)
    assert slot.core.is_running(slot.started[0])
    slot.core.on_tick(2.0)
    slot.take()
    assert (slot.given_up, slot.running(), slot.results()) == ([slow], [waiting], [slow])
    [result] = slot.sent
    assert isinstance(result, codec.TaskResult) and result.cause == codec.TaskEndCause.timedOut
    error = pickle.loads(result.value or b"")
    assert isinstance(error, TaskTimeoutError) and "longer than its limit of 2 seconds" in str(error)


def test_it_leaves_when_the_scheduler_says_so_or_is_dead(slot: Slot) -> None:
    slot.core.on_tick(59.0)
    slot.take()
    assert slot.leave is None
    slot.core.on_tick(60.0)
    slot.take()
    assert slot.leave == "nothing was heard of the scheduler for 60 s"
    slot.core.on_shutdown()
    slot.take()
    assert slot.leave == "the scheduler tells it to"


def test_a_task_that_cannot_be_read_fails_and_the_next_one_runs() -> None:
    slot = Slot()
    running = slot.task()
    task_id = bytes(TaskID.generate_task_id())
    task = codec.Task(task_id=task_id, source=CLIENT, func_object_id=bytes(32), keyword_names=["name"])
    slot.core.on_task(unreadable(task), 0.0)
    behind = slot.task()
    slot.done(running)
    assert [task.task_id for task in slot.started] == [running, behind]
    [_, failure] = slot.sent
    assert isinstance(failure, codec.TaskResult) and failure.value is not None
    assert (failure.task_id, failure.cause) == (task_id, codec.TaskEndCause.rejected)
    assert isinstance(pickle.loads(failure.value), TaskRejectedError)
    assert len(slot.core.tasks) == 1
