"""What the agent does about processors that end, and about tasks that run too long; without processes or sleep."""

from __future__ import annotations

import itertools
import signal

import pytest
from agent_fixture import AgentFixture, task_id
from unreadable import unreadable

from scaler.protocol import codec
from scaler.utility.exceptions import ProcessorDiedError, TaskTimeoutError
from scaler.utility.restarts import NO_RESTART_EXIT_CODE

# -- the end of a processor


@pytest.mark.parametrize(
    ("exit_code", "text", "number"),
    [(-9, "signal 9 (SIGKILL)", 9), (-11, "signal 11 (SIGSEGV)", 11), (3, "code 3", None), (0, "code 0", None)],
)
def test_fails_the_running_task_and_names_the_end_of_the_processor(exit_code, text, number):
    agent = AgentFixture().ready().tasks(1, attempt=1)
    agent.processor.start_next()
    agent.die(exit_code)
    cause, error = agent.failure(1)
    assert cause == codec.TaskEndCause.processorDied
    assert isinstance(error, ProcessorDiedError)
    assert (error.signal, error.exit_code, error.pid, error.host) == (number, exit_code, 1000, "box")
    assert (error.task_id, error.attempt) == (task_id(1), 1)
    for part in (text, "host box", "pid 1000", task_id(1).hex(), "attempt 2"):
        assert part in str(error)


def test_runs_unstarted_tasks_on_the_next_processor_without_counting_an_attempt():
    agent = AgentFixture().ready().tasks(1, 2, 3)
    agent.processor.start_next()
    agent.die(-9)
    agent.initialize()
    assert [codec.peek_task(frame)[5] for frame in agent.processor.inbox] == [0, 0]
    agent.run(2)
    assert agent.results() == [1, 2, 3]


def test_runs_a_finished_task_whose_result_was_lost_again_with_the_next_attempt():
    agent = AgentFixture().ready().tasks(1, 2)
    agent.processor.start_next()
    agent.processor.finish()
    agent.processor.start_next()
    agent.die(-9)
    assert agent.results() == [2]
    agent.initialize()
    assert codec.peek_task(agent.processor.inbox[0])[5] == 1
    agent.run()
    assert agent.ends() == [2, 1]
    last = agent.sent[-1]
    assert isinstance(last, codec.TaskResult) and last.attempt == 1


def test_gives_up_a_task_whose_results_are_always_lost():
    agent = AgentFixture().ready().tasks(1)
    for _ in range(3):
        agent.processor.start_next()
        agent.processor.finish()
        agent.die(-9)
        agent.initialize()
    error = agent.failure(1)[1]
    assert isinstance(error, ProcessorDiedError) and error.signal == signal.SIGKILL
    assert "before it had sent the result of the task, as 2 others did" in str(error)
    assert not agent.processor.inbox


def test_attempts_before_count_for_nothing_when_a_result_is_lost():
    agent = AgentFixture().ready().tasks(1, attempt=7)
    agent.processor.start_next()
    agent.processor.finish()
    agent.die(38)
    agent.initialize()
    agent.run()
    last = agent.sent[-1]
    assert isinstance(last, codec.TaskResult) and last.attempt == 8
    assert last.result_type == codec.TaskResultType.success


def test_waits_for_the_last_results_of_a_dead_processor():
    agent = AgentFixture().ready().tasks(1, 2)
    agent.processor.start_next()
    agent.processor.finish()
    agent.die(-9, link=False)
    assert len(agent.processors) == 1
    agent.flush_results()
    agent.core.on_processor_link_lost(agent.processor.identity, agent.now)
    agent.settle()
    assert agent.results() == [1]
    assert len(agent.processors) == 2


def test_does_not_wait_forever_for_the_end_of_a_link():
    agent = AgentFixture().ready()
    agent.die(-9, link=False)
    agent.tick(0.4)
    assert len(agent.processors) == 1
    agent.tick(0.2)
    agent.tick(0.2)
    assert len(agent.processors) == 2


def test_kills_a_processor_that_lives_on_without_its_link():
    agent = AgentFixture().ready().tasks(1)
    first = agent.processor
    agent.core.on_processor_link_lost(first.identity, agent.now)
    agent.tick(0.25)
    assert not first.killed, "it may be about to end with its own exit code"
    agent.tick(0.5)
    assert first.killed
    agent.die(-9, model=first)
    agent.tick()
    assert len(agent.processors) == 2


def test_replaces_a_processor_that_has_worked_at_once():
    agent = AgentFixture().ready().tasks(1)
    agent.run()
    agent.die(-9)
    assert len(agent.processors) == 2


def test_ignores_a_processor_that_is_no_more():
    agent = AgentFixture().ready().tasks(1)
    old = agent.processor
    old.start_next()
    old.finish()
    agent.die(-9)
    agent.initialize()
    agent.flush_results(old)
    agent.core.on_processor_initialized(old.identity)
    agent.core.on_processor_exited(old.identity, -9, agent.now)
    agent.core.on_processor_link_lost(old.identity, agent.now)
    agent.core.on_processor_message(old.identity, b"")
    agent.settle()
    assert agent.sent == []
    agent.run()
    assert agent.ends() == [1]


def test_backs_off_and_quits_when_no_processor_gets_ready():
    agent = AgentFixture()
    agent.core.on_scheduler_connected(agent.now)
    agent.core.on_storage_address(agent.now)
    agent.settle()
    starts = []
    while not agent.quits:
        starts.append(agent.now)
        count = len(agent.processors)
        agent.die(1)
        assert len(agent.processors) == count
        while not agent.quits and len(agent.processors) == count:
            agent.tick(0.05)
    gaps = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert gaps == sorted(gaps) and gaps[0] == pytest.approx(0.1) and len(starts) == 5
    assert agent.quits[0].exit_code == 1
    assert "exited with code 1 before it could serve" in agent.quits[0].reason


def test_quits_at_once_when_the_first_processor_says_that_none_can_serve():
    agent = AgentFixture()
    agent.core.on_storage_address(agent.now)
    agent.settle()
    agent.die(NO_RESTART_EXIT_CODE)
    assert [quit.exit_code for quit in agent.quits] == [NO_RESTART_EXIT_CODE]
    assert "preload" in agent.quits[0].reason


def test_replaces_a_processor_that_cannot_serve_when_another_one_could():
    agent = AgentFixture().ready()
    for _ in range(2):
        agent.die(NO_RESTART_EXIT_CODE)
        agent.tick(1)
    assert len(agent.processors) == 3 and agent.quits == []


def test_quits_when_no_process_can_be_started():
    agent = AgentFixture()
    agent.starts_fail = True
    agent.core.on_storage_address(agent.now)
    agent.settle()
    for _ in range(100):
        agent.tick()
    assert [quit.exit_code for quit in agent.quits] == [1]
    assert "no descriptors" in agent.quits[0].reason


def test_a_processor_that_dies_idle_is_replaced_again_and_again():
    agent = AgentFixture().ready()
    for _ in range(12):
        agent.die(-9)
        agent.tick(6.0)
        agent.initialize()
    assert not agent.quits
    agent.tasks(1).run()
    assert agent.results() == [1]


# -- time limits


@pytest.mark.parametrize(("worker_limit", "task_milliseconds"), [(1.0, 0), (0.0, 1000), (1.0, 5000), (9.0, 1000)])
def test_stops_a_task_at_the_smaller_limit(worker_limit, task_milliseconds):
    agent = AgentFixture(task_timeout_seconds=worker_limit).ready()
    agent.tasks(1, timeout_milliseconds=task_milliseconds).tasks(2)
    first = agent.processor
    first.start_next()
    for _ in range(4):
        agent.tick(0.25)
    assert not first.killed
    agent.tick(0.25)
    assert first.killed
    agent.die(-9, model=first)
    cause, error = agent.failure(1)
    assert cause == codec.TaskEndCause.timedOut
    assert isinstance(error, TaskTimeoutError) and "limit of 1 seconds" in str(error)
    agent.initialize()
    agent.run()
    assert agent.ends() == [1, 2]


def test_a_limit_counts_from_the_start_of_the_task():
    agent = AgentFixture(task_timeout_seconds=1.0).ready().tasks(1, 2)
    agent.processor.start_next()
    agent.tick(0.8)
    agent.processor.finish()
    agent.processor.start_next()  # while the first result is not sent yet
    first = agent.processor
    agent.tick(0.8)
    agent.tick(0.8)
    assert not first.killed
    agent.tick(0.8)
    assert first.killed


def test_tasks_have_no_limit_unless_one_is_set():
    agent = AgentFixture().ready().tasks(1)
    agent.processor.start_next()
    for _ in range(3):
        agent.core.on_heartbeat_echo(agent.now)
        agent.tick(200)
    assert not agent.processor.killed


def test_a_task_that_cannot_be_read_costs_its_processor_and_not_the_worker():
    agent = AgentFixture(task_timeout_seconds=9.0).ready()
    task = codec.Task(task_id=task_id(1), source=b"Client|test", func_object_id=bytes(32), keyword_names=["name"])
    agent.core.on_task(unreadable(task))
    agent.settle()
    agent.processor.start_next()
    agent.tick()  # before the end of the processor is noticed
    agent.die(1)
    cause, error = agent.failure(1)
    assert cause == codec.TaskEndCause.processorDied and isinstance(error, ProcessorDiedError)
    assert not agent.quits
