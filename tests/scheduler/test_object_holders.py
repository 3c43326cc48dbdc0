"""Who is told that objects are gone: the workers that were given a task with them, and nobody else."""

from __future__ import annotations

from scheduler_fixture import SchedulerFixture

from scaler.protocol import codec
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.object_usage.object_tracker import ObjectTracker
from scaler.utility.identifiers import ClientID, ObjectID, TaskID, WorkerID

OBJECT_ID = int(codec.ArgumentType.objectID)


def new_object(scheduler: SchedulerFixture, client: ClientID) -> ObjectID:
    object_id = ObjectID.generate_object_id(client)
    scheduler.create_objects(client, client, [object_id])
    return object_id


def submit_with(scheduler: SchedulerFixture, client: ClientID, *object_ids: ObjectID) -> TaskID:
    arguments = [codec.Argument(OBJECT_ID, object_id) for object_id in object_ids]
    [task] = scheduler.submit(client, function_args=arguments)
    return task


def record_of(scheduler: SchedulerFixture, worker: WorkerID) -> WorkerRecord:
    record = scheduler.core._pool.get(worker)
    assert record is not None
    return record


def deletes_of(scheduler: SchedulerFixture, worker: WorkerID) -> list[set[bytes]]:
    """Return the sets of objects that a worker was told to drop."""
    return [set(sent.object_ids) for sent in scheduler.take(worker) if isinstance(sent, codec.ObjectInstruction)]


def test_only_who_was_given_a_task_with_an_object_is_told(scheduler: SchedulerFixture) -> None:
    client, first, second, idle = (
        scheduler.client(),
        scheduler.worker("1"),
        scheduler.worker("2"),
        scheduler.worker("3"),
    )
    one, other, unused = (new_object(scheduler, client) for _ in range(3))
    submit_with(scheduler, client, one)
    submit_with(scheduler, client, other)
    assert [len(scheduler.tasks_sent_to(worker)) for worker in (first, second, idle)] == [1, 1, 0]
    scheduler.delete_objects(client, [one, other, unused])
    assert [deletes_of(scheduler, worker) for worker in (first, second, idle)] == [[{one}], [{other}], []]
    assert set(scheduler.deleted) == {one, other, unused}


def test_objects_of_the_same_holders_go_in_one_message(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    objects = [new_object(scheduler, client) for _ in range(5)]
    submit_with(scheduler, client, *objects)
    scheduler.delete_objects(client, list(objects))
    assert deletes_of(scheduler, worker) == [set(objects)]


def test_functions_and_arguments_of_all_steps_and_the_serializer_count(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    function, step_function, argument = (new_object(scheduler, client) for _ in range(3))
    serializer = ObjectID.generate_serializer_object_id(client)
    scheduler.create_objects(client, client, [serializer])
    steps = [codec.Step(step_function, [codec.Argument(OBJECT_ID, argument)])]
    task = codec.Task(task_id=bytes(16), source=client, func_object_id=function, steps=steps)
    scheduler.say(client, task.encode())
    scheduler.lose(client)
    assert deletes_of(scheduler, worker) == [{function, step_function, argument, serializer}]


def test_who_was_given_a_task_and_lost_it_again_still_may_hold_its_objects(scheduler: SchedulerFixture) -> None:
    client, slow = scheduler.client(), scheduler.worker("slow")
    object_id = new_object(scheduler, client)
    scheduler.submit(client)
    behind = submit_with(scheduler, client, object_id)
    idle = scheduler.worker("idle")
    for tenth in range(100, 103):
        scheduler.tick(tenth / 10)
    scheduler.confirm(slow, behind, codec.TaskCancelConfirmType.canceled)
    assert scheduler.tasks_sent_to(idle) == [behind]
    scheduler.delete_objects(client, [object_id])
    assert [deletes_of(scheduler, worker) for worker in (slow, idle)] == [[{object_id}], [{object_id}]]


def test_a_worker_that_has_left_is_told_nothing_and_its_successor_at_most_for_nothing(
    scheduler: SchedulerFixture,
) -> None:
    client, gone, other = scheduler.client(), scheduler.worker("gone"), scheduler.worker("other")
    first, second = new_object(scheduler, client), new_object(scheduler, client)
    scheduler.finish(gone, submit_with(scheduler, client, first, second))
    scheduler.lose(gone)
    scheduler.delete_objects(client, [first])
    assert [deletes_of(scheduler, worker) for worker in (gone, other)] == [[], []]
    successor = scheduler.worker("successor")
    scheduler.delete_objects(client, [second])
    assert [deletes_of(scheduler, worker) for worker in (gone, other)] == [[], []]
    assert deletes_of(scheduler, successor) in ([], [{second}])


def test_a_result_is_known_to_who_takes_it_not_to_who_made_it(scheduler: SchedulerFixture) -> None:
    client, maker = scheduler.client(), scheduler.worker("maker")
    [task] = scheduler.submit(client)
    result = ObjectID.generate_object_id(client)
    scheduler.create_objects(maker, client, [result])
    end = codec.TaskResult(task_id=task, result_type=codec.TaskResultType.success, results=[result])
    scheduler.say(maker, end.encode())
    user = scheduler.worker("user")
    scheduler.core.drain_worker(maker, "for this test")
    submit_with(scheduler, client, result)
    scheduler.take(maker)
    scheduler.delete_objects(client, [result])
    assert [deletes_of(scheduler, worker) for worker in (maker, user)] == [[], [{result}]]


def test_a_task_that_is_malformed_where_nobody_looked_is_placed_as_others(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    whole = codec.Task(
        task_id=b"t" * 16,
        source=client,
        func_object_id=bytes(32),
        function_args=[codec.Argument(OBJECT_ID, b"o" * 32)],
    ).encode()
    for position in range(len(whole) - 1, 0, -1):
        frame = whole[:position] + b"\x7f" + whole[position + 1 :]
        try:
            peeked = codec.peek_task(frame)
        except codec.CodecError:
            continue
        if peeked == codec.peek_task(whole):
            try:
                codec.objects_of_task(frame)
            except codec.CodecError:
                break
    else:
        raise AssertionError("no byte of a task does that")
    scheduler.core.on_message(client, frame)
    [behind] = scheduler.submit(client)
    assert behind in record_of(scheduler, worker).tasks
    assert scheduler.core.gauges()["failed_events"] == 0


def test_what_is_kept_goes_with_the_objects_and_is_bounded_by_the_workers() -> None:
    tracker, owner = ObjectTracker(), ClientID(b"Client|c")
    object_ids = [bytes(ObjectID.generate_object_id(owner)) for _ in range(100)]
    tracker.create(owner, owner.owner_hash(), object_ids, [b"name"] * 100)
    for _ in range(3):
        for worker_number in (0, 1, 5000):
            for object_id in (*object_ids, b"unknown"):
                tracker.held(object_id, worker_number)
    assert len(tracker._holders) == 100
    assert max(tracker._holders.values()).bit_length() == 5001  # a bit for each worker, not an entry for each task
    gone = tracker.delete_all(owner)
    assert tracker.take_holders(gone) == {1 | 2 | 1 << 5000: gone}
    assert tracker._holders == {}


def test_numbers_of_workers_that_have_left_are_used_again(scheduler: SchedulerFixture) -> None:
    for number in range(1000):
        scheduler.lose(scheduler.worker(str(number)))
    stayed = [scheduler.worker(str(number)) for number in range(3)]
    pool = scheduler.core._pool
    assert [record_of(scheduler, worker).number for worker in stayed] == [0, 1, 2]
    assert [worker.worker_id for worker in pool.numbered(0b111 | 1 << 10_000)] == stayed
    scheduler.lose(stayed[1])
    assert [worker.worker_id for worker in pool.numbered(0b111)] == [stayed[0], stayed[2]]
