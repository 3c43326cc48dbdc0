"""The table of task states is complete."""

import itertools

from scaler.scheduler.task.task_state_machine import TABLE, Action, TaskEvent, TaskState


def test_every_live_state_answers_every_event() -> None:
    live = [state for state in TaskState if state is not TaskState.ended]
    assert set(TABLE) == set(itertools.product(live, TaskEvent))


def test_every_action_is_used() -> None:
    assert set(TABLE.values()) == set(Action)
