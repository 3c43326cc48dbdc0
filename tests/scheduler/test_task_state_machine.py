"""The table of task states is complete."""

import itertools

from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
from scaler.scheduler.controllers.client_controller import ClientController
from scaler.scheduler.controllers.live_tasks import LiveTasks
from scaler.scheduler.controllers.object_controller import ObjectController
from scaler.scheduler.controllers.task_endings import TaskEndings
from scaler.scheduler.controllers.task_reporter import TaskReporter
from scaler.scheduler.outbox import Outbox
from scaler.scheduler.task.task_state_machine import TABLE, Action, TaskEvent, TaskState


def test_every_live_state_answers_every_event() -> None:
    live = [state for state in TaskState if state is not TaskState.ended]
    assert set(TABLE) == set(itertools.product(live, TaskEvent))


def test_every_action_is_used() -> None:
    assert set(TABLE.values()) == set(Action)


def test_every_action_is_carried_out_by_somebody() -> None:
    outbox = Outbox()
    pool = WorkerPool()
    objects = ObjectController(outbox, ClientController(), pool)
    reporter = TaskReporter(outbox, objects.name)
    live = LiveTasks(outbox, pool, reporter, objects, TaskEndings(outbox, reporter))
    elsewhere = {Action.stale, Action.deliver_result}  # where all events are counted, and where results are taken
    assert set(live.actions) | elsewhere == set(Action)
