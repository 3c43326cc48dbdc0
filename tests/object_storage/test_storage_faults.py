"""What a peer does wrong costs its own connection, with a reason in the log, and nothing else."""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
import threading
import time

import pytest
from raw_storage_peer import (
    ALL,
    DELETE,
    DUPLICATE,
    GET,
    GET_OK,
    SET,
    SET_OK,
    STORAGE_FULL,
    TIMED_OUT,
    RawStoragePeer,
    frame,
    header,
    id_message,
    object_id,
)
from storage_server_fixture import running_server

FIRST, SECOND, THIRD = object_id(1), object_id(2), object_id(3)

FAULTS = {
    "garbage header": (frame(b"\xaa" * 80), "malformed request header"),
    "zero header": (frame(bytes(80)), "malformed request header"),
    "empty header": (frame(b""), "header of 0 bytes"),
    "short header": (frame(header(GET, FIRST)[:79]), "header of 79 bytes"),
    "long header": (frame(header(GET, FIRST) + b"x"), "more than the 80 bytes"),
    "set above the limit": (frame(header(SET, FIRST, 6 * 2**40 + 1)), "more than the limit"),
    "set of the largest number": (frame(header(SET, FIRST, ALL)), "more than the limit"),
    "short payload": (frame(header(SET, FIRST, 5)) + frame(b"1234"), "4 bytes instead of the announced 5"),
    "long payload": (frame(header(SET, FIRST, 5)) + frame(b"123456"), "more than the 5 bytes"),
    "payload where none is due": (frame(header(SET, FIRST, 0)) + frame(b"1"), "more than the 0 bytes"),
    "duplicate of another size": (frame(header(DUPLICATE, FIRST, 47)), "id of 47 bytes"),
    "short duplicate": (frame(header(DUPLICATE, FIRST, 48)) + frame(b"x" * 47), "47 bytes instead of the announced 48"),
    "garbage duplicate": (frame(header(DUPLICATE, FIRST, 48)) + frame(b"\xaa" * 48), "malformed object id"),
    "unknown request": (frame(header(6, FIRST)), "unknown request type 6"),
    "largest unknown request": (frame(header(65535, FIRST)), "unknown request type 65535"),
    "frame of 2^47": (struct.pack("<Q", 2**47), "more than the 80 bytes"),
    "frame of 2^62": (struct.pack("<Q", 2**62), "more than the 80 bytes"),
    "frame of 2^64-8": (struct.pack("<Q", 2**64 - 8), "more than the 80 bytes"),
    "frame of 2^64-1": (struct.pack("<Q", 2**64 - 1), "more than the 80 bytes"),
    "payload of 2^64-1": (frame(header(SET, FIRST, 10)) + struct.pack("<Q", 2**64 - 1), "more than the 10 bytes"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_closes_only_its_connection(server, fault):
    stream, reason = FAULTS[fault]
    with RawStoragePeer(server.port) as other, RawStoragePeer(server.port, b"culprit") as peer:
        other.set(SECOND, b"kept")
        assert other.answer().kind == SET_OK
        other.get(THIRD)
        peer.socket.sendall(stream)
        assert peer.is_closed_by_server()
        server.wait_for_log(reason)
        assert "culprit" in server.log()
        server.wait_for_gauge("connections", 1)
        other.set(THIRD, b"third")
        assert other.answer().payload == b"third"
        assert other.answer().kind == SET_OK
        with RawStoragePeer(server.port) as newcomer:
            newcomer.get(SECOND)
            assert newcomer.answer().payload == b"kept"
        assert other.info() == (2, 2, 9)


def test_identity_above_its_limit_is_refused(server):
    with RawStoragePeer(server.port, greet=False) as peer:
        peer.read_frame()
        peer.socket.sendall(frame(b"x" * 1025))
        assert peer.is_closed_by_server()


def test_announced_payload_reserves_no_memory(tmp_path):
    with running_server(tmp_path) as server:
        peers = [RawStoragePeer(server.port) for _ in range(16)]
        before = _resident_bytes()
        for peer in peers:
            peer.socket.sendall(frame(header(SET, FIRST, 2**40)) + struct.pack("<Q", 2**40) + b"some")
        with RawStoragePeer(server.port) as other:
            assert other.info() == (0, 0, 0)
        assert _resident_bytes() - before < 64 * 2**20
        for peer in peers:
            peer.socket.close()
        server.wait_for_gauge("connections", 0)


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize(
    "part",
    [
        frame(header(SET, FIRST, 10)),
        frame(header(SET, FIRST, 10)) + struct.pack("<Q", 10) + b"half",
        frame(header(SET, FIRST, 10))[:50],
        frame(header(DUPLICATE, FIRST, 48)) + frame(id_message(SECOND))[:20],
    ],
    ids=["header", "half a payload", "half a header", "half an id"],
)
def test_half_a_request_goes_with_its_connection(server, part, end):
    with RawStoragePeer(server.port, b"same") as peer:
        peer.socket.sendall(part)
        server.wait_for_gauge("connections", 1)
        if end == "reset":
            peer.reset()
    server.wait_for_gauge("connections", 0)
    with RawStoragePeer(server.port, b"same") as again:
        again.set(FIRST, b"whole")
        assert again.answer().kind == SET_OK
        again.get(FIRST)
        assert again.answer().payload == b"whole"


def test_reset_drops_unsent_answers(tmp_path):
    size = 8_000_000
    with running_server(tmp_path) as server, RawStoragePeer(server.port) as setter:
        setter.set(FIRST, bytes(size))
        setter.answer()
        for _ in range(20):
            peer = RawStoragePeer(server.port)
            for _ in range(3):
                peer.get(FIRST)
            peer.reset()
        server.wait_for_gauge("connections", 1)
        setter.delete(FIRST)
        setter.answer()
        assert setter.info() == (0, 0, 0)


def test_answers_go_by_connection_not_by_identity(server):
    with RawStoragePeer(server.port, b"twin") as one, RawStoragePeer(server.port, b"twin") as two:
        one.get(FIRST, request_id=1)
        server.wait_for_gauge("waiting_requests", 1)
        two.get(SECOND, request_id=2)
        server.wait_for_gauge("waiting_requests", 2)
        with RawStoragePeer(server.port, b"twin") as setter:
            setter.set(SECOND, b"second")
            setter.set(FIRST, b"first")
            assert [setter.answer().kind for _ in range(2)] == [SET_OK, SET_OK]
        assert (one.answer()[2:4], two.answer()[2:4]) == ((1, b"first"), (2, b"second"))


def test_server_survives_peers_that_die_while_they_read(server):
    size = 20_000_000
    with RawStoragePeer(server.port) as setter:
        setter.set(FIRST, b"x" * size)
        setter.answer()
        for number in range(20):
            peer = RawStoragePeer(server.port)
            peer.get(FIRST)
            peer.read_exactly(8 + 80 + 8 + number)
            peer.reset() if number % 2 else peer.socket.close()
        server.wait_for_gauge("connections", 1)
        setter.get(FIRST)
        assert len(setter.answer().payload) == size


def test_slow_reader_is_not_read_until_it_reads(server):
    """Answers of 16 MB each: more than the bound is never queued, and everything arrives in the end."""
    size, count = 16_000_000, 20
    with RawStoragePeer(server.port) as setter, RawStoragePeer(server.port) as slow:
        setter.set(FIRST, b"y" * size)
        setter.answer()
        for number in range(count):
            slow.get(FIRST, request_id=number)
        slow.set(SECOND, b"behind", request_id=99)  # read only once answers have left
        setter.get(SECOND, request_id=1, timeout_ms=200)
        assert setter.answer().kind == TIMED_OUT
        for number in range(count):
            answer = slow.answer()
            assert (answer.request_id, len(answer.payload)) == (number, size)
        assert slow.answer().kind == SET_OK


def test_busy_peer_does_not_hold_others_up(server):
    """Somebody who never stops sending is read in turn with others."""
    is_over = threading.Event()
    with RawStoragePeer(server.port) as busy, RawStoragePeer(server.port) as other:
        reader = threading.Thread(target=_read_until, args=(busy, b"end"))
        writer = threading.Thread(target=_send_until, args=(busy, is_over))
        reader.start()
        writer.start()
        other.set(SECOND, b"second")
        assert other.answer().kind == SET_OK
        worst, number, end = 0.0, 0, time.monotonic() + 1
        while (start := time.monotonic()) < end:
            number += 1
            other.get(SECOND, request_id=number)
            assert other.answer().request_id == number
            worst = max(worst, time.monotonic() - start)
        is_over.set()
        writer.join()
        reader.join()
        assert number > 10 and worst < 0.5


def _send_until(peer: RawStoragePeer, is_over: threading.Event) -> None:
    request = frame(header(SET, FIRST, 100_000)) + frame(bytes(100_000))
    while not is_over.is_set():
        peer.socket.sendall(request * 10)
    peer.set(THIRD, b"end")
    peer.get(THIRD)


def _read_until(peer: RawStoragePeer, content: bytes) -> None:
    while peer.answer().payload != content:
        pass


def test_memory_limit_is_answered(tmp_path):
    with running_server(tmp_path, memory_limit_bytes=1_000_000) as server, RawStoragePeer(server.port) as peer:
        peer.set(FIRST, b"1" * 600_000, request_id=1)
        peer.set(SECOND, b"2" * 600_000, request_id=2)
        peer.get(FIRST, 3, request_id=3)
        kinds = [peer.answer().kind for _ in range(3)]
        assert kinds == [SET_OK, STORAGE_FULL, GET_OK]
        assert peer.info() == (1, 1, 600_000)
        peer.delete(FIRST)
        peer.answer()
        peer.set(SECOND, b"2" * 600_000)
        assert peer.answer().kind == SET_OK


def test_object_above_the_memory_limit_is_answered_before_it_is_received(tmp_path):
    with running_server(tmp_path, memory_limit_bytes=1_000_000) as server, RawStoragePeer(server.port) as peer:
        peer.send(header(SET, FIRST, 20_000_000, 7))
        answer = peer.answer()
        assert (answer.kind, answer.request_id) == (STORAGE_FULL, 7)
        assert peer.is_closed_by_server()
        with RawStoragePeer(server.port) as other:
            assert other.info() == (0, 0, 0)


def test_default_deadline_of_the_server(tmp_path):
    with running_server(tmp_path, get_timeout_seconds=0.05) as server, RawStoragePeer(server.port) as peer:
        peer.get(FIRST, request_id=1)
        peer.duplicate(FIRST, SECOND, request_id=2)
        assert [peer.answer()[0] for _ in range(2)] == [TIMED_OUT, TIMED_OUT]
        peer.get(FIRST, request_id=3, timeout_ms=60_000)
        assert peer.is_silent(0.2)
        peer.send(header(DELETE, FIRST, 0, 4))
        assert peer.answer().request_id == 4


def test_many_connections(server):
    peers = [RawStoragePeer(server.port) for _ in range(300)]
    for peer in peers:
        peer.get(FIRST)
    server.wait_for_gauge("waiting_requests", len(peers))
    with RawStoragePeer(server.port) as setter:
        setter.set(FIRST, b"for all")
        setter.answer()
    for peer in peers:
        assert peer.answer().payload == b"for all"
        peer.socket.close()
    server.wait_for_gauge("connections", 0)


FEW_DESCRIPTORS = """
import resource, sys
from scaler.object_storage.object_storage_server import ObjectStorageServer
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
ObjectStorageServer().run("127.0.0.1", 0)
"""


def test_server_survives_running_out_of_descriptors():
    with subprocess.Popen([sys.executable, "-c", FEW_DESCRIPTORS], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        port = int(child.stdout.readline().rsplit(":", 1)[1])
        with RawStoragePeer(port) as early:
            crowd = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
            assert early.info() == (0, 0, 0)
            for connection in crowd:
                connection.close()
            with RawStoragePeer(port) as late:
                assert late.info() == (0, 0, 0)
        assert child.poll() is None
        child.terminate()


def test_peer_that_never_greets_does_not_hold_others_up(server):
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    with RawStoragePeer(server.port) as peer:
        assert peer.info() == (0, 0, 0)
    for connection in silent:
        connection.close()


def _resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
