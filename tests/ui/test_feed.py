"""The feed: batches reach the loop in order, a slow loop is waited for, and its end leaves nothing open."""

from __future__ import annotations

import asyncio
import queue
import threading

import pytest

from scaler.monitor.cluster_model import ClusterModel
from scaler.monitor.events import Event, Reported, WorkerDisconnected
from scaler.ui.cluster_view import Batch
from scaler.ui.feed import Feed

DEADLINE_SECONDS = 20.0


class SubscriberStandIn:
    """Returns what it was given; remembers how often it was asked, and whether it was closed by then."""

    def __init__(self) -> None:
        self.model = ClusterModel()
        self.given: queue.SimpleQueue[list[Event]] = queue.SimpleQueue()
        self.asked = 0
        self.is_closed = False

    def receive(self, timeout_seconds: float) -> list[Event]:
        assert not self.is_closed
        self.asked += 1
        return self.given.get(timeout=DEADLINE_SECONDS)

    def interrupt(self) -> None:
        self.given.put([])

    def close(self) -> None:
        self.is_closed = True


async def wait_until(condition: asyncio.Event) -> None:
    await asyncio.wait_for(condition.wait(), DEADLINE_SECONDS)


def test_batches_reach_the_loop_in_order_and_in_its_thread() -> None:
    async def follow() -> None:
        taken: list[Event] = []
        enough = asyncio.Event()

        def take(batch: Batch) -> None:
            assert threading.get_ident() == loop_thread
            taken.extend(batch.events)
            if len(taken) == 3:
                enough.set()

        loop_thread = threading.get_ident()
        subscriber = SubscriberStandIn()
        feed = Feed(subscriber, take)  # type: ignore[arg-type]
        events = [Reported(), WorkerDisconnected(b"a"), WorkerDisconnected(b"b")]
        subscriber.given.put(events[:2])
        subscriber.given.put(events[2:])
        feed.start()
        await wait_until(enough)
        assert taken == events
        await feed.stop()
        assert subscriber.is_closed

    asyncio.run(follow())


def test_nothing_is_read_while_the_loop_is_busy_and_a_failure_does_not_end_it() -> None:
    async def follow() -> None:
        subscriber = SubscriberStandIn()
        asked_before: list[int] = []
        failures: list[object] = []
        enough = asyncio.Event()

        def take(batch: Batch) -> None:
            asked_before.append(subscriber.asked)
            subscriber.given.put([Reported()])
            if len(asked_before) == 3:
                enough.set()
            raise ValueError("on purpose")

        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: failures.append(context["exception"]))
        feed = Feed(subscriber, take)  # type: ignore[arg-type]
        subscriber.given.put([Reported()])
        feed.start()
        await wait_until(enough)
        await feed.stop()
        assert asked_before[:3] == [1, 2, 3]  # it was not asked again before a batch was taken
        assert len(failures) >= 3

    asyncio.run(follow())


def test_it_can_be_stopped_before_it_was_started() -> None:
    subscriber = SubscriberStandIn()
    asyncio.run(Feed(subscriber, pytest.fail).stop())  # type: ignore[arg-type]
    assert subscriber.is_closed
