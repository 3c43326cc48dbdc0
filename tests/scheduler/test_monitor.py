"""The monitor stream: a snapshot for who comes late, complete records, and nothing while nobody listens."""

from __future__ import annotations

from typing import Any

from scheduler_fixture import SchedulerFixture

from scaler.protocol import message
from scaler.protocol.codec import TaskCancelConfirmType
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.scheduler.controllers.monitor_controller import WORKERS_OF_A_STEP
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.utility.identifiers import ClientID, ObjectID, WorkerID
from scaler.utility.metadata.profile_result import ProfileResult

NO_LOAD = {"cpu": 0, "rss": 0}


def join(scheduler: SchedulerFixture, subscriber: bytes = b"top") -> list[tuple[str, Any]]:
    """Subscribe, and return the snapshot as it travels."""
    scheduler.core.on_subscriber_joined(subscriber, {"cpu": 12, "rss": 34}, 56)
    scheduler.end_batch()
    return [message.decode(message.encode(member, **fields)) for member, fields in scheduler.snapshots.pop(subscriber)]


def published(scheduler: SchedulerFixture, member: str) -> list[Any]:
    """Return and forget what was published of one kind, as it travels."""
    frames = [message.encode(name, **fields) for name, fields in scheduler.reports if name == member]
    scheduler.reports = [report for report in scheduler.reports if report[0] != member]
    return [message.decode(frame)[1] for frame in frames]


def report(scheduler: SchedulerFixture, dropped: int = 0) -> Any:
    scheduler.core.publish(NO_LOAD, 0, dropped)
    scheduler.end_batch()
    return published(scheduler, "stateScheduler")[-1]


def named_function(scheduler: SchedulerFixture, client: ClientID, name: bytes = b"f") -> ObjectID:
    """Announce the function that ``submit`` uses; its name is "name"."""
    function = ObjectID(ObjectID.generate_content_object_id(client, name))
    scheduler.create_objects(client, client, [function])
    return function


# -- the snapshot


def test_a_late_subscriber_is_told_all_that_is(scheduler: SchedulerFixture) -> None:
    client, idle_client = scheduler.client("busy"), scheduler.client("idle")
    worker = scheduler.worker(capabilities={"gpu": 2})
    named_function(scheduler, client)
    tasks = scheduler.submit(client, 5)
    head, *rest = join(scheduler)
    assert head[0] == "stateScheduler"
    monitor = head[1].monitor
    assert (monitor.isSnapshot, monitor.snapshotMessages, monitor.subscribers) == (True, 3, 1)
    assert (head[1].scheduler.cpu, head[1].scheduler.rss, head[1].rssFree) == (12, 34, 56)
    clients = {pair.client: pair.numTask for pair in head[1].clientManager.clientToNumOfTask}
    assert clients == {client: 5, idle_client: 0}
    assert [status.workerId for status in head[1].workerManager.workers] == [worker]
    [(kind, state), *placed] = rest
    assert (kind, state.workerId, state.state) == ("stateWorker", worker, "connected")
    assert {each.name: each.value for each in state.capabilities} == {"gpu": 2}
    assert [(kind, task.taskId, task.state, task.worker, task.functionName) for kind, task in placed] == [
        ("stateTask", task_id, "running", worker, b"name") for task_id in tasks[:2]
    ]


def test_only_the_new_subscriber_gets_the_snapshot(scheduler: SchedulerFixture) -> None:
    scheduler.worker()
    join(scheduler, b"first")
    scheduler.reports.clear()
    join(scheduler, b"second")
    assert (scheduler.reports, scheduler.snapshots) == ([], {})


def test_a_subscriber_can_tell_what_it_has_missed(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    join(scheduler, b"first")
    for task in scheduler.submit(client, 2):
        scheduler.finish(worker, task)
    [(_, head), *_] = join(scheduler, b"second")
    assert head.monitor.published == 4
    assert (report(scheduler).monitor.published, report(scheduler).monitor.published) == (4, 5)
    assert not report(scheduler).monitor.isSnapshot


def test_what_did_not_reach_subscribers_is_published(scheduler: SchedulerFixture) -> None:
    join(scheduler)
    assert report(scheduler, dropped=77).monitor.dropped == 77


# -- while nobody subscribes


def test_nothing_is_reported_while_nobody_subscribes(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    scheduler.core.publish(NO_LOAD, 0)
    [task] = scheduler.submit(client)
    scheduler.finish(worker, task)
    assert (scheduler.reports, scheduler.core.outbox.published) == ([], 0)
    join(scheduler, b"one")
    join(scheduler, b"other")
    scheduler.core.on_subscriber_left(b"one")
    scheduler.submit(client)
    assert len(published(scheduler, "stateTask")) == 1
    scheduler.core.on_subscriber_left(b"other")
    scheduler.submit(client)
    scheduler.core.publish(NO_LOAD, 0)
    scheduler.end_batch()
    assert (scheduler.reports, scheduler.core.gauges()["subscribers"]) == ([], 0)


def test_two_subscribers_of_one_identity_count_as_two(scheduler: SchedulerFixture) -> None:
    scheduler.worker()
    join(scheduler)
    join(scheduler)  # the new session of a subscriber may be known before the old one's end
    scheduler.core.on_subscriber_left(b"top")
    assert report(scheduler).monitor.subscribers == 1
    scheduler.core.on_subscriber_left(b"top")
    scheduler.core.on_subscriber_left(b"top")
    assert (scheduler.core.outbox.monitored, scheduler.core.gauges()["subscribers"]) == (False, 0)


# -- records of tasks


def test_a_task_is_running_once_and_its_end_says_all(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    named_function(scheduler, client)
    join(scheduler)
    [task] = scheduler.submit(client)
    for second in range(3):
        scheduler.tick(float(second))
    scheduler.finish(worker, task, seconds=0.5)
    running, end = published(scheduler, "stateTask")
    assert (running.taskId, running.state, running.worker, running.functionName) == (task, "running", worker, b"name")
    assert (end.taskId, end.state, end.worker, end.functionName) == (task, "success", worker, b"name")
    assert ProfileResult.deserialize(end.metadata).duration_s == 0.5


def test_the_end_names_a_function_that_was_deleted_before(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    named_function(scheduler, client)
    join(scheduler)
    [task] = scheduler.submit(client)
    scheduler.lose(client)
    scheduler.confirm(worker, task, TaskCancelConfirmType.canceled)
    _, end = published(scheduler, "stateTask")
    assert (end.state, end.worker, end.functionName) == ("canceled", worker, b"name")


def test_a_task_that_moves_is_not_cancelled(scheduler: SchedulerFixture) -> None:
    client, slow = scheduler.client(), scheduler.worker("slow")
    running, behind = scheduler.submit(client, 2)
    idle = scheduler.worker("idle")
    join(scheduler)
    for tenth in range(100, 103):
        scheduler.tick(tenth / 10)
    [advice] = published(scheduler, "stateBalanceAdvice")
    assert (advice.workerId, advice.taskIds) == (slow, [behind])
    scheduler.confirm(slow, behind, TaskCancelConfirmType.canceled)
    scheduler.finish(idle, behind)
    states = [(task.taskId, task.state, task.worker) for task in published(scheduler, "stateTask")]
    assert states == [(behind, "inactive", b""), (behind, "running", idle), (behind, "success", idle)]
    scheduler.finish(slow, running)
    assert scheduler.core._reporter.ended_counts == {MonitorState.success: 2}


def test_tasks_of_a_lost_worker_wait_again_before_they_run_elsewhere(scheduler: SchedulerFixture) -> None:
    client, lost = scheduler.client(), scheduler.worker("lost")
    [task] = scheduler.submit(client)
    other = scheduler.worker("other")
    join(scheduler)
    scheduler.lose(lost)
    [worker] = published(scheduler, "stateWorker")
    assert (worker.workerId, worker.state, list(worker.capabilities)) == (lost, "disconnected", [])
    states = [(record.taskId, record.state, record.worker) for record in published(scheduler, "stateTask")]
    assert states == [(task, "inactive", b""), (task, "running", other)]


def test_the_end_of_a_task_whose_workers_died_names_the_last(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    join(scheduler)
    scheduler.submit(client)
    for number in range(3):
        scheduler.lose(scheduler.worker(str(number)))
    end = published(scheduler, "stateTask")[-1]
    assert (end.state, end.worker) == ("failedWorkerDied", b"Worker|2|" + b"0" * 32)


def test_capabilities_are_those_that_place_the_task() -> None:
    scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
    client, _ = scheduler.client(), scheduler.worker(capabilities={"gpu": 4, "linux": -1})
    join(scheduler)
    scheduler.submit(client, capabilities={"gpu": 2, "linux": -1})
    [running] = published(scheduler, "stateTask")
    assert {each.name: each.value for each in running.capabilities} == {"gpu": 2, "linux": -1}


# -- counters


def counts(pairs: Any) -> dict[str, int]:
    return {MonitorState(pair.state).name: pair.count for pair in pairs if pair.count}


def test_live_counts_and_totals_are_apart(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    join(scheduler)
    first, second, *_, last = scheduler.submit(client, 10)
    scheduler.finish(worker, first, seconds=10.0)
    scheduler.finish(worker, second, seconds=10.0)
    scheduler.cancel(client, last)
    manager = report(scheduler).taskManager
    assert counts(manager.ended) == {"success": 2, "canceled": 1}
    assert counts(manager.live) == {"inactive": 5, "running": 2}
    assert counts(manager.stateToCount) == {"inactive": 5, "running": 2, "success": 2, "canceled": 1}


def test_totals_are_of_64_bits(scheduler: SchedulerFixture) -> None:
    join(scheduler)
    scheduler.core._reporter.ended_counts[MonitorState.success] = 2**32 + 5
    manager = report(scheduler).taskManager
    assert (counts(manager.ended), counts(manager.stateToCount)) == ({"success": 2**32 + 5}, {"success": 5})


def test_waiting_tasks_of_a_client_that_left_count_as_cancelled(scheduler: SchedulerFixture) -> None:
    client = scheduler.client()
    scheduler.submit(client, 3)
    scheduler.lose(client)
    assert scheduler.core._reporter.ended_counts == {MonitorState.canceled: 3}


def test_a_report_does_not_look_at_what_waits(scheduler: SchedulerFixture) -> None:
    class Untouchable(dict[bytes, Any]):
        def values(self) -> Any:
            raise AssertionError("every task was looked at")

    client = scheduler.client()
    scheduler.submit(client, 3)
    tasks = scheduler.core._tasks
    tasks._live._tasks = Untouchable(tasks._live._tasks)
    join(scheduler)
    assert counts(report(scheduler).taskManager.live) == {"inactive": 3}


def test_messages_are_counted_by_the_names_of_their_types(scheduler: SchedulerFixture) -> None:
    client, worker = scheduler.client(), scheduler.worker()
    join(scheduler)
    [task] = scheduler.submit(client)
    scheduler.finish(worker, task)
    binder = report(scheduler).binder
    received = {pair.client: pair.number for pair in binder.received}
    assert received == {"WorkerHeartbeat": 1, "Task": 1, "TaskResult": 1}
    assert {pair.client: pair.number for pair in binder.sent} == {"WorkerHeartbeatEcho": 1, "Task": 1, "TaskResult": 1}


# -- workers


def test_a_worker_that_drains_is_marked(scheduler: SchedulerFixture) -> None:
    client, first, second = scheduler.client(), scheduler.worker("1"), scheduler.worker("2")
    scheduler.submit(client, 2)
    join(scheduler)
    scheduler.core.drain_worker(WorkerID(first), "for this test")
    marks = {status.workerId: status.draining for status in report(scheduler).workerManager.workers}
    assert marks == {first: True, second: False}


def test_groups_of_worker_adapters_are_reported() -> None:
    scheduler = SchedulerFixture()
    worker = scheduler.worker("w")
    scheduler.core.set_worker_groups({"native-1": [worker]})
    scheduler.core.on_subscriber_joined(b"viewer", {"cpu": 0, "rss": 0}, 0)
    scheduler.end_batch()
    member, fields = scheduler.snapshots[b"viewer"][0]
    expected = [{"workerGroupID": b"native-1", "workerIDs": [worker]}]
    assert (member, fields["scalingManager"]["workerGroups"]) == ("stateScheduler", expected)
    assert message.decode(message.encode(member, **fields))[0] == member


# -- what it costs


def published_frames(scheduler: SchedulerFixture) -> list[bytes]:
    """Return and forget everything that was published to all, as it travels."""
    reports, scheduler.reports = scheduler.reports, []
    return [message.encode(member, **fields) for member, fields in reports]


def test_a_task_costs_two_messages_and_a_report_one_however_many_workers_there_are(scheduler: SchedulerFixture) -> None:
    client, workers = scheduler.client(), [scheduler.worker(f"host{number}") for number in range(200)]
    for worker in workers:
        processor = {"pid": 1, "initialized": True, "hasTask": False, "suspended": False, "resource": NO_LOAD}
        scheduler.heartbeat(worker, agent=NO_LOAD, processors=[processor])
    join(scheduler)
    scheduler.submit(client, 10)
    held = {task: worker for worker in workers for task in scheduler.tasks_sent_to(worker)}
    for task, worker in held.items():
        scheduler.finish(worker, task)
    tasks = published_frames(scheduler)
    assert len(tasks) == 20
    assert max(map(len, tasks)) < 250
    scheduler.core.publish(NO_LOAD, 0, 0)
    while scheduler.core.has_more_to_do:
        scheduler.end_batch()
    scheduler.end_batch()
    [frame] = published_frames(scheduler)
    assert len(frame) / len(workers) < 240  # bytes for each worker


def test_a_report_of_many_workers_is_made_in_steps_between_which_workers_come_and_go(
    scheduler: SchedulerFixture,
) -> None:
    workers = [scheduler.worker(f"host{number}") for number in range(2 * WORKERS_OF_A_STEP + 1)]
    join(scheduler)
    published_frames(scheduler)
    scheduler.core.publish({"cpu": 7, "rss": 8}, 9)
    assert scheduler.core.has_more_to_do
    assert published(scheduler, "stateScheduler") == []
    scheduler.core.publish(NO_LOAD, 0)  # the next one, before this one is made, is left out
    scheduler.lose(workers[0])
    new = scheduler.worker("new")
    while scheduler.core.has_more_to_do:
        scheduler.end_batch()
    [made] = published(scheduler, "stateScheduler")
    assert [status.workerId for status in made.workerManager.workers] == [*workers[1:], new]
    assert (made.scheduler.cpu, made.scheduler.rss, made.rssFree) == (7, 8, 9)


def test_a_report_that_nobody_waits_for_any_more_is_not_published(scheduler: SchedulerFixture) -> None:
    for number in range(WORKERS_OF_A_STEP + 1):
        scheduler.worker(f"host{number}")
    join(scheduler)
    published_frames(scheduler)
    scheduler.core.publish(NO_LOAD, 0)
    scheduler.core.on_subscriber_left(b"top")
    scheduler.end_batch()
    assert (published_frames(scheduler), scheduler.core.has_more_to_do) == ([], False)
