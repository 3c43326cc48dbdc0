"""Single tasks pass by the agent's core, which knows of them whenever it is asked."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from agent_fixture import WORKER_ID, AgentFixture, make_task, task_id

from scaler.io.ymq.ymq import Context, IOSocketType, PeerEvent, Socket
from scaler.protocol import codec
from scaler.worker.agent.relay import TaskRelay
from scaler.worker.agent.task_gate import SlotState

DEADLINE_SECONDS = 10.0


def receive(socket: Socket) -> tuple[object, object]:
    """Return the next item, a message as bytes."""
    ((peer, content),) = socket.recv_batch(DEADLINE_SECONDS, 1)
    return peer, content if isinstance(content, PeerEvent) else bytes(content)


class Sockets:
    """The two sockets of an agent, and those of its scheduler and of its processor."""

    def __init__(self, threads: int = 1) -> None:
        self.context = Context(threads)
        self.peers = Context()
        self.scheduler = Socket(self.peers, b"scheduler", IOSocketType.Binder)
        self.to_scheduler = Socket(self.context, WORKER_ID, IOSocketType.Connector)
        self.to_processors = Socket(self.context, WORKER_ID, IOSocketType.Binder)
        self.processor: Socket | None = None
        self.to_scheduler.connect(self.scheduler.bind("tcp://127.0.0.1:0"))
        assert receive(self.scheduler) == (WORKER_ID, PeerEvent.connected)
        assert receive(self.to_scheduler) == (b"scheduler", PeerEvent.connected)

    def connect_processor(self, identity: bytes) -> Socket:
        self.processor = Socket(self.peers, identity, IOSocketType.Connector)
        self.processor.connect(self.to_processors.bind("tcp://127.0.0.1:0"))
        assert receive(self.to_processors) == (identity, PeerEvent.connected)
        assert receive(self.processor) == (WORKER_ID, PeerEvent.connected)
        return self.processor

    def close(self) -> None:
        for socket in (self.scheduler, self.to_scheduler, self.to_processors, self.processor):
            if socket is not None:
                socket.close(0)


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    made = Sockets()
    yield made
    made.close()


@pytest.fixture
def agent() -> AgentFixture:
    return AgentFixture().ready()


@pytest.fixture
def processor(sockets: Sockets, agent: AgentFixture) -> Socket:
    return sockets.connect_processor(agent.processor.identity)


@pytest.fixture
def relay(sockets: Sockets, agent: AgentFixture) -> TaskRelay:
    relay = TaskRelay(agent.core, sockets.to_processors)
    relay.connect(sockets.to_scheduler)
    return relay


def result(number: int) -> bytes:
    return codec.TaskResult(task_id=task_id(number), result_type=0, value=b"r").encode()


def test_tasks_and_results_pass_and_are_counted(
    sockets: Sockets, agent: AgentFixture, processor: Socket, relay: TaskRelay
) -> None:
    relay.offer()
    seat = agent.core.seats.spare()
    assert seat is not None
    seat.idle_since = agent.now
    for number in range(3):
        sockets.scheduler.send(WORKER_ID, make_task(number))
        assert receive(processor) == (WORKER_ID, make_task(number))
        assert agent.processor.gate.try_start(number)
        agent.processor.gate.finish(number)
        processor.send(None, result(number))
        assert receive(sockets.scheduler) == (WORKER_ID, result(number))
    assert sockets.to_scheduler.drain() == sockets.to_processors.drain() == []

    relay.recall()
    assert (seat.next_number, seat.ended_tasks, seat.idle_since) == (3, 3, None)
    assert len(agent.core.tasks) == 0
    relay.recall()
    assert seat.ended_tasks == 3


def test_what_is_under_way_is_held_after_the_recall(
    sockets: Sockets, agent: AgentFixture, processor: Socket, relay: TaskRelay
) -> None:
    relay.offer()
    sockets.scheduler.send(WORKER_ID, make_task(7))
    assert receive(processor) == (WORKER_ID, make_task(7))
    relay.recall()
    agent.core.tasks.check()
    task = agent.core.tasks.find(task_id(7))
    assert task is not None and task.number == 0
    assert agent.core.waiting_count() == 1
    agent.processor.gate.try_start(0)
    agent.core.on_task_result(agent.processor.identity, result(7))
    agent.settle()
    assert agent.results() == [7]
    assert agent.processor.gate.state(0) is SlotState.free


def test_what_is_under_way_can_be_taken_back(
    sockets: Sockets, agent: AgentFixture, processor: Socket, relay: TaskRelay
) -> None:
    relay.offer()
    sockets.scheduler.send(WORKER_ID, make_task(7))
    receive(processor)
    relay.recall()
    agent.cancel(7, force=False)
    assert agent.verdicts() == [(7, codec.TaskCancelConfirmType.canceled)]
    assert not agent.processor.gate.try_start(0)


def test_whatever_comes_beside_a_task_is_the_cores(
    sockets: Sockets, agent: AgentFixture, processor: Socket, relay: TaskRelay
) -> None:
    relay.offer()
    sockets.scheduler.send(WORKER_ID, make_task(1))
    assert receive(processor) == (WORKER_ID, make_task(1))
    sockets.scheduler.send(WORKER_ID, make_task(2))
    assert receive(sockets.to_scheduler) == (b"scheduler", make_task(2))
    processor.send(None, result(1))
    assert receive(sockets.to_processors) == (agent.processor.identity, result(1))
    relay.recall()
    agent.core.on_task(make_task(2))
    agent.core.on_task_result(agent.processor.identity, result(1))
    assert agent.core.tasks.fed_count == 1


@pytest.mark.parametrize("reason", ["a task is held", "the session is over", "it leaves"])
def test_nothing_passes_while_the_core_has_to_decide(
    reason: str, sockets: Sockets, agent: AgentFixture, processor: Socket, relay: TaskRelay
) -> None:
    if reason == "a task is held":
        agent.tasks(1)
    elif reason == "the session is over":
        agent.core.on_scheduler_lost(agent.now)
    else:
        agent.core.on_stop_requested("test")
    relay.offer()
    sockets.scheduler.send(WORKER_ID, make_task(2))
    assert receive(sockets.to_scheduler) == (b"scheduler", make_task(2))
    assert processor.drain() == []


def test_a_task_whose_processor_cannot_be_reached_is_not_lost(
    sockets: Sockets, agent: AgentFixture, relay: TaskRelay
) -> None:
    relay.offer()
    sockets.scheduler.send(WORKER_ID, make_task(7))
    deadline = time.monotonic() + DEADLINE_SECONDS
    while sockets.to_scheduler.statistics().received_messages == 0:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    relay.recall()
    assert agent.core.tasks.find(task_id(7)) is not None
    agent.initializes_at_once = True
    agent.die(-9, link=False)
    agent.tick(10.0)  # processors that have served nothing are replaced after a pause
    assert len(agent.processors) == 2
    agent.run()
    assert agent.results() == [7]


def test_nothing_passes_between_the_sockets_of_two_threads(agent: AgentFixture) -> None:
    sockets = Sockets(threads=2)
    relay = TaskRelay(agent.core, sockets.to_processors)
    relay.connect(sockets.to_scheduler)
    sockets.connect_processor(agent.processor.identity)
    relay.offer()
    sockets.scheduler.send(WORKER_ID, make_task(7))
    assert receive(sockets.to_scheduler) == (b"scheduler", make_task(7))
    relay.recall()
    sockets.close()
