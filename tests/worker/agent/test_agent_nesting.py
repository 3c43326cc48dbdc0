"""Tasks that submit tasks: which processor stands still for which, and what becomes of it."""

from __future__ import annotations

import pytest
from agent_fixture import AgentFixture, ProcessorModel

from scaler.protocol import codec
from scaler.utility.exceptions import ProcessorDiedError
from scaler.worker.agent.feeding import MOST_SPARES, SPARE_SECONDS

CANCELED = codec.TaskCancelConfirmType.canceled


def nesting_agent(**settings: object) -> AgentFixture:
    """Return an agent whose processors are ready as soon as they are started."""
    agent = AgentFixture(**settings).ready()
    agent.initializes_at_once = True
    return agent


def start(agent: AgentFixture) -> ProcessorModel:
    """Let the processor at work start its next task, and return it."""
    model = agent.serving
    assert model.start_next()
    return model


def test_a_task_makes_way_for_one_that_is_nested_deeper() -> None:
    agent = nesting_agent().tasks(1, 2)
    parent = start(agent)
    agent.tasks(3, level=1)
    assert parent.suspended and len(agent.processors) == 2
    child = start(agent)
    assert child is not parent and child.started == [3]
    agent.run(model=child)
    assert not parent.suspended
    agent.run(2, model=parent)
    assert agent.ends() == [3, 1, 2]
    assert parent.started == [1, 2]


def test_what_had_not_started_is_taken_back_and_starts_in_its_order() -> None:
    agent = nesting_agent().tasks(1, 2)
    parent = start(agent)
    agent.tasks(3, level=1).tasks(4, level=1).tasks(5)
    child = start(agent)
    agent.run(2, model=child)
    agent.run(3, model=parent)
    assert agent.results() == [3, 4, 1, 2, 5]


def test_the_order_of_levels() -> None:
    """Deeper first; of one level what stands still before what has not started; then age."""
    agent = nesting_agent().tasks(1)
    first = start(agent)
    agent.tasks(2, level=3)
    second = start(agent)
    agent.tasks(3, level=3).tasks(4)
    assert first.suspended and not second.suspended
    agent.run(2, model=second)
    agent.run(2, model=first)
    assert agent.results() == [2, 3, 1, 4]


def test_a_task_that_has_not_started_makes_way_without_standing_still() -> None:
    agent = nesting_agent().tasks(1)
    agent.tasks(2, level=1)
    assert len(agent.processors) == 1
    agent.run(2)
    assert agent.results() == [2, 1]


def test_nothing_stands_still_while_a_result_is_on_its_way() -> None:
    agent = nesting_agent().tasks(1, 2)
    parent = start(agent)
    parent.finish()
    parent.start_next()
    agent.tasks(3, level=1)
    assert not parent.suspended
    agent.flush_results(parent)
    assert parent.suspended and agent.results() == [1]


def test_a_nested_task_is_not_fed_behind_one_that_may_wait_for_it() -> None:
    agent = nesting_agent().tasks(1, level=1).tasks(2)
    nested = start(agent)
    agent.tasks(3, level=1)  # as deep as what runs, deeper than what comes next
    agent.run(model=nested)
    assert start(agent).started[-1] == 3
    agent.run(model=agent.serving)
    parent = start(agent)
    assert parent.started[-1] == 2
    agent.tasks(4, level=1)
    assert parent.suspended and start(agent).started[-1] == 4


def test_any_depth_finishes_on_processors_that_are_used_again() -> None:
    agent = nesting_agent()
    for round_ in range(3):
        chain = []
        for level in range(6):
            agent.tasks(10 * round_ + level, level=level)
            chain.append(start(agent))
        assert [model.suspended for model in chain] == [True] * 5 + [False]
        for model in reversed(chain):
            agent.run(model=model)
    assert len(agent.processors) == 6
    assert len(agent.core.tasks) == 0


def test_a_task_that_ends_before_it_stands_still() -> None:
    agent = nesting_agent().tasks(1)
    parent = start(agent)
    agent.tasks(2, level=1)
    assert parent.suspended
    parent.finish()
    agent.flush_results(parent)
    assert not parent.suspended and agent.results() == [1]
    agent.run(model=agent.serving)
    assert agent.results() == [1, 2]


@pytest.mark.parametrize("force", [False, True])
def test_cancelling_a_task_that_stands_still(force: bool) -> None:
    agent = nesting_agent().tasks(1)
    parent = start(agent)
    agent.tasks(2, level=1)
    child = start(agent)
    agent.cancel(1, force=force)
    assert parent.killed is force
    if force:
        agent.die(-9, model=parent)
        assert agent.verdicts() == [(1, CANCELED)]
    agent.run(model=child)
    if not force:
        agent.run(model=parent)
    assert len(agent.core.tasks) == 0
    assert parent.started == [1], "it does not start again"


@pytest.mark.parametrize("is_fed", [False, True])
def test_a_nested_task_that_is_taken_back_lets_its_parent_go_on_at_once(is_fed: bool) -> None:
    agent = AgentFixture().ready().tasks(1)
    parent = start(agent)
    agent.tasks(2, level=1)
    assert parent.suspended
    if is_fed:
        agent.initialize()
    agent.cancel(2, force=False)
    assert agent.verdicts() == [(2, CANCELED)]
    assert not parent.suspended


def test_the_death_of_a_processor_that_stands_still_is_the_failure_of_its_task() -> None:
    agent = nesting_agent().tasks(1)
    parent = start(agent)
    agent.tasks(2, level=1)
    child = start(agent)
    agent.die(-9, model=parent)
    assert isinstance(agent.failure(1)[1], ProcessorDiedError)
    agent.run(model=child)
    agent.tasks(3).run(model=agent.serving)
    assert agent.ends() == [1, 2, 3]


def test_the_death_of_a_nested_task_lets_its_parent_go_on() -> None:
    agent = nesting_agent().tasks(1)
    parent = start(agent)
    agent.tasks(2, level=1)
    child = start(agent)
    agent.die(-11, model=child)
    assert not parent.suspended
    agent.run(model=parent)
    assert agent.ends() == [2, 1]


def test_a_nested_task_waits_for_its_processor_without_disturbing() -> None:
    agent = AgentFixture().ready().tasks(1)
    parent = start(agent)
    agent.tasks(2, level=1).tasks(3, level=1)
    assert parent.suspended
    assert len(agent.processors) == 2, "one is enough"
    agent.initialize()
    agent.run(2)
    assert agent.results() == [2, 3]


def test_time_limits_do_not_run_while_a_task_stands_still() -> None:
    agent = nesting_agent(task_timeout_seconds=1.0).tasks(1)
    parent = start(agent)
    agent.tick(0.5)
    agent.tick(0.4)
    agent.tasks(2, level=1)
    child = start(agent)
    agent.tick(0.5)
    agent.tick(0.4)
    assert not parent.killed
    agent.run(model=child)
    agent.tick(0.5)
    assert not parent.killed
    agent.tick(0.5)
    assert parent.killed


def test_all_processors_hear_of_deleted_objects() -> None:
    agent = nesting_agent().tasks(1)
    parent = start(agent)
    agent.tasks(2, level=1)
    child = start(agent)
    delete = codec.ObjectInstruction(instruction_type=codec.ObjectInstructionType.delete).encode()
    agent.core.on_object_instruction(delete)
    agent.settle()
    assert delete in parent.inbox and delete in child.inbox


def test_the_loss_of_the_scheduler_kills_what_stands_still() -> None:
    agent = nesting_agent().tasks(1)
    parent = start(agent)
    agent.tasks(2, level=1)
    child = start(agent)
    agent.core.on_scheduler_lost(agent.now)
    agent.settle()
    assert parent.killed and child.killed
    assert len(agent.core.tasks) == 0


def test_spare_processors_end_when_nobody_needs_them() -> None:
    agent = nesting_agent(death_timeout_seconds=0.0)
    depth = MOST_SPARES + 3
    chain = []
    for level in range(depth):
        agent.tasks(level, level=level)
        chain.append(start(agent))
    for model in reversed(chain):
        agent.run(model=model)
    agent.tick()
    assert sum(model.killed for model in chain) == depth - MOST_SPARES
    for model in chain:
        if model.killed:
            agent.die(-9, model=model)
    agent.tick(SPARE_SECONDS + 1)
    assert sum(model.killed for model in chain) == depth - 1
    assert len(agent.processors) == depth, "what ended is not replaced"
    assert not agent.quits
