"""The connector of threads, against the real server."""

from __future__ import annotations

import hashlib
import os
import select
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from connector_fixture import FIRST, SECOND, connected, silent_server
from raw_storage_peer import RawStoragePeer, frame, header, object_id
from storage_server_fixture import DEADLINE_SECONDS, running_server

from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector
from scaler.utility.exceptions import ObjectStorageException, ObjectStorageFullError, ObjectStorageTimeoutError


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


def test_connectors_and_raw_peers_share_objects(server):
    with connected(server) as connector, RawStoragePeer(server.port) as peer:
        peer.set(FIRST, b"raw")
        peer.answer()
        assert bytes(connector.get_object(FIRST)) == b"raw"
        connector.set_object(SECOND, b"ours")
        peer.get(SECOND)
        assert peer.answer().payload == b"ours"
