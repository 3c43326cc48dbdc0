"""Sockets that give and take batches."""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from scaler.io.ymq.ymq import (
    Bytes,
    Context,
    ErrorCode,
    IOSocketType,
    PeerEvent,
    Role,
    Socket,
    YMQException,
)
from tests.tcp_proxy import TcpProxy

Factory = Callable[..., Socket]


@pytest.fixture
def make() -> Iterator[Factory]:
    """Return a function that makes sockets, which are closed at the end."""
    context = Context()
    sockets: list[Socket] = []

    def factory(identity: bytes, socket_type: IOSocketType, **options: object) -> Socket:
        sockets.append(Socket(context, identity, socket_type, **options))  # type: ignore[arg-type]  # passed through
        return sockets[-1]

    yield factory
    for socket in sockets:
        socket.close(0)


def take(socket: Socket, number: int, timeout_seconds: float = 10.0) -> list[object]:
    """Return this many items with their payloads as bytes."""
    items: list[object] = []
    deadline = time.monotonic() + timeout_seconds
    while len(items) < number and time.monotonic() < deadline:
        for peer, content in socket.recv_batch(max(0.0, deadline - time.monotonic()), number - len(items)):
            items.append((peer, content.data if isinstance(content, Bytes) else content))
    return items


def pair(make: Factory, **options: object) -> tuple[Socket, Socket]:
    binder = make(b"binder", IOSocketType.Binder, role=Role.scheduler)
    connector = make(b"connector", IOSocketType.Connector, role=Role.client, **options)
    connector.connect(binder.bind("tcp://127.0.0.1:0"))
    assert take(binder, 1) == [(b"connector", PeerEvent.connected)]
    assert take(connector, 1) == [(b"binder", PeerEvent.connected)]
    return binder, connector


def test_messages_events_and_completions(make: Factory) -> None:
    binder, connector = pair(make)
    assert binder.peer_role(b"connector") == Role.client
    assert binder.peer_role(b"nobody") == Role.unknown
    connector.send(None, b"one", token=7)
    assert take(connector, 1) == [(7, ErrorCode.Uninit)]
    assert take(binder, 1) == [(b"connector", b"one")]
    connector.close()
    assert take(binder, 1) == [(b"connector", PeerEvent.lost)]


def test_a_sequence_of_buffers_is_one_frame(make: Factory) -> None:
    binder, connector = pair(make)
    large = bytes(range(256)) * 1024
    connector.send(None, [b"head", memoryview(large), bytearray(b"middle"), Bytes(b"tail"), b""])
    assert take(binder, 1) == [(b"connector", b"head" + large + b"middle" + b"tail")]
    with pytest.raises(TypeError):
        connector.send(None, ["text"])  # type: ignore[list-item]  # the point of the test


def test_large_buffers_are_released_after_delivery(make: Factory) -> None:
    binder, connector = pair(make)
    large = bytearray(10_000_000)
    connector.send(None, large)
    with pytest.raises(BufferError):
        large.append(0)
    assert take(binder, 1) == [(b"connector", bytes(large))]
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with contextlib.suppress(BufferError):
            large.append(0)
            break
        time.sleep(0.01)
    assert len(large) == 10_000_001


def test_send_many_tells_which_were_not_accepted(make: Factory) -> None:
    binder, connector = pair(make)
    refused = binder.send_many([(b"connector", b"one"), (b"nobody", b"x"), (None, b"y"), (b"connector", b"two")])
    assert refused == [(1, ErrorCode.PeerUnknown), (2, ErrorCode.BinderSendMessageWithNoAddress)]
    assert take(connector, 2) == [(b"binder", b"one"), (b"binder", b"two")]
    assert binder.send_many([]) == []


def test_send_soon_is_written_by_itself_and_before_the_next(make: Factory) -> None:
    binder, connector = pair(make)
    connector.send_soon(None, b"soon")
    assert take(binder, 1) == [(b"connector", b"soon")]
    connector.send_soon(None, b"first", delay_seconds=60)
    connector.send(None, b"second")
    assert take(binder, 2) == [(b"connector", b"first"), (b"connector", b"second")]
    connector.send_soon(None, b"third", delay_seconds=60)
    connector.send_many([])
    assert take(binder, 1) == [(b"connector", b"third")]


def test_the_descriptor_is_readable_while_there_is_something(make: Factory) -> None:
    binder, connector = pair(make)
    poller = select.poll()
    poller.register(binder.fileno(), select.POLLIN)
    assert poller.poll(0) == []
    connector.send_many([(None, b"one"), (None, b"two")])
    assert poller.poll(5000) != []
    deadline = time.monotonic() + 5
    while binder.statistics().received_messages < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert len(binder.drain(1)) == 1
    assert poller.poll(0) != []
    assert len(binder.drain()) == 1
    assert poller.poll(0) == []
    assert binder.drain() == []


def test_drain_copies_small_messages_on_demand(make: Factory) -> None:
    binder, connector = pair(make)
    sent = [b"", b"1234567", b"12345678"]
    connector.send_many([(None, message) for message in sent])
    poller = select.poll()
    poller.register(binder.fileno(), select.POLLIN)
    received: list[object] = []
    while len(received) < len(sent):
        assert poller.poll(5000) != []
        received += [message for _, message in binder.drain(1024, copy_below_bytes=8)]
    assert [type(message) for message in received] == [bytes, bytes, Bytes]
    assert [bytes(message) for message in received] == sent  # type: ignore[call-overload]  # all have a buffer


def test_recv_batch_waits_and_is_interrupted(make: Factory) -> None:
    socket = make(b"binder", IOSocketType.Binder)
    start = time.monotonic()
    assert socket.recv_batch(0.05) == []
    assert time.monotonic() - start >= 0.045
    threading.Timer(0.05, socket.interrupt).start()
    assert socket.recv_batch(30) == []
    socket.interrupt()
    assert socket.recv_batch(30) == []
    assert time.monotonic() - start < 10
    threading.Timer(0.05, socket.close).start()
    with pytest.raises(YMQException) as failure:
        socket.recv_batch(30)
    assert failure.value.code == ErrorCode.IOSocketStopRequested


def test_recv_batch_runs_signal_handlers_at_once(make: Factory) -> None:
    socket = make(b"binder", IOSocketType.Binder)

    def handler(number: int, frame: object) -> None:
        raise TimeoutError

    previous = signal.signal(signal.SIGUSR1, handler)
    try:
        main = threading.main_thread().ident
        assert main is not None
        threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGUSR1)).start()
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            socket.recv_batch(30)
        assert time.monotonic() - start < 5
    finally:
        signal.signal(signal.SIGUSR1, previous)


def drive(binder: Socket, connector: Socket) -> None:
    """Exchange messages until the thread that waits has the loop of its socket."""
    for _ in range(20):
        connector.send(None, b"x")
        assert take(binder, 1) == [(b"connector", b"x")]


def test_a_thread_that_drives_the_loop_runs_signal_handlers(make: Factory) -> None:
    other = Context()
    binder = make(b"binder", IOSocketType.Binder)
    connector = Socket(other, b"connector", IOSocketType.Connector)
    connector.connect(binder.bind("tcp://127.0.0.1:0"))
    assert take(binder, 1) == [(b"connector", PeerEvent.connected)]
    drive(binder, connector)
    main = threading.main_thread().ident
    assert main is not None
    for _ in range(3):
        timer = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
        timer.start()
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            binder.recv_batch(30)
        assert time.monotonic() - start < 5
        timer.join()
        drive(binder, connector)
    connector.close(0)


def test_a_signal_that_did_not_end_the_wait_is_seen_soon(make: Factory) -> None:
    # One that comes just before the wait does not end it; nor does one that another thread receives, like here.
    binder, _ = pair(make)

    def handler(number: int, frame: object) -> None:
        raise TimeoutError

    def receive_signal() -> None:
        time.sleep(0.1)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

    previous = signal.signal(signal.SIGUSR1, handler)
    other = threading.Thread(target=receive_signal)
    try:
        other.start()
        start = time.monotonic()
        with pytest.raises(TimeoutError):
            binder.recv_batch(30)
        assert time.monotonic() - start < 10
        other.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)


def test_a_list_to_receive_into(make: Factory) -> None:
    binder, connector = pair(make)
    received: list[object] = [1]
    assert binder.recv_batch(0.01, into=received) is received  # type: ignore[arg-type]  # anything fits
    connector.send(None, b"x")
    while len(received) < 2:
        assert binder.recv_batch(10, into=received) is received  # type: ignore[arg-type]  # anything fits
    assert received[0] == 1


def test_send_now_tells_whether_the_kernel_has_all(make: Factory) -> None:
    binder, connector = pair(make)
    assert connector.send_now(None, b"x", 1)
    assert take(binder, 1) == [(b"connector", b"x")]
    assert connector.drain() == []  # no token comes
    token = 1
    while connector.send_now(None, b"x" * 1_000_000, token := token + 1):
        pass
    assert take(binder, token - 1)
    assert take(connector, 1) == [(token, ErrorCode.Uninit)]
    with pytest.raises(YMQException):
        binder.send_now(b"nobody", b"x", 1)


def test_sessions_outlive_an_interpreter_that_is_busy() -> None:
    """Pings are answered, and sent, while Python does not come to receive."""
    options = {"session_timeout_seconds": 0.6, "ping_interval_seconds": 0.05}
    binder = Socket(Context(), b"binder", IOSocketType.Binder, **options)  # type: ignore[arg-type]  # floats
    connector = Socket(Context(), b"connector", IOSocketType.Connector, **options)  # type: ignore[arg-type]  # floats
    connector.connect(binder.bind("tcp://127.0.0.1:0"))
    assert take(binder, 1) == [(b"connector", PeerEvent.connected)]
    assert take(connector, 1) == [(b"binder", PeerEvent.connected)]
    drive(binder, connector)
    connector.recv_batch(0.01)
    ctypes.PyDLL(None).usleep(2_000_000)  # with the lock of the interpreter
    drive(binder, connector)
    assert connector.recv_batch(0.01) == []
    connector.close(0)
    binder.close(0)


def test_received_bytes_outlive_their_socket(make: Factory) -> None:
    binder, connector = pair(make)
    connector.send(None, b"x" * 200_000)
    ((_, content),) = binder.recv_batch(5)
    binder.close()
    assert isinstance(content, Bytes)
    assert memoryview(content) == b"x" * 200_000


def test_resets_between_messages_lose_nothing(make: Factory) -> None:
    binder = make(b"binder", IOSocketType.Binder)
    with TcpProxy.to_address(binder.bind("tcp://127.0.0.1:0")) as proxy:
        connector = make(b"connector", IOSocketType.Connector)
        connector.connect(proxy.address)
        assert take(binder, 1) == [(b"connector", PeerEvent.connected)]
        for number in range(200):
            connector.send(None, str(number).encode())
            binder.send(b"connector", str(number).encode())
            if number % 50 == 25:
                proxy.reset_all()
        expected = [str(number).encode() for number in range(200)]
        assert take(binder, 200) == [(b"connector", payload) for payload in expected]
        assert take(connector, 201)[1:] == [(b"binder", payload) for payload in expected]
        assert proxy.connections_made > 1


@pytest.mark.parametrize("fault", ["delay_seconds", "bytes_per_second", "piece_bytes"])
def test_slow_networks_only_delay(make: Factory, fault: str) -> None:
    binder = make(b"binder", IOSocketType.Binder)
    with TcpProxy.to_address(binder.bind("tcp://127.0.0.1:0")) as proxy:
        setattr(proxy.faults, fault, {"delay_seconds": 0.02, "bytes_per_second": 20_000, "piece_bytes": 7}[fault])
        connector = make(b"connector", IOSocketType.Connector)
        connector.connect(proxy.address)
        connector.send(None, b"x" * 2000)
        assert take(binder, 2) == [(b"connector", PeerEvent.connected), (b"connector", b"x" * 2000)]


def test_an_idle_drop_is_silent(make: Factory) -> None:
    binder = make(b"binder", IOSocketType.Binder)
    with TcpProxy.to_address(binder.bind("tcp://127.0.0.1:0")) as proxy:
        proxy.faults.idle_drop_seconds = 0.2
        connector = make(b"connector", IOSocketType.Connector)
        connector.connect(proxy.address)
        assert take(binder, 1) == [(b"connector", PeerEvent.connected)]
        time.sleep(0.7)
        connector.send(None, b"after")
        assert take(binder, 1) == [(b"connector", b"after")]
        assert proxy.connections_made > 1


CHILD = """
import sys, time
from scaler.io.ymq.ymq import Context, IOSocketType, Socket
context = Context()
socket = Socket(context, b"child", IOSocketType.Connector)
socket.connect(sys.argv[1])
socket.send(None, b"ready")
"""


def start_child(code: str, *arguments: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], env=environment, stderr=subprocess.PIPE)


def test_the_death_of_a_local_process_is_noticed_at_once(make: Factory) -> None:
    binder = make(b"binder", IOSocketType.Binder)
    child = start_child(CHILD + "time.sleep(60)", binder.bind("tcp://127.0.0.1:0"))
    try:
        assert take(binder, 2) == [(b"child", PeerEvent.connected), (b"child", b"ready")]
        child.kill()
        assert take(binder, 1, timeout_seconds=2) == [(b"child", PeerEvent.lost)]
    finally:
        child.kill()
        child.communicate(timeout=10)


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "import threading; threading.Thread(target=socket.recv_batch, daemon=True).start(); time.sleep(0.1)",
        "sys.exit(0)",
        "del socket, context",
    ],
)
def test_exit_with_live_sockets_is_clean_and_writes_what_was_sent(make: Factory, rest: str) -> None:
    binder = make(b"binder", IOSocketType.Binder)
    child = start_child(CHILD + rest, binder.bind("tcp://127.0.0.1:0"))
    _, errors = child.communicate(timeout=20)
    assert errors == b""
    assert child.returncode == 0
    assert take(binder, 3) == [(b"child", PeerEvent.connected), (b"child", b"ready"), (b"child", PeerEvent.lost)]


FORKED = """
import os, sys, warnings
from scaler.io.ymq.ymq import Context, IOSocketType, Socket, YMQException
warnings.simplefilter("ignore", DeprecationWarning)  # CPython 3.12 warns of a fork beside threads
context = Context()
socket = Socket(context, b"parent", IOSocketType.Binder)
socket.bind("tcp://127.0.0.1:0")
child = os.fork()
if child == 0:
    for use in (lambda: socket.send(b"x", b"y"), lambda: Socket(context, b"child", IOSocketType.Binder)):
        try:
            use()
        except YMQException as exception:
            assert "forked" in exception.message
        else:
            sys.exit(3)
    own = Socket(Context(), b"child", IOSocketType.Binder)
    own.bind("tcp://127.0.0.1:0")
    own.close()
    sys.exit(0)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_a_forked_child_is_told_and_ends_cleanly() -> None:
    child = start_child(FORKED)
    _, errors = child.communicate(timeout=20)
    assert (errors, child.returncode) == (b"", 0)


def test_statistics_return_to_zero(make: Factory) -> None:
    binder, connector = pair(make)
    for _ in range(10):
        connector.send(None, b"x" * 1000)
    assert len(take(binder, 10)) == 10
    deadline = time.monotonic() + 5
    while connector.statistics().outbound_bytes and time.monotonic() < deadline:
        time.sleep(0.01)
    statistics = connector.statistics()
    assert (statistics.outbound_bytes, statistics.sent_messages, statistics.peers) == (0, 10, 1)
    assert binder.statistics().received_messages == 10
    assert binder.statistics().inbound_bytes == 0
    connector.close()
    assert take(binder, 1) == [(b"connector", PeerEvent.lost)]
    assert binder.statistics().peers == 0
