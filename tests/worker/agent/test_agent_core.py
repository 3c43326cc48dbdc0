"""The decisions of the agent, without processes, sockets or sleep."""

from __future__ import annotations

import hashlib
import itertools
import signal
import time

import pytest
from agent_fixture import AgentFixture, make_task, task_id
from unreadable import unreadable

from scaler.protocol import codec, message
from scaler.utility.exceptions import ProcessorDiedError, TaskTimeoutError
from scaler.utility.restarts import NO_RESTART_EXIT_CODE
from scaler.worker.agent.core import MOST_INSTRUCTION_BYTES

CANCELED = codec.TaskCancelConfirmType.canceled
CANCEL_FAILED = codec.TaskCancelConfirmType.cancelFailed
CANCEL_NOT_FOUND = codec.TaskCancelConfirmType.cancelNotFound


# -- feeding


def test_starts_no_processor_before_the_storage_is_known():
    agent = AgentFixture()
    agent.core.on_scheduler_connected(agent.now)
    agent.settle()
    assert agent.processors == []
    agent.core.on_storage_address(agent.now)
    agent.core.on_storage_address(agent.now)
    agent.settle()
    assert len(agent.processors) == 1


def test_feeds_nothing_before_the_processor_is_initialized():
    agent = AgentFixture()
    agent.core.on_storage_address(agent.now)
    agent.settle()
    agent.tasks(1, 2)
    assert not agent.processor.inbox
    agent.initialize()
    assert len(agent.processor.inbox) == 2


def test_forwards_frames_as_they_are():
    agent = AgentFixture().ready().tasks(7)
    assert agent.processor.inbox[0] == make_task(7)


def test_feeds_ahead_up_to_the_limit_and_refills_with_results():
    agent = AgentFixture(fed_limit=3).ready().tasks(*range(5))
    assert len(agent.processor.inbox) == 3
    agent.run()
    assert len(agent.processor.inbox) == 3
    agent.run(4)
    assert agent.results() == [0, 1, 2, 3, 4]
    assert len(agent.core.tasks) == 0


def test_feeds_the_highest_priority_first_then_the_oldest():
    agent = AgentFixture(fed_limit=1).ready().tasks(1, 2)
    agent.tasks(3, priority=5).tasks(4, priority=5).tasks(5)
    agent.run(5)
    assert agent.results() == [1, 3, 4, 2, 5]


def test_ignores_a_duplicate_task():
    agent = AgentFixture().ready().tasks(1, 1)
    agent.run()
    assert agent.ends() == [1]
    assert not agent.processor.inbox
    assert agent.core.dropped["duplicate task"] == 1


def test_refuses_a_frame_that_is_no_task():
    agent = AgentFixture().ready()
    with pytest.raises(codec.CodecError):
        agent.core.on_task(b"rubbish")
    agent.tasks(1).run()
    assert agent.results() == [1]


def test_drops_results_of_tasks_it_does_not_hold_and_of_strangers():
    agent = AgentFixture().ready().tasks(1)
    result = codec.TaskResult(task_id=task_id(9), result_type=0).encode()
    agent.core.on_task_result(agent.processor.identity, result)
    agent.core.on_task_result(b"stranger", codec.TaskResult(task_id=task_id(1), result_type=0).encode())
    agent.settle()
    assert agent.results() == []
    assert agent.core.dropped["result"] == 2


def test_announces_objects_before_the_result():
    agent = AgentFixture().ready().tasks(1)
    create = codec.ObjectInstruction(instruction_type=codec.ObjectInstructionType.create, object_user=b"c").encode()
    agent.core.on_processor_message(agent.processor.identity, create)
    agent.run()
    assert [type(each) for each in agent.sent] == [codec.ObjectInstruction, codec.TaskResult]


def test_tells_the_processor_to_evict_objects():
    agent = AgentFixture()
    delete = codec.ObjectInstruction(
        instruction_type=codec.ObjectInstructionType.delete, object_ids=[bytes(32)]
    ).encode()
    agent.core.on_object_instruction(delete)
    agent.ready()
    assert not agent.processor.inbox
    agent.core.on_object_instruction(delete)
    agent.settle()
    assert list(agent.processor.inbox) == [delete]


def test_tells_every_processor_for_how_long_unused_objects_are_kept():
    agent = AgentFixture()
    first, second = (message.encode("workerHeartbeatEcho", objectRetentionMilliseconds=each) for each in (1000, 2000))
    agent.core.on_object_retention(first)
    agent.ready()
    agent.settle()
    assert list(agent.processor.inbox) == [first]
    agent.core.on_object_retention(second)
    agent.settle()
    assert list(agent.processor.inbox) == [first, second]


# -- cancel and retraction


@pytest.mark.parametrize("force", [False, True])
def test_cancels_a_queued_task(force):
    agent = AgentFixture(fed_limit=1).ready().tasks(1, 2)
    agent.cancel(2, force=force)
    assert agent.verdicts() == [(2, CANCELED)]
    agent.run()
    assert agent.processor.started == [1]


@pytest.mark.parametrize("force", [False, True])
def test_cancels_a_fed_task_that_has_not_started(force):
    agent = AgentFixture().ready().tasks(1, 2, 3)
    agent.processor.start_next()
    agent.cancel(2, force=force)
    assert agent.verdicts() == [(2, CANCELED)]
    assert not agent.processor.killed
    agent.run(2)
    assert agent.processor.started == [1, 3]


@pytest.mark.parametrize("force", [False, True])
def test_does_not_find_a_task_it_does_not_hold(force):
    agent = AgentFixture().ready().tasks(1)
    agent.run()
    agent.cancel(1, force=force)
    agent.cancel(2, force=force)
    assert agent.verdicts() == [(1, CANCEL_NOT_FOUND), (2, CANCEL_NOT_FOUND)]


def test_does_not_retract_a_running_task():
    agent = AgentFixture().ready().tasks(1)
    agent.processor.start_next()
    agent.cancel(1, force=False)
    assert agent.verdicts() == [(1, CANCEL_FAILED)]
    agent.run()
    assert agent.ends() == [1]


def test_a_forced_cancel_kills_the_processor_and_is_confirmed_when_it_is_dead():
    agent = AgentFixture().ready().tasks(1, 2)
    agent.processor.start_next()
    agent.cancel(1, force=True)
    assert agent.processor.killed
    assert agent.ends() == []
    agent.die(-signal.SIGKILL)
    assert agent.verdicts() == [(1, CANCELED)]
    agent.initialize()
    agent.run()
    assert agent.ends() == [1, 2]
    assert agent.processors[0].started == [1]


def test_a_forced_cancel_lets_no_other_task_start_before_the_kill():
    agent = AgentFixture().ready().tasks(1, 2)
    agent.processor.start_next()
    agent.cancel(1, force=True)
    agent.processor.finish()  # just before the signal arrives
    assert not agent.processor.start_next()


def test_a_result_that_wins_against_the_kill_is_the_end():
    agent = AgentFixture().ready().tasks(1, 2)
    first = agent.processor
    first.start_next()
    agent.cancel(1, force=True)
    agent.run(model=first)
    agent.die(-signal.SIGKILL, model=first)
    assert agent.results() == [1] and agent.verdicts() == []
    agent.initialize()
    agent.run()
    assert agent.ends() == [1, 2]


def test_a_forced_cancel_of_a_finished_task_kills_nothing():
    agent = AgentFixture().ready().tasks(1, 2)
    agent.processor.start_next()
    agent.processor.finish()
    agent.cancel(1, force=True)
    assert not agent.processor.killed
    agent.flush_results()
    assert agent.results() == [1] and agent.verdicts() == []
    agent.run()
    assert agent.ends() == [1, 2]


def test_a_forced_cancel_is_confirmed_when_the_result_is_lost_with_the_processor():
    agent = AgentFixture().ready().tasks(1)
    agent.processor.start_next()
    agent.processor.finish()
    agent.cancel(1, force=True)
    agent.die(-signal.SIGSEGV)
    assert agent.verdicts() == [(1, CANCELED)]
    assert agent.results() == []


def test_a_second_forced_cancel_changes_nothing():
    agent = AgentFixture().ready().tasks(1)
    agent.processor.start_next()
    agent.cancel(1, force=True)
    agent.cancel(1, force=True)
    agent.die(-signal.SIGKILL)
    assert agent.verdicts() == [(1, CANCELED)]


def test_slots_of_revoked_tasks_are_used_again_without_a_result():
    agent = AgentFixture().ready().tasks(0)
    agent.processor.start_next()
    for number in range(1, 400):
        agent.tasks(number)
        agent.cancel(number, force=False)
    agent.tasks(1000)
    assert agent.core.tasks.queued_count == 1, "every slot is taken by a revoked task"
    agent.processor.finish()
    agent.processor.start_next()  # passes the revoked ones
    agent.flush_results()
    assert agent.processor.start_next()
    assert agent.processor.started == [0, 1000]


def test_taking_many_queued_tasks_back_looks_for_none_of_them():
    agent = AgentFixture(fed_limit=1).ready().tasks(*range(30_000))
    start = time.monotonic()
    for number in range(29_999, 0, -1):
        agent.core.on_task_cancel(codec.TaskCancel(task_id=task_id(number), force=False).encode())
    assert time.monotonic() - start < 8  # to look through the queue each time takes minutes
    agent.settle()
    assert len(agent.verdicts()) == 29_999
    agent.run()
    assert agent.results() == [0] and len(agent.core.tasks) == 0


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


# -- sessions with the scheduler


def test_heartbeats_at_once_and_in_intervals_also_without_echoes():
    agent = AgentFixture(heartbeat_interval_seconds=2.0)
    assert not agent.core.link.take_heartbeat(agent.now)
    agent.core.on_scheduler_connected(agent.now)
    assert agent.core.link.take_heartbeat(agent.now)
    assert not agent.core.link.take_heartbeat(agent.now + 1.9)
    assert agent.core.link.take_heartbeat(agent.now + 2.0)
    agent.core.on_heartbeat_echo(agent.now + 4.0)
    assert agent.core.link.latency_seconds == pytest.approx(2.0)
    agent.core.on_heartbeat_echo(agent.now + 4.0)
    assert agent.core.link.latency_seconds == pytest.approx(1.0)
    agent.core.on_scheduler_lost(agent.now + 5.0)
    assert not agent.core.link.take_heartbeat(agent.now + 6.0)


def test_drops_all_work_with_the_session():
    agent = AgentFixture(fed_limit=2).ready().tasks(1, 2, 3)
    agent.core.on_scheduler_lost(agent.now)
    agent.settle()
    assert len(agent.core.tasks) == 0
    assert not agent.processor.killed, "nothing had started"
    assert not agent.processor.start_next()
    agent.core.on_scheduler_connected(agent.now)
    agent.tasks(4).run()
    assert agent.ends() == [4]


def test_kills_a_busy_processor_with_the_session():
    agent = AgentFixture().ready().tasks(1, 2)
    first = agent.processor
    first.start_next()
    agent.core.on_scheduler_lost(agent.now)
    agent.settle()
    assert first.killed
    agent.core.on_scheduler_connected(agent.now)
    agent.tasks(1)  # placed here again
    first.finish()
    agent.flush_results(first)
    assert agent.ends() == [], "the result of the dropped run"
    agent.die(-9, model=first)
    agent.initialize()
    agent.run()
    assert agent.ends() == [1]


def test_quits_after_the_death_timeout():
    agent = AgentFixture(death_timeout_seconds=10.0).ready()
    agent.tick(9.0)
    agent.core.on_heartbeat_echo(agent.now)
    agent.tick(9.0)
    assert not agent.quits
    agent.tick(1.5)
    agent.tick(1.5)
    assert [quit.exit_code for quit in agent.quits] == [1]


def test_quits_once_and_feeds_nothing_more():
    agent = AgentFixture().ready()
    agent.core.on_shutdown()
    agent.core.on_stop_requested("signal")
    agent.tasks(1)
    assert [quit.exit_code for quit in agent.quits] == [0]
    assert not agent.processor.inbox


def test_digest_of_held_tasks():
    agent = AgentFixture(fed_limit=1).ready()
    assert agent.core.tasks.digest() == 0
    agent.tasks(1, 2)
    hashes = [hashlib.blake2b(task_id(number), digest_size=8).digest() for number in (1, 2)]
    expected = int.from_bytes(hashes[0], "little") ^ int.from_bytes(hashes[1], "little")
    assert agent.core.tasks.digest() == expected
    agent.run(2)
    assert agent.core.tasks.digest() == 0


def delete_of(number: int) -> bytes:
    return codec.ObjectInstruction(
        instruction_type=codec.ObjectInstructionType.delete, object_ids=[number.to_bytes(32, "big")] * 100
    ).encode()


def test_a_busy_processor_is_told_only_so_much_about_deleted_objects():
    agent = AgentFixture().ready().tasks(1)
    agent.processor.start_next()
    for number in range(1000):
        agent.core.on_object_instruction(delete_of(number))
    agent.settle()
    assert sum(map(len, agent.processor.inbox)) <= MOST_INSTRUCTION_BYTES
    assert agent.core.dropped["object instruction"] > 0
    agent.processor.inbox.clear()
    agent.processor.finish()
    agent.flush_results()
    for number in range(1000):  # idle, so it listens
        agent.core.on_object_instruction(delete_of(number))
    agent.settle()
    assert len(agent.processor.inbox) == 1000


def test_a_full_queue_costs_a_processor_word_of_deleted_objects_and_no_more():
    agent = AgentFixture().ready().tasks(1)
    busy = agent.processor
    agent.core.on_undelivered(busy.identity, delete_of(1), agent.now, is_queue_full=True)
    agent.tick(10.0)
    assert not busy.killed
    agent.core.on_undelivered(busy.identity, delete_of(1), agent.now, is_queue_full=False)
    agent.tick(10.0)
    assert busy.killed


# -- draining


def test_says_at_once_that_it_drains_and_leaves_when_it_is_told_to():
    agent = AgentFixture().ready()
    agent.core.link.take_heartbeat(agent.now)
    assert not agent.core.link.take_heartbeat(agent.now + 0.1)
    agent.core.on_drain_requested("received SIGTERM", 60.0, agent.now)
    assert agent.core.is_draining
    assert agent.core.link.take_heartbeat(agent.now + 0.1)
    agent.tick(59.0)
    assert not agent.quits
    agent.core.on_shutdown()
    agent.settle()
    assert [quit.exit_code for quit in agent.quits] == [0]


def test_leaves_when_it_drains_for_too_long():
    agent = AgentFixture().ready()
    agent.tasks(1)
    agent.core.on_drain_requested("received SIGTERM", 60.0, agent.now)
    agent.core.on_drain_requested("received SIGTERM", 600.0, agent.now)  # the first one counts
    agent.tick(60.0)
    assert [(quit.reason, quit.exit_code) for quit in agent.quits] == [
        ("it still holds 1 task(s) at the end of the time to drain", 0)
    ]


def test_has_nothing_to_drain_without_a_scheduler():
    agent = AgentFixture()
    agent.core.on_drain_requested("received SIGTERM", 60.0, agent.now)
    agent.settle()
    assert [quit.reason for quit in agent.quits] == ["received SIGTERM"]


def test_leaves_when_the_scheduler_is_lost_while_it_drains():
    agent = AgentFixture().ready()
    agent.core.on_drain_requested("received SIGTERM", 60.0, agent.now)
    agent.core.on_scheduler_lost(agent.now)
    agent.settle()
    assert [quit.exit_code for quit in agent.quits] == [0]
