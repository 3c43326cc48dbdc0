"""Viewers that come at any time see what the scheduler sees, whatever happens to tasks, workers and clients."""

from __future__ import annotations

import random
from typing import Any

import pytest
from scheduler_fixture import SchedulerFixture

from scaler.monitor.cluster_model import ClusterModel
from scaler.protocol import message
from scaler.protocol.codec import TaskCancelConfirmType

NO_LOAD = {"cpu": 0, "rss": 0}


class Watched(SchedulerFixture):
    """A scheduler with viewers, to whom the stream is delivered in order."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.viewers: dict[bytes, ClusterModel] = {}

    def join(self) -> None:
        """Let one more viewer subscribe; the stream reaches it from here on, before it gets its snapshot."""
        subscriber = f"viewer {len(self.viewers)}".encode()
        self.viewers[subscriber] = ClusterModel()
        self.core.on_subscriber_joined(subscriber, NO_LOAD, 0)
        self.end_batch()

    def on_report(self, subscriber: bytes, member: str, fields: dict[str, Any]) -> None:
        """Deliver a message to one viewer, or to all."""
        frame = message.encode(member, **fields)
        for identity, viewer in self.viewers.items():
            if subscriber in (b"", identity):
                viewer.apply(frame, self.core.now_seconds)

    def check(self) -> None:
        """Compare every viewer with the scheduler."""
        self.core.publish(NO_LOAD, 0)
        self.end_batch()
        pool, clients = self.core._pool, self.core._clients.clients()
        placed = {task_id: worker.worker_id for worker in pool.workers() for task_id in worker.tasks}
        for viewer in self.viewers.values():
            assert viewer.is_complete and viewer.lost_messages == 0
            assert {task.task_id: task.worker_id for task in viewer.tasks.values()} == placed
            assert {each.worker_id: each.capabilities for each in viewer.workers.values()} == {
                each.worker_id: each.capabilities for each in pool.workers()
            }
            assert viewer.clients == {client.client_id: len(client.tasks) for client in clients}
            assert sum(viewer.report.live.values()) == len(self.core._tasks)


@pytest.mark.parametrize("seed", range(20))
def test_viewers_see_what_the_scheduler_sees(seed: int) -> None:
    chance = random.Random(seed)
    scheduler = Watched(load_balance_seconds=0.1, load_balance_trigger_times=1)
    scheduler.join()
    now = 0.0
    for step in range(150):
        act(scheduler, chance, step)
        if chance.random() < 0.2:
            now += 0.1
            scheduler.tick(now)
        if chance.random() < 0.03:
            scheduler.join()
        scheduler.check()


def act(scheduler: Watched, chance: random.Random, step: int) -> None:
    """Let something happen."""
    workers, clients = scheduler.core._pool.workers(), scheduler.core._clients.clients()
    kind = chance.choice(("client", "worker", "submit", "submit", "submit", "end", "end", "end", "cancel", "go"))
    if kind == "client" and len(clients) < 3:
        scheduler.client(str(step))
    elif kind == "worker" and len(workers) < 4:
        scheduler.worker(str(step), queue_size=chance.choice((1, 2, 1000)), capabilities={"n": step})
    elif kind == "submit" and clients:
        scheduler.submit(chance.choice(clients).client_id, chance.randint(1, 6), level=chance.choice((0, 0, 1)))  # type: ignore[arg-type]
    elif kind == "cancel" and clients:
        client = chance.choice(clients)
        if client.tasks:
            scheduler.cancel(client.client_id, chance.choice(client.tasks).task_id)
    elif kind == "go" and chance.random() < 0.5:
        leave(scheduler, chance)
    for worker in workers:
        if worker.tasks and kind == "end":
            answer(scheduler, chance, worker)


def answer(scheduler: Watched, chance: random.Random, worker: Any) -> None:
    """Let a worker answer about one of its tasks, rightly or with a surprise."""
    task_id, record = chance.choice(list(worker.tasks.items()))
    kind = chance.choice((None, None, *TaskCancelConfirmType))
    if kind is None:
        scheduler.finish(worker.worker_id, task_id, attempt=record.attempt)
    else:
        scheduler.confirm(worker.worker_id, task_id, kind)


def leave(scheduler: Watched, chance: random.Random) -> None:
    """Let somebody leave, be lost, or drain."""
    workers, clients = scheduler.core._pool.workers(), scheduler.core._clients.clients()
    kind = chance.choice(("lose worker", "leave", "drain", "lose client"))
    if kind == "lose client" and clients:
        scheduler.lose(chance.choice(clients).client_id)
    elif workers:
        worker_id = chance.choice(workers).worker_id
        if kind == "drain":
            scheduler.core.drain_worker(worker_id, "for this test")
            scheduler.end_batch()
        elif kind == "leave":
            scheduler.say(worker_id, message.encode("disconnectRequest", worker=worker_id))
        else:
            scheduler.lose(worker_id)


def test_a_viewer_that_misses_messages_notices_and_is_whole_again_when_it_joins_anew() -> None:
    scheduler = Watched()
    scheduler.join()
    client, worker = scheduler.client(), scheduler.worker()
    [viewer] = scheduler.viewers.values()
    scheduler.viewers.clear()  # it has no room
    [task] = scheduler.submit(client)
    scheduler.viewers[b"viewer 0"] = viewer
    scheduler.core.publish(NO_LOAD, 0)
    scheduler.end_batch()
    assert (viewer.needs_snapshot, viewer.lost_messages) == (True, 1)
    viewer.on_disconnected()
    scheduler.core.on_subscriber_left(b"viewer 0")
    scheduler.core.on_subscriber_joined(b"viewer 0", NO_LOAD, 0)
    scheduler.end_batch()
    assert viewer.is_complete and viewer.tasks[task].worker_id == worker
