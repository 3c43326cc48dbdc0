"""The thread that follows the stream: with a publisher that does as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from scaler.io.ymq.ymq import YMQException
from scaler.protocol import message
from scaler.top.feed import Feed
from scaler.top.picture import Contact, Picture
from tests.monitor.publisher import DEADLINE_SECONDS, Publisher


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()
    yield publisher
    publisher.socket.close(0)


class Viewer:
    """Waits for what a feed has."""

    def __init__(self, address: str, timeout_seconds: float = DEADLINE_SECONDS) -> None:
        self._changed = threading.Event()
        self.feed = Feed(address, timeout_seconds, self._changed.set)

    def wait_until(self, is_enough: Callable[[Picture | None, Contact], bool]) -> tuple[Picture | None, Contact]:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            self._changed.clear()
            latest = self.feed.latest()
            if is_enough(*latest):
                return latest
            assert time.monotonic() < deadline, latest
            self._changed.wait(0.1)  # not for ever, for time alone makes a stream silent


def status(worker_id: bytes, free: int) -> dict[str, object]:
    return {"workerId": worker_id, "free": free}


def tell(publisher: Publisher, subscriber: bytes, published: int, workers: dict[bytes, int], **monitor: object) -> None:
    publisher.socket.send(
        subscriber,
        message.encode(
            "stateScheduler",
            workerManager={"workers": [status(worker_id, free) for worker_id, free in workers.items()]},
            monitor={"published": published, **monitor},
        ),
    )


def workers_of(picture: Picture | None) -> dict[bytes, int]:
    return {worker.worker_id: worker.status.free for worker in picture.workers} if picture is not None else {}


def test_pictures_follow_reports_and_stay_as_they_are(publisher: Publisher) -> None:
    viewer = Viewer(publisher.address)
    with viewer.feed:
        assert viewer.feed.latest()[0] is None
        subscriber = publisher.wait_for_subscriber()
        tell(publisher, subscriber, 0, {b"b": 1, b"a": 2}, isSnapshot=True)
        first, contact = viewer.wait_until(lambda picture, contact: picture is not None and contact.is_connected)
        assert list(workers_of(first)) == [b"a", b"b"]
        tell(publisher, b"", 0, {b"a": 7, b"c": 3})
        second, _ = viewer.wait_until(lambda picture, _: b"c" in workers_of(picture))
        assert (workers_of(first), workers_of(second)) == ({b"a": 2, b"b": 1}, {b"a": 7, b"c": 3})
        assert contact.address == publisher.address


def test_a_lost_connection_is_told_and_comes_back(publisher: Publisher) -> None:
    viewer = Viewer(publisher.address)
    with viewer.feed:
        tell(publisher, publisher.wait_for_subscriber(), 0, {b"a": 1}, isSnapshot=True)
        viewer.wait_until(lambda _, contact: contact.is_connected)
        publisher.socket.close(0)
        picture, _ = viewer.wait_until(lambda _, contact: not contact.is_connected)
        assert workers_of(picture) == {b"a": 1}
        again = Publisher(publisher.address)
        try:
            tell(again, again.wait_for_subscriber(), 0, {b"b": 1}, isSnapshot=True)
            viewer.wait_until(lambda picture, contact: contact.is_connected and workers_of(picture) == {b"b": 1})
        finally:
            again.socket.close(0)


def test_silence_is_an_error_in_one_line(publisher: Publisher) -> None:
    viewer = Viewer(publisher.address, timeout_seconds=0.3)
    with viewer.feed, pytest.raises(TimeoutError) as raised:
        publisher.wait_for_subscriber()
        viewer.wait_until(lambda _picture, contact: contact.silent_seconds > DEADLINE_SECONDS)
    assert str(raised.value) == f"Cannot connect to {publisher.address} in 0.3 seconds"


def test_a_wrong_address_is_told_before_anything_is_started() -> None:
    before = threading.active_count()
    with pytest.raises((YMQException, ValueError)):
        Feed("tcp://127.0.0.1", 1, lambda: None)
    assert threading.active_count() == before
