"""Whether the object storage server is still the one that has what was stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from scaler.client.agent.client_storage import ClientStorage
from scaler.client.agent.storage_watch import StorageWatch
from scaler.client.new_object import NewObject
from scaler.utility.exceptions import ObjectStorageException
from scaler.utility.identifiers import ClientID, ObjectID

CLIENT = ClientID.generate_client_id()
FIRST = NewObject(ObjectID.generate_serializer_object_id(CLIENT), b"serializer", b"payload")


class StorageStandIn:
    """A server that can go, and come back with its objects or without them."""

    def __init__(self) -> None:
        self.is_there = True
        self.connections = 1
        self.is_connected = True
        self.objects: set[bytes] = set()

    def lose(self, *, objects: bool) -> None:
        self.is_there = self.is_connected = False
        if objects:
            self.objects.clear()

    def store(self, objects: Sequence[NewObject]) -> None:
        self.objects |= {item.object_id for item in objects}

    def connection_number(self) -> int:
        return self.connections if self.is_connected else 0

    def connect_again(self) -> int:
        if not self.is_there:
            raise ObjectStorageException("connection refused")
        if not self.is_connected:
            self.is_connected, self.connections = True, self.connections + 1
        return self.connections

    def lacks(self, object_id: ObjectID) -> bool:
        return object_id not in self.objects


class Watched:
    """A watch of a stand-in, with the jobs that it has not run yet."""

    def __init__(self) -> None:
        self.storage = StorageStandIn()
        self.jobs: list[Callable[[], None]] = []
        self.forgotten: list[int] = []  # the connections behind which all was lost
        storage = cast("ClientStorage", cast("Any", self.storage))
        self.watch = StorageWatch("client", storage, self.storage.store, self.forget, self.jobs.append)
        self.watch.begin(FIRST)

    def forget(self, connection: int) -> None:
        self.forgotten.append(connection)

    def look(self, now_seconds: float) -> int:
        """Look, run what that gives to do, and return how many jobs these were."""
        self.watch.look(now_seconds)
        jobs, self.jobs[:] = self.jobs[:], []
        for job in jobs:
            job()
        return len(jobs)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_while_the_connection_lasts_nothing_is_asked(watched: Watched) -> None:
    assert [watched.look(now) for now in range(5)] == [0] * 5


@pytest.mark.parametrize("are_lost", [True, False])
def test_a_server_that_is_back_is_asked_once(watched: Watched, are_lost: bool) -> None:
    watched.storage.lose(objects=are_lost)
    watched.storage.is_there = True
    assert [watched.look(now) for now in (1.0, 3.0, 9.0)] == [1, 0, 0]
    assert watched.forgotten == ([2] if are_lost else [])
    assert watched.storage.objects == {FIRST.object_id}


def test_another_connection_that_others_have_made_is_noticed(watched: Watched) -> None:
    watched.storage.lose(objects=True)
    watched.storage.is_there = True
    watched.storage.connect_again()
    assert watched.look(1.0) == 1
    assert watched.forgotten == [2]


def test_a_server_that_does_not_come_back_is_asked_ever_less_often(watched: Watched) -> None:
    watched.storage.lose(objects=True)
    asked = [now for now in range(200) if watched.look(float(now))]
    assert asked == [0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181]
    assert watched.forgotten == []


@pytest.mark.parametrize("connections", [0, 3])
def test_a_connection_that_ends_during_a_look_wants_another_one(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    watched.storage.lose(objects=True)
    watched.storage.is_there = True
    with monkeypatch.context() as patch:
        patch.setattr(watched.storage, "connection_number", lambda: connections)
        assert watched.look(1.0) == 1
    assert watched.forgotten == []
    assert watched.look(3.0) == 1
    assert watched.forgotten == [2]


def test_a_look_that_is_cut_off_does_not_keep_others_from_coming(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(job: Callable[[], None]) -> None:
        raise KeyboardInterrupt  # as the main thread of a program may be, which looks when it waits for a result

    watched.storage.lose(objects=True)
    watched.storage.is_there = True
    with monkeypatch.context() as patch:
        patch.setattr(watched.watch, "_run_elsewhere", cut_off)
        with pytest.raises(KeyboardInterrupt):
            watched.look(1.0)
    assert watched.look(3.0) == 1
    assert watched.forgotten == [2]


def test_one_look_at_a_time_and_none_after_the_end(watched: Watched) -> None:
    watched.storage.lose(objects=True)
    watched.watch.look(1.0)
    watched.watch.look(100.0)
    assert len(watched.jobs) == 1
    watched.watch.close()
    watched.jobs[0]()
    watched.watch.look(200.0)
    assert len(watched.jobs) == 1
    assert watched.forgotten == []
