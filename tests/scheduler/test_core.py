"""The scheduler core, without processes, sockets or sleeps."""

from __future__ import annotations

import gc
import json
import time
import tracemalloc

import pytest
from scheduler_fixture import SchedulerFixture, assert_at_rest, failure_of, result_frame

from scaler.protocol import codec, message
from scaler.protocol.codec import TaskCancelConfirmType
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.scheduler.bad_message import MOST_BAD_MESSAGES
from scaler.scheduler.controllers.monitor_controller import WORKERS_OF_A_STEP
from scaler.utility.exceptions import ClientShutdownException, TaskRejectedError
from scaler.utility.identifiers import TaskID


def test_task_goes_to_a_worker_and_its_result_to_the_client(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    assert scheduler.tasks_sent_to(worker) == [task]
    scheduler.finish(worker, task)
    [result] = scheduler.take(client)
    assert result == codec.decode(result_frame(task))
    assert_at_rest(scheduler)


def test_frames_are_forwarded_as_they_came(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    task_id = TaskID.generate_task_id()
    frame = codec.Task(task_id=task_id, source=client, func_object_id=bytes(32), priority=3).encode()
    scheduler.core.on_message(client, frame)
    scheduler.core.on_batch_end()
    assert scheduler.core.outbox.messages == [(worker, frame)]


def test_tasks_wait_for_the_first_worker_and_start_in_order(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    tasks = scheduler.submit(client, 2)
    worker = scheduler.worker("late")
    gauges = scheduler.core.gauges()
    assert (gauges["placed_tasks"], gauges["waiting_tasks"]) == (2, 0)
    for task in tasks:
        scheduler.finish(worker, task)
    assert [result.task_id for result in scheduler.take(client)] == tasks


def test_heartbeats_are_answered_with_the_storage_address(scheduler: SchedulerFixture) -> None:
    worker, client = scheduler.worker(), scheduler.client()
    scheduler.heartbeat(worker)
    assert scheduler.take(worker) == ["workerHeartbeatEcho"]
    scheduler.say(client, message.encode("clientHeartbeat"))
    assert scheduler.take(client) == ["clientHeartbeatEcho"]


@pytest.mark.parametrize(("seconds", "milliseconds"), [(60, 60_000), (0.0001, 1), (1e12, 2**32 - 1)])
def test_workers_are_told_for_how_long_unused_objects_are_kept(seconds: float, milliseconds: int) -> None:
    scheduler = SchedulerFixture(object_retention_seconds=seconds)
    worker = scheduler.worker()
    scheduler.heartbeat(worker)
    _, echo = message.decode(scheduler.frames_to(worker)[-1])
    assert echo.objectRetentionMilliseconds == milliseconds


def test_a_worker_gets_a_short_prefetch_not_its_whole_share(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    scheduler.submit(client, 100)
    assert len(scheduler.tasks_sent_to(worker)) == 2


def test_prefetch_grows_for_short_tasks_up_to_its_bound(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    scheduler.submit(client, 500)
    held = scheduler.tasks_sent_to(worker)
    for _ in range(20):
        scheduler.finish(worker, held.pop(0), seconds=0.00001)
        held += scheduler.tasks_sent_to(worker)
    assert len(held) == 64


def test_queue_size_bounds_the_prefetch(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker(queue_size=1)
    scheduler.submit(client, 3)
    assert len(scheduler.tasks_sent_to(worker)) == 1


def test_a_full_worker_does_not_hide_one_with_room(scheduler: SchedulerFixture) -> None:
    client, small = scheduler.client(), scheduler.worker("small", queue_size=1)
    scheduler.submit(client)
    large = scheduler.worker("large")
    scheduler.submit(client, 3)
    # The small one has the fewest tasks, and no room.
    assert len(scheduler.tasks_sent_to(small)) == 1
    assert len(scheduler.tasks_sent_to(large)) == 2
    assert scheduler.core.gauges()["waiting_tasks"] == 1


def test_tasks_are_spread_over_workers(scheduler: SchedulerFixture) -> None:
    workers = [scheduler.worker(name) for name in "abc"]
    client = scheduler.client()
    scheduler.submit(client, 3)
    assert [len(scheduler.tasks_sent_to(worker)) for worker in workers] == [1, 1, 1]


def test_higher_priority_starts_first(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    [low] = scheduler.submit(client)
    [high] = scheduler.submit(client, priority=5)
    worker_id = scheduler.worker(queue_size=1)
    scheduler.finish(worker_id, high)
    assert scheduler.tasks_sent_to(worker_id) == [low]


def test_cancel_of_a_waiting_task_is_confirmed_at_once(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    [task] = scheduler.submit(client)
    scheduler.cancel(client, task)
    assert scheduler.take(client) == [
        codec.TaskCancelConfirm(task_id=task, cancel_confirm_type=TaskCancelConfirmType.canceled)
    ]
    assert_at_rest(scheduler)
    worker = scheduler.worker()
    assert scheduler.tasks_sent_to(worker) == []


def test_cancelling_many_waiting_tasks_looks_for_none_of_them(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    tasks = scheduler.submit(client, 50_000)
    start = time.process_time()
    for task in reversed(tasks):
        scheduler.core.on_message(client, codec.TaskCancel(task_id=task, force=True).encode())
    assert time.process_time() - start < 8  # to look through the queue each time takes minutes
    scheduler.end_batch()
    assert len(scheduler.take(client)) == 50_000
    assert_at_rest(scheduler)


def test_a_client_that_leaves_takes_along_the_tasks_it_has_left(scheduler: SchedulerFixture) -> None:
    client, other = scheduler.client(), scheduler.client("other")
    tasks = scheduler.submit(client, 10)
    scheduler.submit(other, 3)
    for index in (3, 0, 9, 5):
        scheduler.cancel(client, tasks[index])
    scheduler.lose(client)
    assert scheduler.core.gauges()["tasks"] == scheduler.core.gauges()["waiting_tasks"] == 3


def test_a_waiting_task_is_light(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    scheduler.submit(client)
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    scheduler.submit(client, 10_000)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert used / 10_000 < 520  # 464 compiled, 484 not, with a message of 224 bytes


def test_tasks_leave_nothing(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()

    def work(count: int) -> None:
        """Let some tasks come and go."""
        for task in scheduler.submit(client, count):
            scheduler.finish(worker, task)
        scheduler.take(client), scheduler.take(worker)

    tracemalloc.start()
    work(1_000)  # tables keep the size that they have had
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10):
        work(1_000)
    gc.collect()
    left = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert left / 10_000 < 10


def test_cancel_of_a_placed_task_waits_for_the_workers_verdict(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    scheduler.take(worker)
    scheduler.cancel(client, task)
    assert scheduler.take(client) == []
    assert scheduler.take(worker) == [codec.TaskCancel(task_id=task, force=True)]
    assert scheduler.core.gauges()["placed_tasks"] == 1  # nothing moves before the confirm
    scheduler.confirm(worker, task, TaskCancelConfirmType.canceled)
    assert [confirm.cancel_confirm_type for confirm in scheduler.take(client)] == [TaskCancelConfirmType.canceled]
    assert_at_rest(scheduler)


def test_a_result_that_wins_over_a_cancel_is_delivered(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    scheduler.cancel(client, task)
    scheduler.finish(worker, task)
    scheduler.confirm(worker, task, TaskCancelConfirmType.cancelNotFound)
    assert [type(sent) for sent in scheduler.take(client)] == [codec.TaskResult]
    assert_at_rest(scheduler)


def test_a_refused_cancel_reaches_the_client_and_the_task_goes_on(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    scheduler.cancel(client, task)
    scheduler.confirm(worker, task, TaskCancelConfirmType.cancelFailed)
    assert [confirm.cancel_confirm_type for confirm in scheduler.take(client)] == [TaskCancelConfirmType.cancelFailed]
    scheduler.finish(worker, task)
    assert [type(sent) for sent in scheduler.take(client)] == [codec.TaskResult]


def test_cancel_of_an_unknown_or_foreign_task_is_not_found(scheduler: SchedulerFixture) -> None:
    mine, other = scheduler.client("a"), scheduler.client("b")
    [task] = scheduler.submit(mine)
    scheduler.cancel(other, task)
    assert [confirm.cancel_confirm_type for confirm in scheduler.take(other)] == [TaskCancelConfirmType.cancelNotFound]
    assert scheduler.core.gauges()["tasks"] == 1


def test_a_peer_that_sends_many_bad_messages_loses_its_connection_and_fills_no_log(
    scheduler: SchedulerFixture, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good, worker = scheduler.client("bad"), scheduler.client("good"), scheduler.worker()
    for _ in range(MOST_BAD_MESSAGES - 1):
        scheduler.say(bad, b"garbage")
    scheduler.say(good, b"garbage")
    assert scheduler.closed == []
    for _ in range(1000):  # those that had come before the connection ends
        scheduler.say(bad, b"garbage")
    assert scheduler.closed == [bad]
    assert sum(str(bytes(bad)) in record.message for record in caplog.records) == MOST_BAD_MESSAGES + 1
    assert scheduler.core.gauges()["dropped_messages"] == MOST_BAD_MESSAGES + 1000
    scheduler.lose(bad)
    scheduler.say(bad, b"garbage")
    assert scheduler.closed == [bad]
    [task] = scheduler.submit(good)
    assert scheduler.tasks_sent_to(worker) == [task]


def test_bad_messages_are_dropped_and_counted(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    foreign = codec.Task(task_id=bytes(16), source=b"Client|somebody", func_object_id=bytes(32)).encode()
    for peer, frame in [
        (client, b"garbage"),
        (client, foreign),
        (worker, foreign),
        (client, codec.ProcessorInitialized().encode()),
        (b"nobody", codec.TaskCancel(task_id=bytes(16)).encode()),
    ]:
        before = scheduler.core.gauges()["dropped_messages"]
        scheduler.say(peer, frame)
        assert scheduler.core.gauges()["dropped_messages"] == before + 1
    [task] = scheduler.submit(client)
    assert scheduler.tasks_sent_to(worker) == [task]


def test_duplicate_task_is_dropped(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    frame = codec.Task(task_id=task, source=client, func_object_id=bytes(32)).encode()
    scheduler.say(client, frame)
    assert scheduler.tasks_sent_to(worker) == [task]


@pytest.mark.parametrize("end", ["finished", "cancelled", "its client has left", "unknown"])
def test_late_messages_about_a_task_change_nothing(scheduler: SchedulerFixture, end: str) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    if end == "finished":
        scheduler.finish(worker, task)
    else:
        scheduler.lose(client) if end == "its client has left" else scheduler.cancel(client, task)
        scheduler.confirm(worker, task, TaskCancelConfirmType.canceled)
    if end == "unknown":
        task = TaskID.generate_task_id()
    scheduler.take(client)
    log = codec.TaskLog(task_id=task, log_type=codec.LogType.stdout, content="late")
    scheduler.say(worker, log.encode())
    scheduler.finish(worker, task)
    for kind in TaskCancelConfirmType:
        scheduler.confirm(worker, task, kind)
    assert scheduler.take(client) == []
    assert_at_rest(scheduler)
    other = scheduler.client("other")
    [served] = scheduler.submit(other)
    scheduler.say(worker, codec.TaskLog(task_id=served, log_type=codec.LogType.stdout, content="in time").encode())
    scheduler.finish(worker, served)
    assert [type(sent) for sent in scheduler.take(other)] == [codec.TaskLog, codec.TaskResult]


def test_more_waiting_tasks_than_allowed_are_refused() -> None:
    scheduler = SchedulerFixture(max_number_of_tasks_waiting=2)
    client = scheduler.client()
    tasks = scheduler.submit(client, 3)
    [result] = scheduler.take(client)
    assert result.task_id == tasks[2]
    assert isinstance(failure_of(result), TaskRejectedError)
    assert "max_number_of_tasks_waiting" in str(failure_of(result))


def test_capability_policy_places_only_where_offered_and_blocks_nobody_else() -> None:
    scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
    client, plain = scheduler.client(), scheduler.worker("plain")
    [needs_gpu] = scheduler.submit(client, capabilities={"gpu": 1})
    [anywhere] = scheduler.submit(client)
    assert scheduler.tasks_sent_to(plain) == [anywhere]
    gpu = scheduler.worker("gpu", capabilities={"gpu": -1})
    scheduler.finish(gpu, needs_gpu)
    assert [result.task_id for result in scheduler.take(client)] == [needs_gpu]


def test_protected_scheduler_refuses_shutdown(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    scheduler.say(client, message.encode("clientDisconnect", disconnectType="shutdown"))
    assert scheduler.take(client) == ["clientShutdownResponse"]
    assert not scheduler.stopped
    scheduler.finish(worker, task)
    assert len(scheduler.take(client)) == 1


def test_accepted_shutdown_fails_tasks_and_stops_workers() -> None:
    scheduler = SchedulerFixture(protected=False)
    client, worker = scheduler.client(), scheduler.worker(queue_size=1)
    tasks = scheduler.submit(client, 2)
    scheduler.take(worker)
    scheduler.say(client, message.encode("clientDisconnect", disconnectType="shutdown"))
    response, *ends = scheduler.take(client)
    assert response == "clientShutdownResponse"
    assert {end.task_id for end in ends} == set(tasks)
    assert all(isinstance(failure_of(end), ClientShutdownException) for end in ends)
    assert scheduler.take(worker) == ["clientDisconnect"]
    assert scheduler.stopped
    assert_at_rest(scheduler)


def test_gauges_are_answered_as_json(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    scheduler.worker()
    scheduler.core.on_message(client, message.encode("informationRequest", request=b"gauges"))
    [(peer, frame)] = scheduler.core.outbox.messages
    member, response = message.decode(frame)
    assert (peer, member) == (client, "informationResponse")
    assert json.loads(bytes(response.response))["workers"] == 1


def test_monitor_hears_of_placements_and_ends_only_while_somebody_listens(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    scheduler.submit(client)
    assert scheduler.reports == []
    scheduler.core.outbox.monitored = True
    [task] = scheduler.submit(client)
    scheduler.finish(worker, task)
    scheduler.core.publish({"cpu": 1, "rss": 2}, 3)
    scheduler.end_batch()
    states = [(fields["taskId"], fields["state"]) for member, fields in scheduler.reports if member == "stateTask"]
    assert states == [(task, "running"), (task, "success")]
    [(member, fields)] = [report for report in scheduler.reports if report[0] == "stateScheduler"]
    decoded = message.decode(message.encode(member, **fields))[1]
    assert decoded.workerManager.workers[0].sent == 1


def test_a_report_on_thousands_of_workers_holds_nobody_up(scheduler: SchedulerFixture) -> None:
    for number in range(5000):
        scheduler.worker(str(number))
    scheduler.core.outbox.monitored = True
    scheduler.core.publish({"cpu": 1, "rss": 2}, 3)
    turns = 1
    while scheduler.core.has_more_to_do:
        assert scheduler.core.outbox.reports == []
        scheduler.core.on_batch_end()
        turns += 1
    assert turns == 5000 // WORKERS_OF_A_STEP  # between which tasks come and go
    [(_, member, fields)] = scheduler.core.outbox.reports
    assert len(message.encode(member, **fields)) < 1_500_000
