"""One bad peer, or one defect, costs nobody else a message, a task or an object (invariant I2)."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from scheduler_fixture import SchedulerFixture, result_frame

from scaler.io.ymq.ymq import PeerEvent, Role
from scaler.protocol import codec
from scaler.scheduler.isolation import Isolation
from scaler.scheduler.task.waiting_queue import WaitingQueue
from scaler.utility.identifiers import ObjectID, TaskID


def graph_of(client: bytes, *nodes: codec.Task, graph_id: bytes = b"g" * 16) -> bytes:
    targets = [node.task_id for node in nodes[-1:]]
    return codec.GraphTask(task_id=graph_id, source=client, targets=targets, graph=list(nodes)).encode()


def node(task_id: bytes, *takes: bytes, **fields: Any) -> codec.Task:
    arguments = [codec.Argument(int(codec.ArgumentType.task), taken) for taken in takes]
    return codec.Task(task_id=task_id, source=b"", func_object_id=bytes(32), function_args=arguments, **fields)


def malformed_for_a_graph(task_id: bytes) -> bytes:
    """Return a result whose value lies outside of the frame: a look at the other fields does not show it."""
    intact = result_frame(task_id, value=b"v" * 24)
    for position in range(len(intact)):
        frame = intact[:position] + b"\x7f" + intact[position + 1 :]
        try:
            peeked = codec.peek_result(frame)
        except codec.CodecError:
            continue
        if peeked[0] == task_id and peeked[1] == 0:
            try:
                codec.decode(frame)
            except codec.CodecError:
                return frame
    raise AssertionError("no byte of a result does that")


class Unusable(bytes):
    """An identity that cannot be looked up."""

    def __hash__(self) -> int:
        raise KeyError("no hash")


class UnusableValue(bytes):
    """One that fails with the error that wrong values are."""

    def __hash__(self) -> int:
        raise ValueError("no hash")


# -- the outermost guard


def test_failing_step_is_counted_and_disturbs_no_other() -> None:
    isolation, done = Isolation(), []

    def fail() -> None:
        raise KeyError("defect")

    isolation.attempt("one", fail)
    isolation.attempt("other", lambda: done.append(1))
    assert (isolation.failures, done) == (1, [1])


def test_defect_in_a_message_or_an_event_does_not_reach_the_loop(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    no_frame: Any = object()
    scheduler.core.on_message(client, no_frame)
    scheduler.core.on_message(Unusable(client), codec.TaskCancel(task_id=bytes(16)).encode())
    scheduler.core.on_peer_event(Unusable(client), PeerEvent.connected, Role.client)
    assert scheduler.core.gauges()["failed_events"] == 3
    [task] = scheduler.submit(client)
    assert scheduler.tasks_sent_to(worker) == [task]


def test_defect_is_no_bad_message_whatever_it_raises(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    scheduler.core.on_message(UnusableValue(client), codec.TaskCancel(task_id=bytes(16)).encode())
    gauges = scheduler.core.gauges()
    assert (gauges["failed_events"], gauges["dropped_messages"]) == (1, 0)


def test_defect_in_the_queue_leaves_its_length_right(scheduler: SchedulerFixture) -> None:
    client, queue = scheduler.client(), WaitingQueue()
    task = codec.Task(task_id=b"t" * 16, source=client, func_object_id=bytes(32))
    scheduler.say(client, task.encode())
    [record] = scheduler.core._clients.get(client).tasks
    with pytest.raises(KeyError):
        queue.removed(record)  # which it never had
    assert len(queue) == 0


# -- ids of others


def test_node_with_the_id_of_a_live_task_is_refused(scheduler: SchedulerFixture) -> None:
    victim, bad, worker = scheduler.client("victim"), scheduler.client("bad"), scheduler.worker()
    [task] = scheduler.submit(victim)
    scheduler.say(bad, graph_of(bad, node(task)))
    [refusal] = scheduler.take(bad)
    assert refusal.cause == codec.TaskEndCause.rejected
    scheduler.finish(worker, task)
    assert [result.task_id for result in scheduler.take(victim)] == [task]
    gauges = scheduler.core.gauges()
    assert (gauges["graphs"], gauges["tasks"], gauges["failed_events"]) == (0, 0, 0)


def test_node_whose_id_becomes_that_of_a_task_fails_its_graph(scheduler: SchedulerFixture) -> None:
    victim, bad, worker = scheduler.client("victim"), scheduler.client("bad"), scheduler.worker()
    first, second = TaskID.generate_task_id(), TaskID.generate_task_id()
    # They need different capabilities, so they do not run as one task, which would have the id of the second.
    scheduler.say(bad, graph_of(bad, node(first), node(second, first, capabilities={"gpu": 1})))
    scheduler.say(victim, codec.Task(task_id=second, source=victim, func_object_id=bytes(32)).encode())
    scheduler.finish(worker, first)
    [end] = scheduler.take(bad)
    assert (end.task_id, end.cause) == (b"g" * 16, codec.TaskEndCause.rejected)
    scheduler.finish(worker, second)
    assert [result.task_id for result in scheduler.take(victim)] == [second]
    gauges = scheduler.core.gauges()
    assert (gauges["graphs"], gauges["tasks"], gauges["failed_events"]) == (0, 0, 0)


def test_objects_of_others_cannot_be_announced_or_deleted(scheduler: SchedulerFixture) -> None:
    victim, bad = scheduler.client("victim"), scheduler.client("bad")
    object_id = ObjectID.generate_object_id(victim)
    scheduler.create_objects(victim, victim, [object_id])
    scheduler.create_objects(bad, bad, [object_id])
    scheduler.delete_objects(bad, [object_id])
    assert (scheduler.core.gauges()["dropped_messages"], scheduler.deleted) == (1, [])
    scheduler.delete_objects(victim, [object_id])
    assert scheduler.deleted == [object_id]
    scheduler.lose(bad)
    assert scheduler.core.gauges()["failed_events"] == 0


def test_worker_cannot_announce_objects_under_the_name_of_another_client(scheduler: SchedulerFixture) -> None:
    victim, other, worker = scheduler.client("victim"), scheduler.client("other"), scheduler.worker()
    scheduler.create_objects(worker, other, [ObjectID.generate_object_id(victim)])
    assert (scheduler.core.gauges()["dropped_messages"], len(scheduler.deleted)) == (1, 0)


def test_peer_that_is_no_worker_any_more_deletes_nothing_but_what_nobody_knows(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    stranger = b"Worker|stranger|" + b"0" * 32
    scheduler.core.on_peer_event(stranger, PeerEvent.connected, Role.worker)  # and no heartbeat
    known, unknown = ObjectID.generate_object_id(client), ObjectID.generate_object_id(client)
    foreign = ObjectID.generate_object_id(scheduler.client("other"))
    scheduler.create_objects(client, client, [known])
    for object_id in (b"short", foreign):
        scheduler.create_objects(stranger, client, [object_id])
    assert (scheduler.deleted, scheduler.core.gauges()["dropped_messages"]) == ([], 2)
    scheduler.create_objects(stranger, client, [known, unknown])
    assert scheduler.deleted == [unknown]


# -- numbers and results that cannot be


@pytest.mark.parametrize("attempt", [2**31 + 1, 2**32 - 1])
def test_excessive_attempt_is_refused(scheduler: SchedulerFixture, attempt: int) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    scheduler.submit(client, attempt=attempt)
    scheduler.say(client, graph_of(client, node(b"n" * 16, attempt=attempt)))
    assert (scheduler.core.gauges()["dropped_messages"], scheduler.core.gauges()["tasks"]) == (2, 0)
    assert scheduler.tasks_sent_to(worker) == []


def test_tasks_of_a_lost_worker_are_placed_again_also_beside_one_with_a_strange_attempt(
    scheduler: SchedulerFixture,
) -> None:
    client, worker = scheduler.client(), scheduler.worker("a")
    scheduler.submit(client, attempt=2**32 - 1)
    [task] = scheduler.submit(client)
    scheduler.lose(worker)
    assert scheduler.tasks_sent_to(scheduler.worker("b", keep=True)) == [task]


def test_worker_cannot_exhaust_the_numbers_of_attempts(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client, retries=2)
    scheduler.take(worker)
    frame = codec.TaskResult(
        task_id=task,
        result_type=codec.TaskResultType.failed,
        attempt=2**32 - 1,
        cause=codec.TaskEndCause.retryable,
    ).encode()
    scheduler.say(worker, frame)
    assert scheduler.tasks_sent_to(worker) == [task]


def test_result_of_no_known_type_ends_nothing(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    strange: Any = 77
    scheduler.say(worker, codec.TaskResult(task_id=task, result_type=strange, value=b"v").encode())
    assert scheduler.take(client) == []
    scheduler.finish(worker, task)
    assert [result.task_id for result in scheduler.take(client)] == [task]


@pytest.mark.parametrize("metadata", [b"short", *(struct.pack("!fQf", s, 0, 0.0) for s in (math.nan, math.inf, -1.0))])
def test_result_with_figures_that_cannot_be_ends_nothing(scheduler: SchedulerFixture, metadata: bytes) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    result = codec.TaskResult(task_id=task, result_type=codec.TaskResultType.success, metadata=metadata, value=b"v")
    scheduler.say(worker, result.encode())
    assert scheduler.take(client) == []
    scheduler.finish(worker, task)
    assert [result.task_id for result in scheduler.take(client)] == [task]
    gauges = scheduler.core.gauges()
    assert (gauges["failed_events"], gauges["dropped_messages"]) == (0, 1)


def test_malformed_result_of_a_node_disturbs_no_other_graph(scheduler: SchedulerFixture) -> None:
    client, bad = scheduler.client(), scheduler.worker("bad")
    scheduler.say(client, graph_of(client, node(b"1" * 16), graph_id=b"a" * 16))
    scheduler.say(client, graph_of(client, node(b"2" * 16), graph_id=b"b" * 16))
    scheduler.core.on_message(bad, malformed_for_a_graph(b"1" * 16))
    scheduler.core.on_message(bad, result_frame(b"2" * 16))
    scheduler.end_batch()
    assert [end.task_id for end in scheduler.take(client)] == [b"2" * 16, b"b" * 16]
    assert (scheduler.core.gauges()["dropped_messages"], scheduler.core.gauges()["failed_events"]) == (1, 0)


def test_unknown_verdict_on_a_cancel_changes_nothing(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    [task] = scheduler.submit(client)
    scheduler.cancel(client, task)
    strange: Any = 9
    scheduler.confirm(worker, task, strange)
    assert scheduler.core.gauges()["open_cancels"] == 1
    assert scheduler.core.gauges()["dropped_messages"] == 1
