"""Sockets of one message per call, from asyncio and from threads."""

import asyncio
import concurrent.futures
import gc
import signal
import time
import weakref

import pytest

from scaler.io.ymq.ymq import Bytes, ErrorCode, IOContext, IOSocketType, Message, YMQException
from scaler.utility.network_util import get_available_tcp_port


def run(coroutine: "asyncio.coroutines.Coroutine[object, object, None]") -> None:
    asyncio.run(asyncio.wait_for(coroutine, 30))


def test_basic_exchange() -> None:
    async def exchange() -> None:
        context = IOContext()
        binder = await context.createIOSocket("binder", IOSocketType.Binder)
        connector = await context.createIOSocket("connector", IOSocketType.Connector)
        assert (binder.identity, binder.socket_type) == ("binder", IOSocketType.Binder)
        await connector.connect(await binder.bind("tcp://127.0.0.1:0"))
        await connector.send(Message(address=None, payload=b"payload"))
        message = await binder.recv()
        assert message.address is not None
        assert message.address.data == b"connector"
        assert message.payload.data == b"payload"
        await binder.send(Message(b"connector", b"answer"))
        answer = await connector.recv()
        assert answer.address is not None
        assert (answer.address.data, answer.payload.data) == (b"", b"answer")

    run(exchange())


def test_binder_needs_an_address() -> None:
    binder = IOContext().createIOSocket_sync("binder", IOSocketType.Binder)
    with pytest.raises(YMQException) as failure:
        binder.send_sync(Message(None, b"payload"), timeout=5)
    assert failure.value.code == ErrorCode.BinderSendMessageWithNoAddress


def test_routing_to_peers_that_are_not_there_yet() -> None:
    context = IOContext()
    binder = context.createIOSocket_sync("binder", IOSocketType.Binder)
    address = binder.bind_sync("tcp://127.0.0.1:0")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        sends = [
            pool.submit(binder.send_sync, Message(f"connector{number}".encode(), f"{number}".encode()))
            for number in (2, 1, 2)
        ]
        for number in (1, 2):
            connector = context.createIOSocket_sync(f"connector{number}", IOSocketType.Connector)
            connector.connect_sync(address, timeout=5)
            assert connector.recv_sync(timeout=5).payload.data == f"{number}".encode()
        for send in sends:
            send.result(5)


def test_ping_pong_of_both_sides_at_once() -> None:
    async def exchange() -> None:
        context = IOContext()
        binder = await context.createIOSocket("binder", IOSocketType.Binder)
        connector = await context.createIOSocket("connector", IOSocketType.Connector)
        await connector.connect(await binder.bind("tcp://127.0.0.1:0"))

        async def bind_side() -> None:
            for number in range(100):
                await binder.send(Message(b"connector", f"{number}".encode()))
                assert (await binder.recv()).payload.data == f"{number}".encode()

        async def connect_side() -> None:
            for number in range(100):
                await connector.send(Message(None, f"{number}".encode()))
                assert (await connector.recv()).payload.data == f"{number}".encode()

        await asyncio.gather(bind_side(), connect_side())

    run(exchange())


def test_big_messages() -> None:
    context = IOContext()
    binder = context.createIOSocket_sync("binder", IOSocketType.Binder)
    connector = context.createIOSocket_sync("connector", IOSocketType.Connector)
    connector.connect_sync(binder.bind_sync("tcp://127.0.0.1:0"), timeout=5)
    payload = Bytes(bytes(range(256)) * (500_000_000 // 256))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for _ in range(10):
            sent = pool.submit(connector.send_sync, Message(None, payload), 30)
            message = binder.recv_sync(timeout=30)
            sent.result(30)
            assert message.address is not None
            assert message.address.data == b"connector"
            assert memoryview(message.payload) == memoryview(payload)


def test_a_send_waits_for_a_full_queue() -> None:
    context = IOContext()
    binder = context.createIOSocket_sync("binder", IOSocketType.Binder)
    connector = context.createIOSocket_sync("connector", IOSocketType.Connector)
    connector.connect_sync(binder.bind_sync("tcp://127.0.0.1:0"), timeout=5)
    payload = Bytes(bytes(200_000_000))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        sends = [pool.submit(connector.send_sync, Message(None, payload), 30) for _ in range(4)]
        for _ in range(4):
            assert len(binder.recv_sync(timeout=30).payload) == len(payload)
        for send in sends:
            send.result(30)


def test_cancelled_and_timed_out_receivers_lose_nothing() -> None:
    async def exchange() -> None:
        context = IOContext()
        binder = await context.createIOSocket("binder", IOSocketType.Binder)
        connector = await context.createIOSocket("connector", IOSocketType.Connector)
        await connector.connect(await binder.bind("tcp://127.0.0.1:0"))
        for number in range(50):
            receiving = asyncio.ensure_future(binder.recv())
            await asyncio.sleep(0)
            await connector.send(Message(None, f"{number}".encode()))
            receiving.cancel()
            try:
                message = await receiving
            except asyncio.CancelledError:
                message = await binder.recv()
            assert message.payload.data == f"{number}".encode()
            with pytest.raises(concurrent.futures.TimeoutError):
                connector.recv_sync(timeout=0)

    run(exchange())


def test_cancelled_connect_goes_on_and_ends_nothing_else() -> None:
    async def exchange() -> None:
        context = IOContext()
        binder = await context.createIOSocket("binder", IOSocketType.Binder)
        connector = await context.createIOSocket("connector", IOSocketType.Connector)
        address = f"tcp://127.0.0.1:{get_available_tcp_port()}"
        connecting = asyncio.ensure_future(connector.connect(address))
        await asyncio.sleep(0)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await binder.bind(address)
        receiving = asyncio.ensure_future(connector.recv())
        await binder.send(Message(b"connector", b"payload"))
        assert (await asyncio.wait_for(receiving, 10)).payload.data == b"payload"

    run(exchange())


def test_receiver_that_a_signal_handler_ends_takes_no_message() -> None:
    class Alarm(Exception):
        pass

    def ring(_number: int, _frame: object) -> None:
        raise Alarm

    context = IOContext()
    binder = context.createIOSocket_sync("binder", IOSocketType.Binder)
    connector = context.createIOSocket_sync("connector", IOSocketType.Connector)
    connector.connect_sync(binder.bind_sync("tcp://127.0.0.1:0"), 10)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        other = pool.submit(connector.recv_sync, 20)
        while connector._dispatcher._reception._receiver is None:
            time.sleep(0.001)
        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            with pytest.raises(Alarm):
                connector.recv_sync(10)
        finally:
            signal.signal(signal.SIGALRM, before)
        for payload in (b"1", b"2"):
            binder.send_sync(Message(b"connector", payload), 10)
        received = [connector.recv_sync(5), other.result(10)]
    assert {message.payload.data for message in received} == {b"1", b"2"}


def test_connect_fails_when_it_is_refused_and_can_be_repeated() -> None:
    context = IOContext()
    binder = context.createIOSocket_sync("binder", IOSocketType.Binder)
    address = binder.bind_sync("tcp://127.0.0.1:0")
    first = context.createIOSocket_sync("twin", IOSocketType.Connector)
    first.connect_sync(address, timeout=5)
    second = IOContext().createIOSocket_sync("twin", IOSocketType.Unicast)
    # The same process has given the earlier session up only when the epoch is later, which it is not here.
    with pytest.raises(YMQException, match="identity") as failure:
        second.connect_sync(address, timeout=5)
    assert failure.value.code == ErrorCode.Refused
    first.close()
    second.connect_sync(address, timeout=5)


def test_the_end_of_the_other_side_fails_a_connector() -> None:
    context = IOContext()
    binder = context.createIOSocket_sync("binder", IOSocketType.Binder)
    connector = context.createIOSocket_sync("connector", IOSocketType.Connector)
    connector.connect_sync(binder.bind_sync("tcp://127.0.0.1:0"), timeout=5)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pending = pool.submit(connector.recv_sync)
        binder.close()
        with pytest.raises(YMQException) as failure:
            pending.result(5)
        assert failure.value.code == ErrorCode.ConnectorSocketClosedByRemoteEnd
    with pytest.raises(YMQException) as late:
        connector.send_sync(Message(None, b"late"), timeout=5)
    assert late.value.code == ErrorCode.ConnectorSocketClosedByRemoteEnd


def test_stopping_fails_what_waits_and_what_comes() -> None:
    socket = IOContext().createIOSocket_sync("binder", IOSocketType.Binder)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pending = pool.submit(socket.recv_sync)
        socket.request_stop()
        with pytest.raises(YMQException) as failure:
            pending.result(5)
        assert failure.value.code == ErrorCode.IOSocketStopRequested
    with pytest.raises(YMQException) as late:
        socket.recv_sync(timeout=5)
    assert late.value.code == ErrorCode.IOSocketStopRequested


def test_bad_addresses_raise() -> None:
    socket = IOContext().createIOSocket_sync("binder", IOSocketType.Binder)
    for address, code in (("nonsense", ErrorCode.InvalidAddressFormat), ("tcp://host:x", ErrorCode.InvalidPortFormat)):
        with pytest.raises(YMQException) as failure:
            socket.bind_sync(address)
        assert failure.value.code == code
        with pytest.raises(YMQException) as failure:
            socket.connect_sync(address)
        assert failure.value.code == code


def test_a_forgotten_socket_is_closed() -> None:
    context = IOContext()
    binder = context.createIOSocket_sync("binder", IOSocketType.Binder)
    connector = context.createIOSocket_sync("connector", IOSocketType.Connector)
    connector.connect_sync(binder.bind_sync("tcp://127.0.0.1:0"), timeout=5)
    gone = weakref.ref(binder)
    del binder
    gc.collect()
    assert gone() is None
    with pytest.raises(YMQException):
        connector.recv_sync(timeout=5)
