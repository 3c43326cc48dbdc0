"""The loop that lets the readers of our sockets receive while it selects."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest

from scaler.io.ymq.receiving_loop import ReceivingLoop
from scaler.io.ymq.ymq import Bytes, Context, IOSocketType, PeerEvent, Socket

SECONDS = 10.0


class Pair:
    """A binder in this context, and a connector in one of its own."""

    def __init__(self) -> None:
        self.binder = Socket(Context(), b"binder", IOSocketType.Binder)
        self.connector = Socket(Context(), b"connector", IOSocketType.Connector)
        self.connector.connect(self.binder.bind("tcp://127.0.0.1:0"))
        assert self.binder.recv_batch(SECONDS) == [(b"connector", PeerEvent.connected)]
        assert self.connector.recv_batch(SECONDS) == [(b"binder", PeerEvent.connected)]

    def drain(self) -> list[bytes]:
        return [content.data for _, content in self.binder.drain() if isinstance(content, Bytes)]

    def send(self, content: bytes) -> None:
        self.connector.send(None, content)


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.binder.close(0)
    pair.connector.close(0)


@pytest.fixture
def loop() -> Iterator[ReceivingLoop]:
    loop = ReceivingLoop()
    yield loop
    loop.close()


def test_messages_are_received_without_a_turn_of_the_loop(pair: Pair, loop: ReceivingLoop) -> None:
    turns_at: list[int] = []
    turns = 0
    selector_select = loop._selector.select  # type: ignore[attr-defined]  # counts the turns

    def select(timeout: float | None) -> Any:
        nonlocal turns
        turns += 1
        return selector_select(timeout)

    loop._selector.select = select  # type: ignore[attr-defined]

    async def main() -> None:
        ended = asyncio.Event()

        def on_readable(name: str) -> None:
            assert name == "argument"
            for content in pair.drain():
                turns_at.append(turns)
                if content == b"20":
                    ended.set()
                else:
                    pair.send(str(int(content) + 1).encode())

        loop.add_reader(pair.binder, on_readable, "argument")
        pair.send(b"1")
        await asyncio.wait_for(ended.wait(), SECONDS)

    loop.run_until_complete(main())
    assert len(turns_at) == 20
    assert len(set(turns_at)) < 5  # the first ones may come while the loop has something else to do


@pytest.mark.parametrize("how", ["task", "soon", "timer", "stop", "thread", "descriptor"])
def test_what_a_reader_starts_is_not_kept_waiting(pair: Pair, loop: ReceivingLoop, how: str) -> None:
    happened: list[str] = []
    read_end, write_end = os.pipe()

    def happen() -> None:
        happened.append(how)
        loop.stop()

    async def wait_and_happen() -> None:
        await asyncio.sleep(0)
        happen()

    tasks: list[asyncio.Task[None]] = []

    def on_readable() -> None:
        pair.drain()
        if how == "task":
            tasks.append(loop.create_task(wait_and_happen()))
        elif how == "soon":
            loop.call_soon(happen)
        elif how == "timer":
            loop.call_later(0.01, happen)
        elif how == "stop":
            happen()
        elif how == "thread":
            loop.run_in_executor(None, loop.call_soon_threadsafe, happen)
        else:
            os.write(write_end, b"x")

    loop.add_reader(read_end, happen)
    loop.add_reader(pair.binder, on_readable)
    guard = loop.call_later(SECONDS, loop.stop)  # nothing else would end the wait
    pair.send(b"x")
    loop.run_forever()
    guard.cancel()
    assert happened == [how]
    loop.remove_reader(read_end)
    loop.run_until_complete(loop.shutdown_default_executor())
    os.close(read_end)
    os.close(write_end)


def test_a_timer_is_not_kept_waiting_by_messages(pair: Pair, loop: ReceivingLoop) -> None:
    received = 0

    def on_readable() -> None:
        nonlocal received
        received += len(pair.drain())
        pair.send(b"again")

    loop.add_reader(pair.binder, on_readable)
    pair.send(b"x")
    loop.run_until_complete(asyncio.sleep(0.05))
    assert received > 1


def test_a_reader_that_fails_is_reported_and_stays(pair: Pair, loop: ReceivingLoop) -> None:
    reported: list[dict[str, Any]] = []

    def on_readable() -> None:
        (content,) = pair.drain()
        if content == b"bad":
            raise ValueError("bad")
        loop.stop()

    def on_failure(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        reported.append(context)
        pair.send(b"good")

    loop.set_exception_handler(on_failure)
    loop.add_reader(pair.binder, on_readable)
    guard = loop.call_later(SECONDS, loop.stop)
    pair.send(b"bad")
    loop.run_forever()
    guard.cancel()
    assert [str(context["exception"]) for context in reported] == ["bad"]


def test_a_reader_may_remove_another_one_that_is_ready_too(loop: ReceivingLoop) -> None:
    context = Context()
    pairs = []
    for _ in range(2):
        binder = Socket(context, b"binder", IOSocketType.Binder)
        connector = Socket(Context(), b"connector", IOSocketType.Connector)
        connector.connect(binder.bind("tcp://127.0.0.1:0"))
        assert connector.recv_batch(SECONDS)
        assert binder.recv_batch(SECONDS)
        connector.send(None, b"x")
        pairs.append((binder, connector))
    called: list[int] = []

    def on_readable(own: int) -> None:
        called.append(own)
        pairs[own][0].drain()
        assert loop.remove_reader(pairs[1 - own][0])
        loop.call_later(0.05, loop.stop)

    for own in range(2):
        loop.add_reader(pairs[own][0], on_readable, own)
    guard = loop.call_later(SECONDS, loop.stop)
    loop.run_forever()
    guard.cancel()
    assert len(called) == 1
    for sockets in pairs:
        for socket in sockets:
            socket.close(0)


def test_removal(pair: Pair, loop: ReceivingLoop) -> None:
    assert not loop.remove_reader(pair.binder)
    loop.add_reader(pair.binder, pytest.fail)
    assert loop.remove_reader(pair.binder)
    assert not loop.remove_reader(pair.binder)
    pair.send(b"x")
    assert pair.binder.recv_batch(SECONDS)  # it is an ordinary socket again


def test_sockets_of_another_context_are_watched_by_their_descriptor(pair: Pair, loop: ReceivingLoop) -> None:
    other = Pair()
    received: list[bytes] = []

    def on_readable() -> None:
        received.extend(other.drain())
        loop.stop()

    loop.add_reader(pair.binder, pytest.fail)
    loop.add_reader(other.binder, on_readable)
    guard = loop.call_later(SECONDS, loop.stop)
    other.send(b"x")
    loop.run_forever()
    guard.cancel()
    assert received == [b"x"]
    assert loop.remove_reader(other.binder)
    other.binder.close(0)
    other.connector.close(0)
