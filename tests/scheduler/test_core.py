"""The scheduler core, without processes, sockets or sleeps."""

from __future__ import annotations

import gc
import json
import time
import tracemalloc

import pytest
from scheduler_fixture import SchedulerFixture, failure_of, result_frame

from scaler.protocol import codec, message
from scaler.protocol.codec import TaskCancelConfirmType
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.scheduler.controllers.monitor_controller import WORKERS_OF_A_STEP
from scaler.scheduler.controllers.object_controller import DELETE_AGAIN_SECONDS
from scaler.utility.exceptions import ClientShutdownException, TaskRejectedError, WorkerDiedError
from scaler.utility.identifiers import ClientID, ObjectID, TaskID


@pytest.fixture
def scheduler() -> SchedulerFixture:
    return SchedulerFixture()


def assert_at_rest(scheduler: SchedulerFixture) -> None:
    """Check that nothing is left of any task (invariant I5)."""
    gauges = scheduler.core.gauges()
    for gauge in ("tasks", "waiting_tasks", "placed_tasks", "open_cancels", "loaded_workers"):
        assert gauges[gauge] == 0, gauges


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


def test_lost_worker_gives_its_tasks_back_with_another_attempt(scheduler: SchedulerFixture) -> None:
    client, first = scheduler.client(), scheduler.worker("a")
    tasks = scheduler.submit(client, 2)
    scheduler.lose(first)
    second = scheduler.worker("b")
    scheduler.lose(second)
    third_id = scheduler.worker("c", queue_size=5)
    gauges = scheduler.core.gauges()
    assert (gauges["placed_tasks"], gauges["workers"]) == (2, 1)
    for task in tasks:
        scheduler.finish(third_id, task, attempt=2)
    assert [result.attempt for result in scheduler.take(client)] == [2, 2]
    assert_at_rest(scheduler)


def test_placed_again_task_carries_its_attempt(scheduler: SchedulerFixture) -> None:
    client, first, second = scheduler.client(), scheduler.worker("a"), scheduler.worker("b")
    [task] = scheduler.submit(client)
    holder, other = (first, second) if scheduler.tasks_sent_to(first) else (second, first)
    scheduler.take(other)
    scheduler.lose(holder)
    [sent] = scheduler.take(other)
    assert (sent.task_id, sent.attempt) == (task, 1)


def test_task_under_which_three_workers_were_lost_fails(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    [task] = scheduler.submit(client)
    for name in "abc":
        scheduler.lose(scheduler.worker(name))
    [result] = scheduler.take(client)
    error = failure_of(result)
    assert isinstance(error, WorkerDiedError)
    assert error.task_id == task and task.hex() in str(error)
    assert (result.result_type, result.cause) == (
        codec.TaskResultType.failedWorkerDied,
        codec.TaskEndCause.workerLost,
    )
    assert_at_rest(scheduler)


def test_prefetched_tasks_are_not_charged_for_lost_workers(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    poison, innocent = scheduler.submit(client, 2)
    for name in "abc":
        scheduler.lose(scheduler.worker(name))
    [result] = scheduler.take(client)
    assert result.task_id == poison
    survivor = scheduler.worker("d")
    scheduler.finish(survivor, innocent, attempt=3)
    assert [result.task_id for result in scheduler.take(client)] == [innocent]


def test_results_of_a_lost_worker_are_stale(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker("a")
    [task] = scheduler.submit(client)
    scheduler.lose(worker)
    again = scheduler.worker("a")
    scheduler.finish(again, task, attempt=0)  # of the first attempt
    assert scheduler.take(client) == []
    scheduler.finish(again, task, attempt=1)
    assert [result.attempt for result in scheduler.take(client)] == [1]


def test_a_worker_cannot_finish_the_task_of_another(scheduler: SchedulerFixture) -> None:
    client, first, second = scheduler.client(), scheduler.worker("a"), scheduler.worker("b")
    [task] = scheduler.submit(client)
    holder, other = (first, second) if scheduler.tasks_sent_to(first) else (second, first)
    scheduler.finish(other, task)
    assert scheduler.take(client) == []
    scheduler.finish(holder, task)
    assert len(scheduler.take(client)) == 1


def test_leaving_worker_is_answered_and_not_resurrected_by_a_straggler(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker("a")
    scheduler.submit(client)
    scheduler.take(worker)
    scheduler.say(worker, message.encode("disconnectRequest", worker=b"Worker|somebody else|"))
    assert scheduler.take(worker) == ["disconnectResponse"]
    scheduler.heartbeat(worker)
    assert scheduler.core.gauges()["workers"] == 0
    assert scheduler.core.gauges()["waiting_tasks"] == 1
    scheduler.lose(worker)
    assert scheduler.core.gauges()["departed_workers"] == 0


def test_lost_clients_tasks_are_cancelled_and_slots_freed(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker(queue_size=1)
    running, _waiting = scheduler.submit(client, 2)
    scheduler.take(worker)
    scheduler.lose(client)
    assert scheduler.take(worker) == [codec.TaskCancel(task_id=running, force=True)]
    scheduler.confirm(worker, running, TaskCancelConfirmType.canceled)
    assert_at_rest(scheduler)
    assert scheduler.take(client) == []


def test_client_disconnect_message_does_the_same(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    object_id = ObjectID.generate_object_id(client)
    scheduler.create_objects(client, client, [object_id])
    [task] = scheduler.submit(client)
    scheduler.take(worker)
    scheduler.say(client, message.encode("clientDisconnect", disconnectType="disconnect"))
    assert scheduler.deleted_owners == [client.owner_hash()]
    scheduler.finish(worker, task)
    assert scheduler.take(client) == []
    assert_at_rest(scheduler)


def test_results_of_a_departed_client_are_deleted_from_storage(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    scheduler.submit(client)
    scheduler.lose(client)
    scheduler.deleted_owners.clear()
    scheduler.create_objects(worker, client, [ObjectID.generate_object_id(client)])
    assert scheduler.deleted_owners == [client.owner_hash()]
    assert scheduler.core.gauges()["objects"] == 0


def test_what_a_client_leaves_behind_is_deleted_though_never_announced_and_again_in_case_it_was_on_its_way(
    scheduler: SchedulerFixture,
) -> None:
    client = scheduler.client()
    scheduler.lose(client)
    assert scheduler.deleted_owners == [client.owner_hash()]
    scheduler.deleted_owners.clear()
    scheduler.tick(DELETE_AGAIN_SECONDS - 0.1)
    assert scheduler.deleted_owners == []
    scheduler.tick(DELETE_AGAIN_SECONDS)
    scheduler.tick(DELETE_AGAIN_SECONDS + 1)
    assert scheduler.deleted_owners == [client.owner_hash()]


def test_a_client_that_comes_back_keeps_its_new_objects(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    scheduler.lose(client)
    assert scheduler.client() == client
    scheduler.deleted_owners.clear()
    scheduler.tick(DELETE_AGAIN_SECONDS)
    assert scheduler.deleted_owners == []


def announce(scheduler: SchedulerFixture, worker: bytes, client: ClientID) -> ObjectID:
    """Let a worker announce the object that the result of a task will name."""
    object_id = ObjectID.generate_object_id(client)
    scheduler.create_objects(worker, client, [object_id])
    return object_id


def test_what_a_lost_worker_has_announced_for_results_is_deleted(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [done, _] = scheduler.submit(client, 2)
    kept, orphan = announce(scheduler, worker, client), announce(scheduler, worker, client)
    result = codec.TaskResult(task_id=done, result_type=codec.TaskResultType.success, results=[kept])
    scheduler.say(worker, result.encode())
    scheduler.lose(worker)
    assert scheduler.deleted == [orphan]
    assert scheduler.core.gauges()["objects"] == 1


def test_the_object_of_a_result_that_nobody_wants_is_deleted(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    scheduler.finish(worker, task)
    late = announce(scheduler, worker, client)
    result = codec.TaskResult(task_id=task, result_type=codec.TaskResultType.success, results=[late])
    scheduler.say(worker, result.encode())
    assert scheduler.deleted == [late]
    assert scheduler.core.gauges()["objects"] == 0


@pytest.mark.parametrize("ends_by", ["cancel", "death"])
def test_what_a_killed_processor_has_announced_is_deleted_when_its_worker_has_no_task(
    scheduler: SchedulerFixture, ends_by: str
) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    stopped, other = scheduler.submit(client, 2)
    orphan, kept = announce(scheduler, worker, client), announce(scheduler, worker, client)
    if ends_by == "cancel":
        scheduler.cancel(client, stopped)
        scheduler.confirm(worker, stopped, TaskCancelConfirmType.canceled)
    else:
        failed = codec.TaskResult(task_id=stopped, result_type=codec.TaskResultType.failed, value=b"died")
        scheduler.say(worker, failed.encode())
    assert scheduler.deleted == []  # the other task may be about to name it
    success = codec.TaskResult(task_id=other, result_type=codec.TaskResultType.success, results=[kept])
    scheduler.say(worker, success.encode())
    assert scheduler.deleted == [orphan]
    [last] = scheduler.submit(client)
    late = announce(scheduler, worker, client)
    scheduler.cancel(client, last)
    scheduler.confirm(worker, last, TaskCancelConfirmType.canceled)
    assert scheduler.deleted == [orphan, late]
    assert scheduler.core.gauges()["objects"] == 1


def test_what_a_killed_processor_has_announced_goes_also_from_a_worker_that_is_never_idle(
    scheduler: SchedulerFixture,
) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    stopped, beside = scheduler.submit(client, 2)
    orphan = announce(scheduler, worker, client)
    scheduler.finish(worker, stopped)  # its result is not that object: the processor was killed, and it ran again
    [later] = scheduler.submit(client)
    running = announce(scheduler, worker, client)
    assert scheduler.deleted == []  # the task beside it may be about to name either
    scheduler.finish(worker, beside)
    assert scheduler.deleted == [orphan]  # and the later one this one
    scheduler.submit(client)
    success = codec.TaskResult(task_id=later, result_type=codec.TaskResultType.success, results=[running])
    scheduler.say(worker, success.encode())
    assert scheduler.deleted == [orphan]
    assert (scheduler.core.gauges()["objects"], scheduler.core.gauges()["placed_tasks"]) == (1, 1)


def test_what_a_client_still_sends_after_its_goodbye_is_late_and_not_bad(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    scheduler.say(client, message.encode("clientDisconnect", disconnectType="disconnect"))
    scheduler.say(client, message.encode("clientHeartbeat", resource={"cpu": 0, "rss": 0}, latencyUS=0))
    [task] = scheduler.submit(client)
    scheduler.cancel(client, task)
    gauges = scheduler.core.gauges()
    assert (gauges["stale_messages"], gauges["dropped_messages"], gauges["tasks"]) == (3, 0, 0)
    assert (scheduler.take(client), scheduler.tasks_sent_to(worker)) == ([], [])
    scheduler.say(b"Client|stranger", message.encode("clientHeartbeat", latencyUS=0))
    assert scheduler.core.dropped_messages == 1


def test_objects_announced_by_a_worker_that_has_left_are_deleted(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    scheduler.say(worker, message.encode("disconnectRequest", worker=worker))
    late = announce(scheduler, worker, client)
    assert scheduler.deleted == [late]
    assert scheduler.core.gauges()["objects"] == 0


def test_deleted_objects_leave_storage_and_caches_once(scheduler: SchedulerFixture) -> None:
    client, other, worker = scheduler.client("a"), scheduler.client("b"), scheduler.worker()
    object_id = ObjectID.generate_object_id(client)
    scheduler.create_objects(client, client, [object_id])
    scheduler.submit(client, function_args=[codec.Argument(int(codec.ArgumentType.objectID), object_id)])
    scheduler.take(worker)
    scheduler.delete_objects(other, [object_id])  # not its own
    assert scheduler.deleted == []
    scheduler.delete_objects(client, [object_id])
    scheduler.delete_objects(client, [object_id])
    assert scheduler.deleted == [object_id]
    [instruction] = scheduler.take(worker)
    assert (instruction.instruction_type, instruction.object_ids) == (codec.ObjectInstructionType.delete, [object_id])


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
        before = scheduler.core.dropped_messages
        scheduler.say(peer, frame)
        assert scheduler.core.dropped_messages == before + 1
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


def test_idle_worker_gets_the_unstarted_tasks_of_a_slow_one(scheduler: SchedulerFixture) -> None:
    client, slow = scheduler.client(), scheduler.worker("slow")
    running, behind = scheduler.submit(client, 2)
    scheduler.take(slow)
    idle = scheduler.worker("idle")
    scheduler.tick(10.0)
    scheduler.tick(10.1)
    scheduler.tick(10.2)
    assert scheduler.take(slow) == [codec.TaskCancel(task_id=behind, force=False)]
    scheduler.tick(20.0)
    assert scheduler.take(slow) == []  # asked once
    scheduler.confirm(slow, behind, TaskCancelConfirmType.canceled)
    assert scheduler.tasks_sent_to(idle) == [behind]
    scheduler.finish(slow, running)
    scheduler.finish(idle, behind)
    assert len(scheduler.take(client)) == 2
    assert_at_rest(scheduler)


def test_idle_workers_share_what_one_worker_holds_also_when_they_are_more_than_the_tasks() -> None:
    scheduler = SchedulerFixture(load_balance_seconds=0.1, load_balance_trigger_times=1)
    client, loaded = scheduler.client(), scheduler.worker("loaded")
    scheduler.submit(client, 60)
    held = scheduler.tasks_sent_to(loaded)
    for _ in range(20):  # very short ones, so that many more are held ahead of need
        scheduler.finish(loaded, held.pop(0), seconds=0.00001)
        held += scheduler.tasks_sent_to(loaded)
    assert len(held) == 40
    idle = [scheduler.worker(f"idle{number}") for number in range(50)]
    for tenth in range(100, 120):
        scheduler.tick(tenth / 10)
        for cancel in scheduler.take(loaded):
            scheduler.confirm(loaded, cancel.task_id, TaskCancelConfirmType.canceled)
    moved = [scheduler.tasks_sent_to(worker) for worker in idle]
    assert sorted(len(tasks) for tasks in moved) == [0] * 11 + [1] * 39
    assert {task for tasks in moved for task in tasks} == set(held[1:])


def test_started_task_stays_when_it_is_asked_back(scheduler: SchedulerFixture) -> None:
    client, slow = scheduler.client(), scheduler.worker("slow")
    _, behind = scheduler.submit(client, 2)
    idle = scheduler.worker("idle")
    scheduler.tick(10.0)
    scheduler.tick(10.1)
    scheduler.tick(10.2)
    scheduler.confirm(slow, behind, TaskCancelConfirmType.cancelFailed)
    assert scheduler.tasks_sent_to(idle) == []
    scheduler.finish(slow, behind)
    assert [result.task_id for result in scheduler.take(client)] == [behind]


def test_worker_that_does_not_hold_its_task_loses_it_to_another(scheduler: SchedulerFixture) -> None:
    client, forgetful = scheduler.client(), scheduler.worker("forgetful")
    [task] = scheduler.submit(client)
    scheduler.take(forgetful)
    scheduler.heartbeats(forgetful, 3, heldTasks=0, heldDigest=0)
    assert codec.TaskCancel(task_id=task, force=False) in scheduler.take(forgetful)
    scheduler.confirm(forgetful, task, TaskCancelConfirmType.cancelNotFound)
    [sent] = [sent for sent in scheduler.take(forgetful) if isinstance(sent, codec.Task)]
    assert (sent.task_id, sent.attempt) == (task, 1)


def test_old_heartbeats_that_are_read_together_say_nothing_of_a_worker(scheduler: SchedulerFixture) -> None:
    """They were sent while the scheduler was busy, before the worker got what was placed since."""
    client, worker = scheduler.client(), scheduler.worker()
    scheduler.core.now_seconds += 10.0
    scheduler.submit(client)
    scheduler.take(worker)
    for _ in range(5):
        scheduler.heartbeat(worker, heldTasks=0, heldDigest=0)
    assert [message for message in scheduler.take(worker) if isinstance(message, codec.TaskCancel)] == []


def test_worker_that_lost_a_cancel_is_asked_again(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    scheduler.cancel(client, task)
    scheduler.take(worker)
    scheduler.heartbeats(worker, 3, heldTasks=0, heldDigest=0)
    assert codec.TaskCancel(task_id=task, force=True) in scheduler.take(worker)
    scheduler.confirm(worker, task, TaskCancelConfirmType.cancelNotFound)
    assert [confirm.cancel_confirm_type for confirm in scheduler.take(client)] == [TaskCancelConfirmType.cancelNotFound]
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
