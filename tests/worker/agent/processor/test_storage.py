"""A processor's storage connection: made late, made again, never the end of the processor."""

from __future__ import annotations

import pytest

from scaler.utility.exceptions import ObjectStorageException, ObjectStorageFullError
from scaler.worker.agent.processor.storage import Storage


class FakeConnector:
    """Answers from a dict until its connection ends."""

    def __init__(self, objects: dict[bytes, bytes]) -> None:
        self.objects = objects
        self.is_closed = False
        self.fails_with: ObjectStorageException | None = None

    def get_objects(self, object_ids):
        self._check()
        return [self.objects[each] for each in object_ids]

    def set_object(self, object_id, payload):
        self._check()
        self.objects[object_id] = payload

    def close(self):
        self.is_closed = True

    def _check(self):
        if self.fails_with is not None:
            raise self.fails_with
        if self.is_closed:
            raise ObjectStorageException("the connection is lost")


class Server:
    def __init__(self) -> None:
        self.objects = {b"a": b"1"}
        self.connectors: list[FakeConnector] = []
        self.is_up = True
        self.refusal: Exception | None = None
        self.now = 0.0
        self.attempts = 0

    def connect(self, address: str) -> FakeConnector:
        assert address == "tcp://storage:1"
        self.attempts += 1
        if self.refusal is not None:
            raise self.refusal
        if not self.is_up:
            raise ObjectStorageException("connection refused")
        self.connectors.append(FakeConnector(self.objects))
        return self.connectors[-1]


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def storage(server):
    return Storage("tcp://storage:1", server.connect, lambda: server.now)


def test_connects_when_it_is_first_used(server, storage):
    assert server.connectors == []
    assert storage.get_objects([b"a"]) == [b"1"]
    storage.set_object(b"b", b"2")
    assert server.objects[b"b"] == b"2"
    assert len(server.connectors) == 1


def test_repeats_a_request_on_a_new_connection(server, storage):
    storage.get_objects([b"a"])
    server.connectors[0].is_closed = True
    assert storage.get_objects([b"a"]) == [b"1"]
    assert len(server.connectors) == 2


def test_fails_while_the_server_is_down_and_works_when_it_is_back(server, storage):
    storage.get_objects([b"a"])
    server.connectors[0].is_closed = True
    server.is_up = False
    with pytest.raises(ObjectStorageException, match="refused"):
        storage.get_objects([b"a"])
    attempts = server.attempts
    for _ in range(100):  # a line of tasks must not wait for the storage one after the other
        with pytest.raises(ObjectStorageException, match="tcp://storage:1 could not be reached"):
            storage.get_objects([b"a"])
    assert server.attempts == attempts
    server.is_up = True
    server.now = 10.0
    assert storage.get_objects([b"a"]) == [b"1"]


def test_does_not_repeat_what_the_server_refused(server, storage):
    storage.get_objects([b"a"])
    server.connectors[0].fails_with = ObjectStorageFullError("full")
    with pytest.raises(ObjectStorageFullError):
        storage.set_object(b"b", b"2")
    assert len(server.connectors) == 1


def test_closes_its_connection(server, storage):
    storage.close()
    storage.get_objects([b"a"])
    storage.close()
    assert server.connectors[0].is_closed


def test_a_system_that_gives_no_connection_is_named(server, storage):
    server.refusal = RuntimeError("epoll: Too many open files")  # as when a task has used up all descriptors
    with pytest.raises(ObjectStorageException, match=r"tcp://storage:1.*Too many open files"):
        storage.get_objects([b"a"])
    server.refusal = None
    with pytest.raises(ObjectStorageException, match="a moment ago"):
        storage.get_objects([b"a"])
    server.now += 10
    assert storage.get_objects([b"a"]) == [b"1"]
