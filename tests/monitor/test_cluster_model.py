"""The model of a viewer: what each message of the stream does to it, and how it notices that some are missing."""

from __future__ import annotations

from typing import Any

import pytest

from scaler.monitor.cluster_model import ClusterModel
from scaler.monitor.events import (
    Event,
    GraphNodeKnown,
    Reported,
    SnapshotBegan,
    TaskEnded,
    TaskPlaced,
    TaskReturned,
    TasksAskedBack,
    WorkerConnected,
    WorkerDisconnected,
)
from scaler.monitor.records import Load, Shortage
from scaler.protocol import codec, message
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.utility.metadata.profile_result import ProfileResult

WORKER, TASK = b"Worker|w|0", b"t" * 16
NOW = 100.0


class Stream:
    """Encodes messages for a model, the way a scheduler does."""

    def __init__(self) -> None:
        self.model = ClusterModel()
        self.published = 0

    def send(self, member: str, **fields: Any) -> Event | None:
        """Publish a message to everybody."""
        self.published += 1
        return self.tell(member, **fields)

    def lose(self, count: int) -> None:
        """Publish messages that do not arrive."""
        self.published += count

    def tell(self, member: str, **fields: Any) -> Event | None:
        """Send a message to this viewer only."""
        return self.model.apply(message.encode(member, **fields), NOW)

    def report(self, **fields: Any) -> Event | None:
        """Publish the report of every second."""
        return self.send("stateScheduler", monitor={"published": self.published}, **fields)

    def snapshot(self, messages: int = 0, **fields: Any) -> Event | None:
        """Begin a snapshot."""
        monitor = {"published": self.published, "isSnapshot": True, "snapshotMessages": messages}
        return self.tell("stateScheduler", monitor=monitor, **fields)

    def task(self, state: str, worker: bytes = WORKER, metadata: bytes = b"", task_id: bytes = TASK) -> Event | None:
        """Publish what becomes of a task."""
        return self.send("stateTask", **task_fields(state, worker, metadata, task_id))


def task_fields(state: str, worker: bytes = WORKER, metadata: bytes = b"", task_id: bytes = TASK) -> dict[str, Any]:
    return {
        "taskId": task_id,
        "functionName": b"square",
        "state": state,
        "worker": worker,
        "capabilities": [{"name": "gpu", "value": 2}],
        "metadata": metadata,
    }


@pytest.fixture
def stream() -> Stream:
    """Return a stream behind an empty snapshot."""
    stream = Stream()
    assert stream.snapshot() == SnapshotBegan()
    return stream


# -- snapshots


def test_what_comes_before_the_snapshot_is_passed_over() -> None:
    stream = Stream()
    assert stream.task("running") is None
    assert stream.report() is None
    assert (stream.model.tasks, stream.model.is_complete, stream.model.lost_messages) == ({}, False, 0)


def test_a_model_is_complete_behind_the_last_message_of_its_snapshot() -> None:
    stream = Stream()
    stream.snapshot(messages=2)
    assert not stream.model.is_complete
    stream.tell("stateWorker", workerId=WORKER, state="connected", capabilities=[{"name": "gpu", "value": -1}])
    assert not stream.model.is_complete
    stream.tell("stateTask", **task_fields("running"))
    assert stream.model.is_complete
    assert stream.model.workers[WORKER].capabilities == {"gpu": -1}
    assert stream.model.tasks[TASK].function_name == "square"
    stream.report(workerManager={"workers": [{"workerId": WORKER}]})
    assert (stream.model.is_complete, stream.model.lost_messages) == (True, 0)


def test_a_new_snapshot_replaces_everything(stream: Stream) -> None:
    stream.task("running")
    stream.send("stateWorker", workerId=WORKER, state="connected")
    assert stream.snapshot() == SnapshotBegan()
    assert (stream.model.tasks, stream.model.workers, stream.model.is_complete) == ({}, {}, True)


def test_after_a_connection_has_ended_only_a_snapshot_counts(stream: Stream) -> None:
    stream.task("running")
    stream.model.on_disconnected()
    assert (stream.model.is_complete, stream.model.needs_snapshot) == (False, False)
    assert stream.task("success") is None
    assert list(stream.model.tasks) == [TASK]  # still shown
    stream.snapshot()
    assert (stream.model.is_complete, stream.model.tasks) == (True, {})


# -- missing messages


def test_messages_that_are_missing_are_noticed_at_the_next_report(stream: Stream) -> None:
    stream.task("running")
    stream.report()
    assert stream.model.is_complete
    stream.lose(3)
    assert stream.model.is_complete  # it cannot know
    stream.report()
    assert (stream.model.lost_messages, stream.model.is_complete, stream.model.needs_snapshot) == (3, False, True)
    stream.report()
    assert (stream.model.lost_messages, stream.model.needs_snapshot) == (3, True)
    stream.snapshot()
    assert (stream.model.lost_messages, stream.model.is_complete, stream.model.needs_snapshot) == (3, True, False)


def test_a_snapshot_of_which_a_part_is_missing_is_noticed() -> None:
    stream = Stream()
    stream.snapshot(messages=5)
    stream.tell("stateTask", **task_fields("running"))
    stream.report()
    assert (stream.model.lost_messages, stream.model.needs_snapshot) == (4, True)


def test_a_report_that_is_missing_is_noticed(stream: Stream) -> None:
    stream.lose(1)
    stream.report()
    assert stream.model.lost_messages == 1


# -- tasks


def test_a_task_from_placement_to_end(stream: Stream) -> None:
    placed = stream.task("running")
    assert isinstance(placed, TaskPlaced)
    assert (placed.task.worker_id, placed.task.since_seconds, placed.task.capabilities) == (WORKER, NOW, {"gpu": 2})
    assert stream.model.tasks == {TASK: placed.task}
    ended = stream.task("success", metadata=ProfileResult(0.5, 1000, 0.25).serialize())
    assert isinstance(ended, TaskEnded)
    assert (ended.task.state, ended.task.profile) == (MonitorState.success, ProfileResult(0.5, 1000, 0.25))
    assert (ended.task.function_name, ended.task.worker_id, ended.task.since_seconds) == ("square", WORKER, NOW)
    assert stream.model.tasks == {}


@pytest.mark.parametrize("state", ["failed", "failedWorkerDied", "canceled", "canceledNotFound"])
def test_every_end_removes_the_task(stream: Stream, state: str) -> None:
    stream.task("running")
    ended = stream.task(state)
    assert isinstance(ended, TaskEnded) and ended.task.state is MonitorState[state]
    assert (ended.task.profile, stream.model.tasks) == (None, {})


def test_a_task_that_moves_has_not_ended(stream: Stream) -> None:
    placed = stream.task("running")
    assert isinstance(placed, TaskPlaced)
    assert stream.send("stateBalanceAdvice", workerId=WORKER, taskIds=[TASK]) == TasksAskedBack(WORKER, (TASK,))
    assert stream.task("inactive", worker=b"") == TaskReturned(TASK, placed.task)
    assert stream.model.tasks == {}
    stream.task("running", worker=b"other")
    assert stream.model.tasks[TASK].worker_id == b"other"


def test_ends_of_tasks_that_were_never_placed(stream: Stream) -> None:
    ended = stream.task("canceled", worker=b"")
    assert isinstance(ended, TaskEnded) and ended.task.since_seconds is None
    assert stream.task("inactive", worker=b"") == TaskReturned(TASK, None)


def test_a_profile_that_is_not_understood_is_none(stream: Stream) -> None:
    ended = stream.task("success", metadata=b"of a later version")
    assert isinstance(ended, TaskEnded) and ended.task.profile is None


# -- workers, clients, figures


def test_workers_come_and_go(stream: Stream) -> None:
    event = stream.send("stateWorker", workerId=WORKER, state="connected", capabilities=[{"name": "gpu", "value": 1}])
    assert event == WorkerConnected(stream.model.workers[WORKER])
    assert stream.send("stateWorker", workerId=WORKER, state="disconnected") == WorkerDisconnected(WORKER)
    assert stream.model.workers == {}
    assert stream.send("stateWorker", workerId=WORKER, state="disconnected") == WorkerDisconnected(WORKER)


def test_a_report_names_all_workers_and_clients(stream: Stream) -> None:
    stream.send("stateWorker", workerId=WORKER, state="connected", capabilities=[{"name": "gpu", "value": 1}])
    stream.send("stateWorker", workerId=b"gone", state="connected")
    processor = {"pid": 7, "initialized": True, "hasTask": True, "resource": {"cpu": 990, "rss": 5}}
    status = {
        "workerId": WORKER,
        "agent": {"cpu": 3, "rss": 4},
        "rssFree": 1000,
        "free": 10,
        "sent": 2,
        "queued": 1,
        "suspended": 1,
        "lagUS": 150,
        "lastS": 3,
        "itl": "110",
        "processorStatuses": [processor],
        "draining": True,
    }
    clients = [{"client": b"Client|c", "numTask": 4}, {"client": b"Client|idle", "numTask": 0}]
    event = stream.report(workerManager={"workers": [status]}, clientManager={"clientToNumOfTask": clients})
    assert event == Reported()
    [worker] = stream.model.workers.values()
    assert (worker.worker_id, worker.capabilities) == (WORKER, {"gpu": 1})
    assert (worker.status.agent, worker.status.free, worker.status.sent, worker.status.queued) == (Load(3, 4), 10, 2, 1)
    assert (worker.status.lag_us, worker.status.silent_seconds, worker.status.itl) == (150, 3, "110")
    assert (worker.status.suspended, worker.status.rss_free_bytes, worker.status.is_draining) == (1, 1000, True)
    [found] = worker.status.processors
    assert (found.pid, found.load, found.is_initialized, found.has_task) == (7, Load(990, 5), True, True)
    assert not found.is_suspended
    assert stream.model.clients == {b"Client|c": 4, b"Client|idle": 0}


def test_the_figures_of_the_scheduler(stream: Stream) -> None:
    tasks = {
        "live": [{"state": 0, "count": 3}, {"state": 1, "count": 2}, {"state": 77, "count": 1}],
        "ended": [{"state": 4, "count": 2**40}],
        "unplaceable": [{"capabilities": [{"name": "gpu", "value": 2}], "tasks": 3, "waitsFor": "a miracle"}],
    }
    stream.report(
        scheduler={"cpu": 500, "rss": 6},
        rssFree=7,
        objectManager={"numberOfObjects": 8},
        taskManager=tasks,
        binder={"received": [{"client": "Task", "number": 9}], "sent": [{"client": "TaskResult", "number": 10}]},
        scalingManager={"workerGroups": [{"workerGroupID": b"g", "workerIDs": [WORKER]}]},
    )
    report = stream.model.report
    assert (report.load, report.rss_free_bytes, report.objects) == (Load(500, 6), 7, 8)
    assert report.live == {MonitorState.inactive: 3, MonitorState.running: 2}
    assert report.ended == {MonitorState.success: 2**40}
    assert report.shortages == (Shortage({"gpu": 2}, 3, "a miracle"),)
    assert (report.received, report.sent) == ({"Task": 9}, {"TaskResult": 10})
    assert report.worker_groups == {b"g": (WORKER,)}


def test_nodes_of_graphs(stream: Stream) -> None:
    event = stream.send(
        "stateGraphTask", graphTaskId=b"g", taskId=TASK, nodeTaskType="target", parentTaskIds=[b"p", b"q"]
    )
    assert event == GraphNodeKnown(b"g", TASK, True, (b"p", b"q"))


# -- what is not understood


def test_messages_and_states_of_others_are_ignored_and_counted(stream: Stream) -> None:
    assert stream.send("stateClient") is None
    assert stream.task("workerDisconnecting") is None
    assert stream.model.ignored == 2
    stream.report()
    assert stream.model.is_complete


def test_a_malformed_message_changes_nothing(stream: Stream) -> None:
    with pytest.raises(codec.CodecError):
        stream.model.apply(b"nonsense", NOW)
    stream.report()
    assert stream.model.is_complete
