"""The connector with a server that shares memory: what goes over the local channel, and what happens when it cannot."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from raw_storage_peer import RawStoragePeer, object_id
from storage_server_fixture import RunningServer, running_server, wait_until

from scaler.client.serializer.default import DefaultSerializer
from scaler.io import object_storage_local
from scaler.io.object_storage_local import INLINE_BYTES, LocalChannelError
from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector
from scaler.utility.exceptions import ObjectStorageException, ObjectStorageFullError, ObjectStorageTimeoutError
from scaler.utility.serialization import deserialize, serialize

FIRST, SECOND, THIRD = object_id(1), object_id(2), object_id(3)
HUGE_PAGE_BYTES = 2 * 1024 * 1024
SIZES = (
    *(0, 1, INLINE_BYTES - 1, INLINE_BYTES, INLINE_BYTES + 1, 1_000_000),
    *(HUGE_PAGE_BYTES - 1, HUGE_PAGE_BYTES, HUGE_PAGE_BYTES + 1, 5 * HUGE_PAGE_BYTES + 4097),
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with running_server(tmp_path, shared_memory=True) as running:
        yield running


@pytest.fixture
def connector(server: RunningServer) -> Iterator[SyncObjectStorageConnector]:
    with SyncObjectStorageConnector(server.address) as connected:
        yield connected


@pytest.fixture
def no_tcp(monkeypatch: pytest.MonkeyPatch, connector: SyncObjectStorageConnector) -> None:
    """Let requests over TCP fail the test."""

    def fail(*_: Any) -> None:
        raise AssertionError("a request went over TCP")

    monkeypatch.setattr(connector, "_call", fail)


def content_of(size: int) -> bytes:
    return (os.urandom(1021) * (size // 1021 + 1))[:size]


@pytest.mark.usefixtures("no_tcp")
@pytest.mark.parametrize("size", SIZES)
def test_every_size_arrives_over_the_channel(connector, size):
    content = content_of(size)
    connector.set_object(FIRST, content)
    assert bytes(connector.get_object(FIRST)) == content
    assert bytes(connector.get_object(FIRST, size // 2)) == content[: size // 2]
    connector.set_object(SECOND, [content[:7], b"", memoryview(content)[7:]])
    assert [bytes(each) for each in connector.get_objects([SECOND, FIRST, SECOND])] == [content] * 3


@pytest.mark.usefixtures("no_tcp")
def test_many_parts_are_one_object(connector):
    parts = [bytes([number % 256]) * (number % 7 * 500) for number in range(300)]
    connector.set_object(FIRST, parts)
    assert bytes(connector.get_object(FIRST)) == b"".join(parts)


def test_both_ways_show_the_same_objects(server, connector):
    contents = {object_id(number): content_of(size) for number, size in enumerate(SIZES)}
    connector.set_objects(contents.items())
    with RawStoragePeer(server.port) as remote:
        for identifier, content in contents.items():
            remote.get(identifier)
            assert remote.answer().payload == content
        for identifier, content in contents.items():
            remote.set(identifier, content[::-1])
            remote.answer()
    received = connector.get_objects(contents)
    assert [bytes(each) for each in received] == [content[::-1] for content in contents.values()]


def test_set_objects_keeps_the_order_of_one_name(connector):
    small, large = b"small", content_of(INLINE_BYTES + 1)
    connector.set_objects([(FIRST, small), (FIRST, large), (SECOND, large), (SECOND, small)])
    assert [bytes(each) for each in connector.get_objects([FIRST, SECOND])] == [large, small]


def test_arrays_can_be_written_and_nobody_else_sees_it(connector):
    value = bytearray(content_of(3 * HUGE_PAGE_BYTES))
    serializer = DefaultSerializer()
    connector.set_object(FIRST, serialize(serializer, _Array(value)))
    first, second = (deserialize(serializer, connector.get_object(FIRST)).buffer for _ in range(2))
    assert not first.readonly and first == value
    first[:5] = b"other"
    first[HUGE_PAGE_BYTES : HUGE_PAGE_BYTES + 5] = b"other"
    assert second == value and deserialize(serializer, connector.get_object(FIRST)).buffer == value
    assert first[:5] == b"other" and first[5:100] == value[5:100]


class _Array:
    """What numpy's arrays are to pickle."""

    def __init__(self, content: Any) -> None:
        self.buffer = memoryview(content)

    def __reduce_ex__(self, protocol: Any) -> Any:
        import pickle

        return _Array, (pickle.PickleBuffer(self.buffer),)


def test_a_mapped_object_outlives_its_name_the_server_and_the_connector(tmp_path):
    content = content_of(HUGE_PAGE_BYTES + 5)
    with (
        running_server(tmp_path, shared_memory=True) as server,
        SyncObjectStorageConnector(server.address) as connector,
    ):
        connector.set_object(FIRST, content)
        deleted = connector.get_object(FIRST)
        connector.delete_object(FIRST)
        connector.set_object(FIRST, content[::-1])
        replaced = connector.get_object(FIRST)
        connector.set_object(FIRST, b"")
    assert bytes(deleted) == content
    assert bytes(replaced) == content[::-1]


def test_kept_objects_keep_no_descriptor_and_go_with_their_last_view(connector):
    def mappings() -> int:
        return Path("/proc/self/maps").read_text().count("memfd:scaler-object")

    connector.set_object(FIRST, content_of(INLINE_BYTES + 1))
    of_server = mappings()
    before = len(os.listdir("/proc/self/fd"))
    views = [memoryview(connector.get_object(FIRST))[10:] for _ in range(50)]
    assert len(os.listdir("/proc/self/fd")) == before
    assert mappings() == of_server + 50
    views.clear()
    assert mappings() == of_server


def test_the_errors_are_those_of_tcp(tmp_path):
    with (
        running_server(tmp_path, shared_memory=True, memory_limit_bytes=1000) as server,
        SyncObjectStorageConnector(server.address) as connector,
    ):
        with pytest.raises(ObjectStorageFullError):
            connector.set_object(FIRST, content_of(INLINE_BYTES + 1))
        with pytest.raises(ObjectStorageTimeoutError, match="did not exist within"):
            connector.get_object(FIRST, timeout_seconds=0.01)
        with pytest.raises(ValueError, match="32 bytes"):
            connector.get_object(b"short")
        connector.set_object(FIRST, b"content")
        assert bytes(connector.get_object(FIRST, timeout_seconds=math.inf)) == b"content"


@pytest.mark.usefixtures("no_tcp")
def test_a_silent_server_is_a_time_out(connector, monkeypatch):
    connector.set_object(FIRST, b"content")
    monkeypatch.setattr(object_storage_local, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(object_storage_local._Channel, "get_objects", lambda self, *_: self._receive())
    (channel,) = connector._local._idle
    channel._set_wait(0.01)
    with pytest.raises(ObjectStorageTimeoutError, match="no answer"):
        connector.get_object(FIRST, timeout_seconds=0.01)
    assert connector._local._idle == []  # an answer may still come


@pytest.mark.usefixtures("no_tcp")
def test_one_that_waits_holds_up_no_other(server, connector):
    received: list[bytes] = []
    waiting = [threading.Thread(target=lambda: received.append(bytes(connector.get_object(FIRST)))) for _ in range(8)]
    for thread in waiting:
        thread.start()
    server.wait_for_gauge("waiting_requests", 8)
    content = content_of(INLINE_BYTES + 1)
    connector.set_object(SECOND, content)
    assert bytes(connector.get_object(SECOND)) == content
    connector.set_object(FIRST, content)
    for thread in waiting:
        thread.join(10)
    assert received == [content] * 8
    server.wait_for_gauge("connections", 1 + object_storage_local._MAXIMUM_IDLE_CHANNELS)


def test_close_and_the_end_of_the_server_end_every_wait(tmp_path):
    failures: list[BaseException] = []

    def wait_for_object(connector: SyncObjectStorageConnector) -> None:
        try:
            connector.get_object(FIRST)
        except ObjectStorageException as failure:
            failures.append(failure)

    for close_first in (True, False):
        with running_server(tmp_path, shared_memory=True) as server:
            connector = SyncObjectStorageConnector(server.address, connect_timeout_seconds=0.5)
            threads = [threading.Thread(target=wait_for_object, args=(connector,)) for _ in range(3)]
            for thread in threads:
                thread.start()
            server.wait_for_gauge("waiting_requests", 3)
            if close_first:
                connector.close()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()
        connector.close()
        with pytest.raises(ObjectStorageException, match="closed"):
            connector.get_object(FIRST)
    assert len(failures) == 6


def test_a_broken_channel_is_replaced(server, connector):
    content = content_of(INLINE_BYTES + 1)
    connector.set_object(FIRST, content)
    (channel,) = connector._local._idle
    channel._socket.send(b"not a request")
    wait_until(lambda: "less than a header" in server.log(), server.log)
    assert bytes(connector.get_object(FIRST)) == content  # over TCP
    assert connector._local._idle == []
    assert bytes(connector.get_object(FIRST)) == content
    assert len(connector._local._idle) == 1


@pytest.mark.parametrize("break_it", ["other user", "other network"])
def test_without_a_way_to_the_channel_everything_goes_over_tcp(connector, monkeypatch, break_it):
    content = content_of(INLINE_BYTES + 1)
    if break_it == "other user":
        monkeypatch.setattr(object_storage_local, "_TRUSTED_USERS", frozenset())
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    else:
        monkeypatch.setattr(object_storage_local, "_SOCKET_NAME", b"\0somewhere-else-")
    connector.set_object(FIRST, content)
    assert bytes(connector.get_object(FIRST)) == content
    assert connector._local._all == set()
    with pytest.raises(LocalChannelError):
        connector._local.get_objects([FIRST], 1, 1.0)


def test_without_room_for_a_file_or_a_mapping_copies_do(connector, monkeypatch):
    def refuse(*_: Any) -> None:
        raise OSError("no room")

    content = content_of(INLINE_BYTES + 1)
    connector.set_object(FIRST, content)
    monkeypatch.setattr(object_storage_local, "map_memory_file", refuse)
    assert bytes(connector.get_object(FIRST)) == content
    assert len(connector._local._idle) == 1
    monkeypatch.setattr(object_storage_local, "write_memory_file", refuse)
    connector.set_object(SECOND, content)
    assert bytes(connector.get_object(SECOND)) == content
