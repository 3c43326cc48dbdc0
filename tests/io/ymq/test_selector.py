"""The selector that receives the messages of our sockets itself."""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scaler.io.ymq.selector import SocketSelector
from scaler.io.ymq.ymq import Bytes, Context, IOSocketType, PeerEvent, Socket

READ = selectors.EVENT_READ
SECONDS = 10.0


class Pair:
    """A binder in this context, and a connector in one of its own."""

    def __init__(self) -> None:
        self.context = Context()
        self.binder = Socket(self.context, b"binder", IOSocketType.Binder)
        self.connector = Socket(Context(), b"connector", IOSocketType.Connector)
        self.connector.connect(self.binder.bind("tcp://127.0.0.1:0"))
        assert self.binder.recv_batch(SECONDS) == [(b"connector", PeerEvent.connected)]
        assert self.connector.recv_batch(SECONDS) == [(b"binder", PeerEvent.connected)]

    def close(self) -> None:
        self.binder.close(0)
        self.connector.close(0)


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


@pytest.fixture
def selector() -> Iterator[SocketSelector]:
    with SocketSelector() as selector:
        yield selector


def select(selector: SocketSelector, is_wanted: Callable[[Any], bool] = bool) -> list[Any]:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        events = selector.select(1.0)
        if is_wanted(events):
            return events
    pytest.fail("nothing happened")


def test_messages_are_received_by_the_thread_that_selects(pair: Pair, selector: SocketSelector) -> None:
    key = selector.register(pair.binder, READ, "data")
    for number in range(300):
        pair.connector.send(None, str(number).encode())
        assert select(selector) == [(key, READ)]
        ((peer, content),) = pair.binder.drain()
        assert peer == b"connector"
        assert isinstance(content, Bytes)
        assert content.data == str(number).encode()
    assert selector.select(0) == []
    assert selector.select(0.01) == []


def test_other_descriptors_are_selected_too(pair: Pair, selector: SocketSelector) -> None:
    reading, writing = os.pipe()
    selector.register(pair.binder, READ)
    key = selector.register(reading, READ, "pipe")
    for _ in range(3):
        assert selector.select(0.01) == []
        os.write(writing, b"x")
        assert select(selector) == [(key, READ)]
        assert select(selector) == [(key, READ)]  # as long as it is readable
        os.read(reading, 1)
    assert selector.unregister(reading) == key
    os.close(reading)
    os.close(writing)


def test_a_busy_socket_does_not_starve_a_descriptor(pair: Pair, selector: SocketSelector) -> None:
    reading, writing = os.pipe()
    selector.register(pair.binder, READ)
    key = selector.register(reading, READ)
    pair.connector.send(None, b"never taken")
    os.write(writing, b"x")
    select(selector, lambda events: (key, READ) in events)
    os.close(writing)
    os.close(reading)


def test_sockets_of_other_contexts_are_watched_by_their_descriptor(pair: Pair, selector: SocketSelector) -> None:
    keys = [selector.register(pair.binder, READ), selector.register(pair.connector, READ)]
    pair.binder.send(b"connector", b"x")
    pair.connector.send(None, b"x")
    seen = set()
    while len(seen) < 2:
        for key, _ in select(selector):
            seen.add(key)
            key.fileobj.drain()  # type: ignore[union-attr]
    assert seen == set(keys)


def test_registration(pair: Pair, selector: SocketSelector) -> None:
    key = selector.register(pair.binder, READ, "data")
    with pytest.raises(KeyError):
        selector.register(pair.binder, READ)
    assert selector.get_key(pair.binder) == selector.get_key(key.fd) == key
    assert key.fd in selector.get_map()
    assert list(selector.get_map()) == [key.fd]
    assert len(selector.get_map()) == 1
    assert selector.modify(pair.binder, READ, "other").data == "other"
    with pytest.raises(ValueError, match="only be read"):
        selector.modify(pair.binder, selectors.EVENT_WRITE)
    assert selector.unregister(pair.binder).data == "other"
    with pytest.raises(KeyError):
        selector.unregister(pair.binder)
    pair.connector.send(None, b"x")
    assert pair.binder.recv_batch(SECONDS)  # it is an ordinary socket again
    selector.register(pair.binder, READ)


def test_a_signal_ends_a_wait(pair: Pair, selector: SocketSelector) -> None:
    def handler(number: int, frame: object) -> None:
        raise TimeoutError

    selector.register(pair.binder, READ)
    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        main = threading.main_thread().ident
        assert main is not None
        timer = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGUSR1))
        timer.start()
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            selector.select(30)
        assert time.monotonic() - start < 5
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_a_loop_with_messages_timers_and_threads(pair: Pair) -> None:
    async def main() -> list[bytes]:
        loop = asyncio.get_running_loop()
        received: list[bytes] = []
        is_complete = asyncio.Event()

        def on_readable() -> None:
            received.extend(content.data for _, content in pair.binder.drain() if isinstance(content, Bytes))
            if len(received) == 200:
                is_complete.set()

        def send_all() -> None:
            for number in range(100):
                pair.connector.send(None, str(number).encode())

        loop.add_reader(pair.binder, on_readable)
        await asyncio.gather(loop.run_in_executor(None, send_all), asyncio.sleep(0.01))
        await loop.run_in_executor(None, send_all)
        await asyncio.wait_for(is_complete.wait(), SECONDS)
        assert loop.remove_reader(pair.binder)
        return received

    loop = asyncio.SelectorEventLoop(SocketSelector())
    try:
        received = loop.run_until_complete(main())
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    assert received == [str(number).encode() for number in range(100)] * 2
