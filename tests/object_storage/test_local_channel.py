"""The local channel as the server serves it: what it takes, what it hands out, and what costs a connection."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_local_peer import ALL_SEALS, RawLocalPeer, channel_name, memory_file
from raw_storage_peer import DELETE, GET, GET_OK, INFO, SET, SET_OK, STORAGE_FULL, TIMED_OUT, RawStoragePeer, header
from raw_storage_peer import object_id as make_id
from storage_server_fixture import RunningServer, running_server, wait_until

FIRST, SECOND = make_id(1), make_id(2)
INLINE_BYTES = 128 * 1024
LARGE = bytes(range(256)) * 2048  # 512 KiB
OVER_TCP = 8


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path, shared_memory=True) as running:
        yield running


@pytest.fixture
def peer(server: RunningServer) -> Iterator[RawLocalPeer]:
    with RawLocalPeer(channel_name(server.port)) as connected:
        yield connected


def test_only_a_server_with_shared_memory_tells_of_it(tmp_path):
    with running_server(tmp_path) as server, RawStoragePeer(server.port) as peer:
        assert peer.server_identity == b"ObjectStorageServer"
    with running_server(tmp_path, shared_memory=True, identity="mine") as server:
        names = {channel_name(server.port) for _ in range(2)}
        assert len(names) == 1 and len(names.pop()) == 32
        with RawStoragePeer(server.port) as peer:
            assert peer.server_identity.startswith(b"mine|local=")


def test_a_file_comes_back_as_the_same_memory(server, peer):
    content = memory_file(LARGE)
    inode = os.fstat(content).st_ino
    peer.send(header(SET, FIRST, len(LARGE), 7), content)
    assert peer.answer()[:3] == (SET_OK, 7, 0)
    for request_id in (8, 9):
        peer.get(FIRST, request_id)
        answer = peer.answer()
        assert answer[:4] == (GET_OK, request_id, len(LARGE), b"")
        assert answer.descriptor is not None and os.fstat(answer.descriptor).st_ino == inode
        os.close(answer.descriptor)


def test_small_payloads_are_inside_the_packet(server, peer):
    for size in (0, 1, 1000, INLINE_BYTES):
        content = os.urandom(size)
        peer.send(header(SET, FIRST, size) + content)
        assert peer.answer()[:3] == (SET_OK, 0, 0)
        peer.get(FIRST)
        assert peer.answer() == (GET_OK, 0, size, content, None)


def test_other_peers_get_a_file_s_content_over_tcp(server, peer):
    peer.set_file(FIRST, LARGE)
    assert peer.answer().kind == SET_OK
    with RawStoragePeer(server.port) as remote:
        remote.get(FIRST)
        assert remote.answer().payload == LARGE
        remote.get(FIRST, maximum=1000)
        assert remote.answer().payload == LARGE[:1000]
        assert remote.info() == (1, 1, len(LARGE))


def test_large_contents_that_came_over_tcp_go_over_tcp(server, peer):
    peer.get(FIRST, 5)
    with RawStoragePeer(server.port) as remote:
        remote.set(FIRST, LARGE)
        assert remote.answer().kind == SET_OK
    assert peer.answer() == (OVER_TCP, 5, 0, b"", None)


def test_gets_wait_and_time_out_as_over_tcp(server, peer):
    peer.get(FIRST, 1, timeout_ms=20)
    assert peer.answer() == (TIMED_OUT, 1, 0, b"", None)
    peer.get(FIRST, 2)
    with RawLocalPeer(channel_name(server.port)) as writer:
        writer.set_file(FIRST, LARGE)
        assert writer.answer().kind == SET_OK
    answer = peer.answer()
    assert answer[:3] == (GET_OK, 2, len(LARGE))
    os.close(answer.descriptor)


def test_what_a_peer_waits_for_leaves_with_it(server, peer):
    peer.get(FIRST)
    server.wait_for_gauge("waiting_requests", 1)
    peer.socket.close()
    server.wait_for_gauge("waiting_requests", 0)
    server.wait_for_gauge("connections", 0)


def test_the_memory_limit_counts_files(tmp_path):
    limit = len(LARGE) + 1000
    with (
        running_server(tmp_path, shared_memory=True, memory_limit_bytes=limit) as server,
        RawLocalPeer(channel_name(server.port)) as peer,
    ):
        peer.set_file(FIRST, LARGE)
        assert peer.answer().kind == SET_OK
        peer.set_file(SECOND, LARGE)
        assert peer.answer().kind == STORAGE_FULL
        peer.send(header(DELETE, FIRST))
        peer.answer()
        peer.set_file(SECOND, LARGE)
        assert peer.answer().kind == SET_OK


def _regular_file() -> int:
    return os.open(__file__, os.O_RDONLY)


def _sparse_file() -> int:
    import fcntl

    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, len(LARGE))
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, ALL_SEALS)
    return descriptor


SET_LARGE = header(SET, FIRST, len(LARGE))
HOSTILE = {
    "short header": (lambda: (header(GET, FIRST)[:79],), "less than a header"),
    "empty packet with a file": (lambda: (b"", memory_file(LARGE)), "less than a header"),
    "malformed header": (lambda: (b"\xaa" * 80,), "malformed request header"),
    "malformed header with a file": (lambda: (b"\xaa" * 80, memory_file(LARGE)), "malformed request header"),
    "unknown type": (lambda: (header(6, FIRST),), "unknown request type 6"),
    "set without payload": (lambda: (SET_LARGE,), "payload of 0 bytes"),
    "short payload": (lambda: (header(SET, FIRST, 5) + b"four",), "payload of 4 bytes"),
    "too large a packet": (lambda: (header(SET, FIRST, INLINE_BYTES + 1) + bytes(INLINE_BYTES + 1),), "a packet of"),
    "get with a payload": (lambda: (header(GET, FIRST) + b"x",), "a payload behind"),
    "get with a file": (lambda: (header(GET, FIRST, len(LARGE)), memory_file(LARGE)), "a payload behind"),
    "two files": (lambda: (SET_LARGE, memory_file(LARGE), memory_file(LARGE)), "something else"),
    "many files": (lambda: (SET_LARGE, *(memory_file(LARGE) for _ in range(9))), "several descriptors"),
    "file and payload": (lambda: (SET_LARGE + b"x", memory_file(LARGE)), "something else"),
    "no seals": (lambda: (SET_LARGE, memory_file(LARGE, 0)), "not a sealed memory file"),
    "one seal missing": (lambda: (SET_LARGE, memory_file(LARGE, ALL_SEALS & ~0x8)), "not a sealed memory file"),
    "regular file": (lambda: (SET_LARGE, _regular_file()), "not a sealed memory file"),
    "sparse file": (lambda: (SET_LARGE, _sparse_file()), "with holes"),
    "file of another size": (lambda: (header(SET, FIRST, 1 << 40), memory_file(LARGE)), "another size"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_packet_against_the_rules_costs_its_connection_alone(server, peer, case):
    make_packet, reason = HOSTILE[case]
    peer.send(*make_packet())
    assert peer.is_closed_by_server()
    server.wait_for_log(reason)
    with RawLocalPeer(channel_name(server.port)) as other:
        other.set_file(SECOND, LARGE)
        assert other.answer().kind == SET_OK
        other.send(header(INFO, bytes(32)))
        assert other.answer().content == (1).to_bytes(8, "little") * 2 + len(LARGE).to_bytes(8, "little")


def test_a_peer_that_never_reads_holds_up_nobody(server, peer):
    peer.set_file(FIRST, LARGE)
    peer.answer()
    peer.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):  # the server has stopped to read its requests
        while True:
            peer.get(FIRST)
    with RawLocalPeer(channel_name(server.port)) as other:
        other.get(FIRST)
        answer = other.answer()
        assert answer.kind == GET_OK
        os.close(answer.descriptor)
    peer.socket.close()
    server.wait_for_gauge("connections", 0)


def test_a_burst_of_answers_is_read_to_the_end(server, peer):
    for number in range(3000):
        peer.get(FIRST, number)
        if number % 50 == 0:
            server.wait_for_gauge("waiting_requests", number + 1)
    server.wait_for_gauge("waiting_requests", 3000)
    with RawLocalPeer(channel_name(server.port)) as writer:
        writer.send(header(SET, FIRST, 1000) + bytes(1000))
        assert writer.answer().kind == SET_OK
        assert server.gauges()["waiting_requests"] == 0
        assert [peer.answer().request_id for _ in range(3000)] == list(range(3000))
        assert server.gauges()["connections"] == 2


_HOLD_AND_DIE = """
import os, signal, sys
sys.path[:0] = sys.argv[2:]
from raw_local_peer import RawLocalPeer, memory_file
from raw_storage_peer import header
peer = RawLocalPeer(bytes.fromhex(sys.argv[1]).hex().encode())
half_sent = memory_file(bytes(1 << 20))
peer.get(bytes(32))
descriptor = peer.answer().descriptor
peer.get(bytes([1]) * 32)
print("holding", flush=True)
signal.pause()
"""


def test_nothing_is_left_of_a_killed_peer(server, peer):
    peer.set_file(bytes(32), LARGE)
    peer.answer()
    name = channel_name(server.port).decode()
    folders = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    victim = subprocess.Popen([sys.executable, "-c", _HOLD_AND_DIE, name, *folders], stdout=subprocess.PIPE, text=True)
    assert victim.stdout is not None and victim.stdout.readline() == "holding\n"
    server.wait_for_gauge("waiting_requests", 1)
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate(timeout=10)
    server.wait_for_gauge("waiting_requests", 0)
    server.wait_for_gauge("connections", 1)
    peer.get(bytes(32))
    answer = peer.answer()
    assert os.pread(answer.descriptor, len(LARGE), 0) == LARGE
    os.close(answer.descriptor)


def test_a_file_lives_as_long_as_its_readers(server, peer):
    peer.set_file(FIRST, LARGE)
    peer.answer()
    peer.get(FIRST)
    descriptor = peer.answer().descriptor
    peer.send(header(DELETE, FIRST))
    peer.answer()
    assert os.pread(descriptor, len(LARGE), 0) == LARGE
    os.close(descriptor)


def _open_files(server: RunningServer) -> int:
    return sum(
        os.path.islink(path) and "memfd:test" in os.readlink(path)
        for path in (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    )


def test_files_are_closed_with_their_objects(server, peer):
    for number in range(20):
        peer.set_file(make_id(number), LARGE)
        peer.answer()
    peer.set_file(make_id(3), LARGE)  # in place of another
    peer.answer()
    wait_until(lambda: _open_files(server) == 20, lambda: f"{_open_files(server)} files are open")
    for number in range(20):
        peer.send(header(DELETE, make_id(number)))
        peer.answer()
    wait_until(lambda: _open_files(server) == 0, lambda: f"{_open_files(server)} files are open")


def test_running_out_of_descriptors_ends_nothing(tmp_path):
    """A daemon with few descriptors keeps what it can as files, and copies the rest."""
    script = (
        "import resource, sys, threading\n"
        "from scaler.object_storage.object_storage_server import ObjectStorageServer\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "server = ObjectStorageServer()\n"
        "def tell():\n"
        "    server.wait_until_ready(10)\n"
        "    print(server.port(), flush=True)\n"
        "threading.Thread(target=tell).start()\n"
        "server.run('127.0.0.1', 0, log_paths=(sys.argv[1],), shared_memory=True)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 200
    log = tmp_path / "log"
    daemon = subprocess.Popen([sys.executable, "-c", script, str(log)], stdout=subprocess.PIPE, text=True)
    try:
        assert daemon.stdout is not None
        name = channel_name(int(daemon.stdout.readline()))
        with RawLocalPeer(name) as peer:
            for number in range(100):
                peer.set_file(make_id(number), number.to_bytes(2, "little") + LARGE)
                assert peer.answer().kind == SET_OK
            kinds = []
            for number in range(100):
                peer.get(make_id(number))
                answer = peer.answer()
                kinds.append(answer.kind)
                if answer.descriptor is not None:
                    assert os.pread(answer.descriptor, 2, 0) == number.to_bytes(2, "little")
                    os.close(answer.descriptor)
            assert kinds == [GET_OK] * 32 + [OVER_TCP] * 68
            crowd = [RawLocalPeer(name) for _ in range(60)]  # more than it has descriptors for
            for member in crowd:
                member.socket.close()
            peer.get(make_id(0))
            os.close(peer.answer().descriptor)
        assert daemon.poll() is None
    finally:
        daemon.terminate()
        daemon.communicate(timeout=10)
