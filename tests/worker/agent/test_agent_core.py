"""The decisions of the agent, without processes, sockets or sleep."""

from __future__ import annotations

import hashlib
import signal
import time

import pytest
from agent_fixture import AgentFixture, make_task, task_id

from scaler.protocol import codec, message
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
