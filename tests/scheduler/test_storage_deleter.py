"""Deleting from the object storage goes on whatever happens to one delete."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
from growth import growth

from scaler.scheduler.storage_deleter import Storage, StorageDeleter
from scaler.utility.exceptions import ObjectStorageException


class StorageModel:
    """Deletes what it is told, after the failures it is given."""

    def __init__(self, failures: list[Exception]) -> None:
        self.deleted: list[bytes] = []
        self.closed = 0
        self._failures = failures
        self.is_closed = False

    async def delete_objects(self, object_ids: list[bytes]) -> None:
        if self._failures:
            raise self._failures.pop(0)
        self.deleted += object_ids

    async def delete_owner(self, owner_hash: bytes) -> None:
        self.deleted.append(owner_hash)

    async def close(self) -> None:
        self.closed += 1
        raise OSError("nobody is there")


def run(connect_failures: list[Exception], storage: StorageModel, act: Callable[[StorageDeleter], None]) -> int:
    """Let a deleter do what it is told, and return what is left to do."""

    async def connect() -> Storage:
        if connect_failures:
            raise connect_failures.pop(0)
        return storage

    async def until_done() -> int:
        deleter = StorageDeleter(connect, retry_seconds=0)
        running = asyncio.ensure_future(deleter.run())
        act(deleter)
        for _ in range(100):
            await asyncio.sleep(0)
        assert not running.done(), "nobody deletes any more"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return len(deleter)

    return asyncio.run(until_done())


def test_everything_is_deleted_whatever_connecting_and_deleting_raise() -> None:
    storage = StorageModel([ObjectStorageException("lost"), RuntimeError("defect")])

    def act(deleter: StorageDeleter) -> None:
        deleter.delete([b"a" * 32, b"b" * 32])
        deleter.delete_owners([b"o" * 16])

    left = run([RuntimeError("no descriptors left"), OSError("unreachable")], storage, act)
    assert (left, storage.deleted, storage.closed) == (0, [b"a" * 32, b"b" * 32, b"o" * 16], 3)


def test_what_cannot_be_asked_for_does_not_hold_up_the_rest() -> None:
    storage = StorageModel([ValueError("an object id has 32 bytes, but got 5")])

    def act(deleter: StorageDeleter) -> None:
        deleter.delete([b"short"] * 1024)
        deleter.delete([b"a" * 32])

    assert run([], storage, act) == 0
    assert storage.deleted == [b"a" * 32]


def test_a_million_deletes_take_a_time_by_their_number() -> None:
    def prepare(number: int) -> Callable[[], None]:
        storage, objects = StorageModel([]), [b"%032d" % each for each in range(number)]

        def delete() -> None:
            assert run([], storage, lambda deleter: deleter.delete(objects)) == 0
            assert storage.deleted == objects

        return delete

    assert growth(prepare, 125_000, 1_000_000) < 20  # and 64, when what is left moves up each time


def test_a_storage_that_is_not_there_is_told_once_though_nothing_is_to_be_deleted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        run([OSError("unreachable"), OSError("unreachable")], StorageModel([]), lambda _: None)
    assert caplog.messages[:2] == [
        "the object storage server cannot be reached, trying again: unreachable",
        "the object storage server is reached",
    ]
