"""Which objects the scheduler core has deleted, and when."""

from __future__ import annotations

import pytest
from scheduler_fixture import SchedulerFixture

from scaler.protocol import codec, message
from scaler.protocol.codec import TaskCancelConfirmType
from scaler.scheduler.controllers.object_controller import DELETE_AGAIN_SECONDS
from scaler.utility.identifiers import ClientID, ObjectID


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
    assert scheduler.core.gauges()["dropped_messages"] == 1


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
