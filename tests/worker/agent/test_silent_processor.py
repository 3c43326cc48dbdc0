"""What the agent does about a processor that lives and does not answer."""

from __future__ import annotations

import pytest
from agent_fixture import AgentFixture

from scaler.utility.exceptions import ProcessorDiedError
from scaler.worker.agent.oversight import SILENCE_SECONDS


def _wait(agent: AgentFixture, seconds: float, *, is_listening: bool = True) -> None:
    for _ in range(int(seconds / 0.25)):
        agent.tick(is_listening=is_listening)


def _replaced(agent: AgentFixture) -> None:
    """Wait until the processor is killed, and let the one after it be ready."""
    silent = agent.processor
    _wait(agent, SILENCE_SECONDS + 1)
    assert silent.killed
    agent.die(-9, model=silent)
    agent.tick(1)
    assert agent.processor is not silent
    agent.initialize()


def test_replaces_a_processor_that_does_not_begin_what_it_was_fed():
    agent = AgentFixture().ready().tasks(1, 2)
    _wait(agent, SILENCE_SECONDS - 1)
    assert not agent.processor.killed
    _replaced(agent)
    agent.run(2)
    assert agent.results() == [1, 2]


def test_runs_a_task_whose_result_does_not_come_again_and_says_why_in_the_end():
    agent = AgentFixture().ready().tasks(1)
    for _ in range(3):
        assert agent.processor.start_next()
        agent.processor.finish()  # and says nothing
        _replaced(agent)
    _, error = agent.failure(1)
    assert isinstance(error, ProcessorDiedError)
    assert "did not answer for 30 seconds" in str(error) and "file descriptors" in str(error)


def test_a_task_may_run_for_as_long_as_it_likes():
    agent = AgentFixture().ready().tasks(1, 2)
    agent.processor.start_next()
    _wait(agent, 10 * SILENCE_SECONDS)
    assert not agent.processor.killed


def test_a_result_may_wait_for_that_of_the_next_task():
    agent = AgentFixture().ready().tasks(1, 2)
    agent.processor.start_next()
    agent.processor.finish()
    agent.processor.start_next()
    _wait(agent, 2 * SILENCE_SECONDS)
    agent.processor.finish()
    _wait(agent, SILENCE_SECONDS - 1)
    assert not agent.processor.killed
    agent.flush_results()
    assert agent.results() == [1, 2]


def test_every_step_counts_as_an_answer():
    agent = AgentFixture().ready().tasks(1, 2, 3)
    for _ in range(3):
        _wait(agent, SILENCE_SECONDS - 1)
        agent.run()
    assert agent.results() == [1, 2, 3]
    assert not agent.processor.killed


def test_a_processor_is_not_blamed_for_time_in_which_the_agent_stood_still():
    agent = AgentFixture().ready().tasks(1)
    agent.tick()
    agent.tick()
    agent.tick(1000)
    assert not agent.processor.killed


@pytest.mark.parametrize("fed", [(), (1,)])
def test_a_processor_may_be_without_work_or_suspended_for_long(fed):
    agent = AgentFixture().ready().tasks(*fed)
    model = agent.processor
    if fed:
        model.start_next()
        agent.tasks(2, level=1)
        assert model.suspended
    _wait(agent, 2 * SILENCE_SECONDS)
    assert not model.killed


def test_nobody_is_silent_while_the_agent_does_not_listen():
    """As when the scheduler does not read: the result waits on the way, or in the processor."""
    agent = AgentFixture().ready().tasks(1)
    agent.processor.start_next()
    agent.processor.finish()
    _wait(agent, 5 * SILENCE_SECONDS, is_listening=False)
    assert not agent.processor.killed
    _replaced(agent)
