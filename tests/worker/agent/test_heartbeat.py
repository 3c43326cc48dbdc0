"""What a heartbeat says, and that nothing the system refuses stops it."""

from __future__ import annotations

import os

from agent_fixture import AgentFixture

from scaler.protocol import message
from scaler.worker.agent.heartbeat import HeartbeatMaker
from scaler.worker.worker_settings import WorkerSettings

SETTINGS = WorkerSettings(
    worker_id=b"Worker|test|0",
    scheduler_address="tcp://127.0.0.1:1",
    object_storage_address=None,
    capabilities={"gpu": 1, "linux": -1},
    task_queue_size=30,
)


def read(core):
    member, heartbeat = message.decode(HeartbeatMaker(SETTINGS).make(core))
    assert member == "workerHeartbeat"
    return heartbeat


def test_an_idle_worker():
    agent = AgentFixture().ready()
    (seat,) = agent.core.seats
    seat.pid = os.getpid()
    heartbeat = read(agent.core)
    assert {each.name: each.value for each in heartbeat.capabilities} == {"gpu": 1, "linux": -1}
    assert (heartbeat.queueSize, heartbeat.queuedTasks, heartbeat.heldTasks, heartbeat.heldDigest) == (30, 0, 0, 0)
    assert heartbeat.taskLock
    (processor,) = heartbeat.processors
    assert processor.pid == os.getpid() and processor.initialized and not processor.hasTask
    assert processor.resource.rss > 0 and heartbeat.agent.rss > 0 and heartbeat.rssFree > 0


def test_a_busy_worker():
    agent = AgentFixture(fed_limit=2).ready().tasks(1, 2, 3)
    agent.processor.start_next()
    agent.core.link.latency_seconds = 0.25
    heartbeat = read(agent.core)
    assert (heartbeat.queuedTasks, heartbeat.heldTasks) == (2, 3)
    assert heartbeat.heldDigest == agent.core.tasks.digest()
    assert heartbeat.latencyUS == 250_000
    assert not heartbeat.taskLock
    assert heartbeat.processors[0].hasTask


def test_a_worker_whose_processor_is_not_ready():
    agent = AgentFixture()
    agent.core.on_storage_address(agent.now)
    agent.settle()
    agent.tasks(1)
    heartbeat = read(agent.core)
    assert len(heartbeat.processors) == 0 and heartbeat.queuedTasks == 1 and not heartbeat.taskLock


def test_a_system_that_tells_nothing(monkeypatch):
    def refuse(*_arguments, **_keywords):
        raise PermissionError

    agent = AgentFixture().ready().tasks(1)
    maker = HeartbeatMaker(SETTINGS)
    monkeypatch.setattr("builtins.open", refuse)
    frame = maker.make(agent.core)
    monkeypatch.undo()
    _, heartbeat = message.decode(frame)
    assert heartbeat.agent.rss == 0 and heartbeat.rssFree == 0
    assert heartbeat.processors[0].resource.rss == 0
