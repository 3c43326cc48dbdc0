"""Both connectors against real servers, and against peers that misbehave."""

from __future__ import annotations

import asyncio
import hashlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from raw_storage_peer import RawStoragePeer, frame, header, object_id

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "object_storage"))

from storage_server_fixture import DEADLINE_SECONDS, RunningServer, running_server

from scaler.io.async_object_storage_connector import AsyncObjectStorageConnector
from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector
from scaler.utility.exceptions import ObjectStorageException, ObjectStorageFullError, ObjectStorageTimeoutError

FIRST, SECOND, THIRD = object_id(1), object_id(2), object_id(3)


@pytest.fixture
def server(tmp_path) -> Iterator[RunningServer]:
    with running_server(tmp_path) as running:
        yield running


@contextmanager
def connected(server: RunningServer, **options: Any) -> Iterator[SyncObjectStorageConnector]:
    with SyncObjectStorageConnector(server.address, **options) as connector:
        yield connector


class SilentServer:
    """Accepts, greets, and sends what a test wants."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.address = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            connection.sendall(frame(b"ObjectStorageServer"))

    def answer(self, answers: bytes) -> None:
        """Wait for a request behind the identity, then send."""
        received = b""
        while len(received) < 8 + 80:
            received += self._connections[0].recv(1 << 16)
        self._connections[0].sendall(answers)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(DEADLINE_SECONDS)
        for connection in self._connections:
            connection.close()


@contextmanager
def silent_server() -> Iterator[SilentServer]:
    silent = SilentServer()
    try:
        yield silent
    finally:
        silent.close()


def run(body: Callable[[AsyncObjectStorageConnector], Any], address: str, **options: Any) -> Any:
    """Run a coroutine function with a connected connector."""

    async def main() -> Any:
        connector = AsyncObjectStorageConnector(**options)
        await connector.connect(address)
        try:
            return await asyncio.wait_for(body(connector), 30)
        finally:
            await connector.close()

    return asyncio.run(main())


# --- sync ---------------------------------------------------------------------------------------------------------


def test_sync_round_trip(server):
    with connected(server) as connector:
        assert connector.address == server.address
        connector.set_object(FIRST, b"content")
        assert bytes(connector.get_object(FIRST)) == b"content"
        assert bytes(connector.get_object(FIRST, 3)) == b"con"
        assert bytes(connector.get_object(FIRST, 0)) == b""
        connector.duplicate_object_id(FIRST, SECOND)
        assert connector.get_info_total() == (2, 1, 7)
        assert connector.delete_object(FIRST) is True
        assert connector.delete_object(FIRST) is False
        assert bytes(connector.get_object(SECOND)) == b"content"
        connector.set_object(SECOND, b"")
        assert len(connector.get_object(SECOND)) == 0
    assert connector.is_closed
    server.wait_for_gauge("connections", 0)


def test_sync_several_buffers_are_one_object(server):
    array = memoryview(bytes(range(200)) * 1000)
    with connected(server) as connector:
        connector.set_object(FIRST, [b"head", bytearray(b"body"), array, b""])
        assert bytes(connector.get_object(FIRST)) == b"headbody" + bytes(array)


def test_sync_received_object_is_one_read_only_buffer(server):
    with connected(server) as connector:
        connector.set_object(FIRST, b"x" * 100_000)
        view = memoryview(connector.get_object(FIRST))
        assert view.readonly and view.contiguous and view.nbytes == 100_000


def test_sync_many_at_once(server):
    count = 5000
    ids = [object_id(0)[:24] + number.to_bytes(8, "big") for number in range(count)]
    with connected(server) as connector:
        connector.set_objects((identifier, b"%d" % number) for number, identifier in enumerate(ids))
        assert [bytes(content) for content in connector.get_objects(ids)] == [b"%d" % number for number in range(count)]
        assert connector.get_info_total()[0] == count
        assert connector.delete_objects([*ids, FIRST]) == [True] * count + [False]
        assert connector.get_objects([]) == []
        assert connector.get_info_total() == (0, 0, 0)


def test_sync_delete_owner(server):
    own, other = [[owner * 16 + bytes([number]) * 16 for number in range(5)] for owner in (b"a", b"b")]
    with connected(server) as connector:
        assert connector.delete_owner(b"a" * 16) is False
        connector.set_objects((identifier, identifier) for identifier in own + other)
        assert connector.delete_owner(b"a" * 16) is True
        assert connector.delete_owner(b"a" * 16) is False
        assert [bytes(content) for content in connector.get_objects(other)] == other
        assert connector.get_info_total() == (5, 5, 160)
        with pytest.raises(ValueError, match="16 bytes"):
            connector.delete_owner(own[0])


def test_sync_waiting_thread_does_not_hold_up_another(server):
    with connected(server) as connector, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(connector.get_object, FIRST)
        server.wait_for_gauge("waiting_requests", 1)
        connector.set_object(SECOND, b"second")
        assert bytes(connector.get_object(SECOND)) == b"second"
        assert not waiting.done()
        connector.set_object(FIRST, b"first")
        assert bytes(waiting.result(DEADLINE_SECONDS)) == b"first"


def test_sync_many_threads_share_a_connector(server):
    def work(thread: int) -> None:
        for step in range(100):
            identifier = object_id(0)[:16] + thread.to_bytes(8, "big") + step.to_bytes(8, "big")
            content = b"%d %d" % (thread, step) * (1 + step * 50)
            connector.set_object(identifier, content)
            assert bytes(connector.get_object(identifier)) == content
            assert connector.delete_object(identifier)

    with connected(server) as connector, ThreadPoolExecutor(8) as pool:
        for result in [pool.submit(work, thread) for thread in range(8)]:
            result.result(30)
        assert connector.get_info_total() == (0, 0, 0)


def test_sync_get_of_a_missing_object_ends_in_time(server):
    with connected(server) as connector:
        start = time.monotonic()
        with pytest.raises(ObjectStorageTimeoutError, match=r"did not exist within 0\.1 s"):
            connector.get_object(FIRST, timeout_seconds=0.1)
        assert time.monotonic() - start < 1
        with pytest.raises(ObjectStorageTimeoutError):
            connector.duplicate_object_id(FIRST, SECOND, timeout_seconds=0.1)
        assert server.gauges()["waiting_requests"] == 0
        connector.set_object(FIRST, b"later")
        assert bytes(connector.get_object(FIRST)) == b"later"


def test_sync_full_server(tmp_path):
    with running_server(tmp_path, memory_limit_bytes=1_000_000) as server, connected(server) as connector:
        connector.set_object(FIRST, b"x" * 600_000)
        with pytest.raises(ObjectStorageFullError):
            connector.set_object(SECOND, b"y" * 600_000)
        assert len(connector.get_object(FIRST)) == 600_000
        with pytest.raises(ObjectStorageFullError):
            connector.set_object(SECOND, b"z" * 50_000_000)
        assert len(connector.get_object(FIRST)) == 600_000


def test_sync_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
    start = time.monotonic()
    with pytest.raises(ObjectStorageException, match=address):
        SyncObjectStorageConnector(address, connect_timeout_seconds=0.5)
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("address", ["nonsense", "tcp://127.0.0.1", "tcp://127.0.0.1:port"])
def test_sync_bad_address(address):
    with pytest.raises(ObjectStorageException):
        SyncObjectStorageConnector(address)


def test_sync_silent_server_ends_every_call_in_time():
    with (
        silent_server() as silent,
        SyncObjectStorageConnector(silent.address, timeout_seconds=0.2) as connector,
    ):
        for call in (connector.delete_object, connector.get_object, lambda identifier: connector.get_info_total()):
            with pytest.raises(ObjectStorageTimeoutError, match="no answer"):
                call(FIRST)


def test_sync_end_of_the_server_fails_every_waiting_thread(tmp_path):
    with running_server(tmp_path) as server, connected(server) as connector, ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(connector.get_object, object_id(number)) for number in range(4)]
        server.wait_for_gauge("waiting_requests", 4)
        server.server.shutdown()
        for each in waiting:
            with pytest.raises(ObjectStorageException, match="connection lost"):
                each.result(DEADLINE_SECONDS)


def test_sync_connects_anew_when_the_server_is_back(tmp_path):
    with running_server(tmp_path) as server:
        connector = SyncObjectStorageConnector(server.address, connect_timeout_seconds=1)
        connector.set_object(FIRST, b"first")
        assert not connector.is_closed
    with pytest.raises(ObjectStorageException, match="connect"):
        connector.get_info_total()
    assert connector.is_closed
    with running_server(tmp_path, server.port):
        connector.set_object(FIRST, b"again")
        assert bytes(connector.get_object(FIRST)) == b"again"
        assert not connector.is_closed
    connector.close()


def test_sync_does_not_notice_a_server_that_was_replaced_between_calls(tmp_path):
    with running_server(tmp_path) as server:
        connector = SyncObjectStorageConnector(server.address)
        connector.set_object(FIRST, b"first")
    assert select.select([connector._link.socket.fileno()], [], [], DEADLINE_SECONDS)[0]
    with running_server(tmp_path, server.port), connector:
        assert connector.get_info_total() == (0, 0, 0)


def test_sync_close_ends_a_waiting_thread(server):
    with ThreadPoolExecutor(1) as pool:
        connector = SyncObjectStorageConnector(server.address)
        waiting = pool.submit(connector.get_object, FIRST)
        server.wait_for_gauge("waiting_requests", 1)
        connector.close()
        connector.close()
        with pytest.raises(ObjectStorageException, match="closed"):
            waiting.result(DEADLINE_SECONDS)
        with pytest.raises(ObjectStorageException, match="closed"):
            connector.get_object(FIRST)
    server.wait_for_gauge("connections", 0)
    assert server.gauges()["waiting_requests"] == 0


@pytest.mark.parametrize("answers", [frame(b"\xaa" * 80), frame(b"short"), frame(header(0, FIRST, 0, 0))])
def test_sync_malformed_answer_fails_the_call(answers):
    with (
        silent_server() as silent,
        SyncObjectStorageConnector(silent.address) as connector,
        ThreadPoolExecutor(1) as pool,
    ):
        result = pool.submit(connector.delete_object, FIRST)
        silent.answer(answers)
        with pytest.raises(ObjectStorageException, match="malformed"):
            result.result(DEADLINE_SECONDS)


def test_sync_tolerates_an_empty_frame_behind_an_empty_object():
    answers = frame(header(1, FIRST, 0, 0)) + frame(b"") + frame(header(2, FIRST, 0, 1))
    with (
        silent_server() as silent,
        SyncObjectStorageConnector(silent.address) as connector,
        ThreadPoolExecutor(1) as pool,
    ):
        result = pool.submit(connector.get_object, FIRST)
        silent.answer(answers)
        assert len(result.result(DEADLINE_SECONDS)) == 0


def test_sync_bad_id_leaves_the_connection_usable(server):
    with connected(server) as connector:
        with pytest.raises(ValueError, match="32 bytes"):
            connector.get_objects([FIRST[:5]])
        connector.set_object(FIRST, b"x")
        assert server.gauges()["connections"] == 1


KILLED_WHILE_WAITING = """
import sys
from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector
SyncObjectStorageConnector(sys.argv[1]).get_object(bytes(32))
"""


def test_waiting_get_of_a_killed_client_leaves_no_trace(server):
    with subprocess.Popen([sys.executable, "-c", KILLED_WHILE_WAITING, server.address]) as child:
        server.wait_for_gauge("waiting_requests", 1)
        child.kill()
    server.wait_for_gauge("connections", 0)
    assert server.gauges() == {"connections": 0, "waiting_requests": 0, "ids": 0, "contents": 0, "content_bytes": 0}


def test_large_object_travels_whole(server):
    """600 MB out of several buffers and back; once in the whole suite."""
    part = os.urandom(1_000_000)
    parts = [part] * 600
    digest = hashlib.blake2b()
    for each in parts:
        digest.update(each)
    with connected(server) as connector:
        connector.set_object(FIRST, parts)
        assert connector.get_info_total() == (1, 1, 600_000_000)
        assert hashlib.blake2b(connector.get_object(FIRST)).digest() == digest.digest()
        assert connector.delete_object(FIRST)


@pytest.mark.timeout(180)
@pytest.mark.skipif(psutil.virtual_memory().available < 8 << 30, reason="takes more than 4 GiB of memory")
@pytest.mark.parametrize("shared_memory", [False, True])
def test_object_larger_than_one_system_call_writes(tmp_path, shared_memory):
    """A write takes no more than 2 GiB less a page; the rest has to follow."""
    part = memoryview(os.urandom(1 << 24))
    count, rest = (1 << 31) // len(part), part[:5]
    with running_server(tmp_path, shared_memory=shared_memory) as server, connected(server) as connector:
        connector.set_object(FIRST, [*[part] * count, rest])
        assert connector.get_info_total() == (1, 1, (1 << 31) + 5)
        received = memoryview(connector.get_object(FIRST))
        assert len(received) == (1 << 31) + 5
        for position in range(0, count * len(part), len(part)):
            assert received[position : position + len(part)] == part
        assert received[-5:] == rest


def test_processor_side_imports_stay_light():
    program = "import sys, scaler.io.sync_object_storage_connector; print(*sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert {"asyncio", "capnp", "logging"}.isdisjoint(result.stdout.split())


# --- async --------------------------------------------------------------------------------------------------------


def test_async_round_trip(server):
    async def body(connector: AsyncObjectStorageConnector) -> None:
        assert connector.address == server.address
        await connector.set_object(FIRST, [b"con", b"tent"])
        assert bytes(await connector.get_object(FIRST)) == b"content"
        assert bytes(await connector.get_object(FIRST, 3)) == b"con"
        await connector.duplicate_object_id(FIRST, SECOND)
        assert await connector.get_info_total() == (2, 1, 7)
        assert await connector.delete_objects([FIRST, FIRST]) == [True, False]
        assert await connector.delete_object(SECOND) is True
        await connector.set_object(THIRD, b"")
        assert len(await connector.get_object(THIRD)) == 0
        assert await connector.delete_owner(THIRD[:16]) is True
        assert await connector.delete_owner(THIRD[:16]) is False

    run(body, server.address)
    server.wait_for_gauge("connections", 0)


def test_async_many_calls_at_once(server):
    ids = [object_id(0)[:24] + number.to_bytes(8, "big") for number in range(3000)]

    async def body(connector: AsyncObjectStorageConnector) -> None:
        waiting = [asyncio.ensure_future(connector.get_object(identifier)) for identifier in ids[:100]]
        await connector.set_objects((identifier, identifier) for identifier in ids)
        assert [bytes(content) for content in await asyncio.gather(*waiting)] == ids[:100]
        assert [bytes(content) for content in await connector.get_objects(ids)] == ids
        assert await connector.delete_objects(ids[:-1]) == [True] * (len(ids) - 1)
        assert await connector.get_info_total() == (1, 1, 32)

    run(body, server.address)


def test_async_get_waits_while_others_go_on(server):
    async def body(connector: AsyncObjectStorageConnector) -> None:
        waiting = asyncio.ensure_future(connector.get_object(FIRST))
        await connector.set_object(SECOND, b"second")
        assert bytes(await connector.get_object(SECOND)) == b"second"
        assert not waiting.done()
        await connector.set_object(FIRST, b"first")
        assert bytes(await waiting) == b"first"

    run(body, server.address)


def test_async_errors(tmp_path):
    async def body(connector: AsyncObjectStorageConnector) -> None:
        with pytest.raises(ObjectStorageTimeoutError, match="did not exist"):
            await connector.get_object(FIRST, timeout_seconds=0.05)
        with pytest.raises(ObjectStorageFullError):
            await connector.set_object(FIRST, b"x" * 2000)
        with pytest.raises(ObjectStorageException, match="already connected"):
            await connector.connect("tcp://127.0.0.1:1")

    with running_server(tmp_path, memory_limit_bytes=1000) as server:
        run(body, server.address)


def test_async_silent_server_ends_calls_in_time():
    async def body(connector: AsyncObjectStorageConnector) -> None:
        for call in (connector.get_object(FIRST), connector.delete_object(FIRST), connector.set_object(FIRST, b"x")):
            with pytest.raises(ObjectStorageTimeoutError, match="no answer"):
                await call

    with silent_server() as silent:
        run(body, silent.address, timeout_seconds=0.1)


def test_async_end_of_the_connection_fails_everything_and_the_next_call_connects_anew(tmp_path):
    async def body(connector: AsyncObjectStorageConnector) -> None:
        waiting = [asyncio.ensure_future(connector.get_object(object_id(number))) for number in range(3)]
        await connector.get_info_total()
        stop.server.shutdown()
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, ObjectStorageException) and "connection lost" in str(outcome)
        assert not connector.is_connected
        with pytest.raises(ObjectStorageException, match="connect"):
            await connector.get_info_total()
        with running_server(tmp_path, stop.port):
            assert await connector.get_info_total() == (0, 0, 0)

    with running_server(tmp_path) as stop:
        run(body, stop.address, connect_timeout_seconds=0.5)


def test_async_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"

    async def main() -> None:
        connector = AsyncObjectStorageConnector(connect_timeout_seconds=0.3)
        with pytest.raises(ObjectStorageException, match="not connected"):
            await connector.get_info_total()
        for _ in range(2):
            with pytest.raises(ObjectStorageException, match=address):
                await connector.connect(address)
        await connector.close()
        with pytest.raises(ObjectStorageException, match="closed"):
            await connector.connect(address)

    asyncio.run(main())


def test_async_cancelled_call_leaves_the_connection_usable(server):
    async def body(connector: AsyncObjectStorageConnector) -> None:
        waiting = asyncio.ensure_future(connector.get_object(FIRST))
        await connector.get_info_total()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await connector.set_object(FIRST, b"first")
        assert bytes(await connector.get_object(FIRST)) == b"first"

    run(body, server.address)


def test_async_close_fails_what_waits(server):
    async def main() -> None:
        connector = AsyncObjectStorageConnector()
        await connector.connect(server.address)
        waiting = asyncio.ensure_future(connector.get_object(FIRST))
        await connector.get_info_total()
        await connector.close()
        await connector.close()
        assert connector.is_closed
        with pytest.raises(ObjectStorageException, match="closed"):
            await waiting
        with pytest.raises(ObjectStorageException, match="closed"):
            await connector.get_object(FIRST)

    asyncio.run(main())
    server.wait_for_gauge("connections", 0)


def test_connectors_and_raw_peers_share_objects(server):
    with connected(server) as connector, RawStoragePeer(server.port) as peer:
        peer.set(FIRST, b"raw")
        peer.answer()
        assert bytes(connector.get_object(FIRST)) == b"raw"
        connector.set_object(SECOND, b"ours")
        peer.get(SECOND)
        assert peer.answer().payload == b"ours"
