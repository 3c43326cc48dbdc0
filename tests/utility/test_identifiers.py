"""The identifiers: their layouts, and what makes them unique."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import threading

import pytest

from scaler.utility.identifiers import ClientID, ObjectID, ProcessorID, TaskID, TaskIDGenerator, WorkerID

SERIALIZER_TAG = bytes.fromhex("84f6fb7cd5cd53b5679489a29396448f")


def test_client_ids_are_readable() -> None:
    assert re.fullmatch(rb"Client\|[0-9a-f]{32}", ClientID.generate_client_id())
    assert re.fullmatch(rb"Client\|name\|[0-9a-f]{32}", ClientID.generate_client_id("name"))
    assert repr(ClientID(b"Client|x")) == "ClientID(Client|x)"


def test_worker_ids_are_readable() -> None:
    worker = WorkerID.generate_worker_id("host-1")
    assert re.fullmatch(rb"Worker\|host-1\|[0-9a-f]{32}", worker)
    assert worker.is_valid()
    assert WorkerID.invalid_worker_id() == b"" and not WorkerID.invalid_worker_id().is_valid()


def test_ids_that_are_not_text_still_have_a_repr() -> None:
    assert repr(WorkerID(b"\xff")) == "WorkerID(\\xff)"
    assert repr(TaskID(b"\x01\xff")) == str(TaskID(b"\x01\xff")) == "TaskID(01ff)"
    assert repr(ProcessorID(b"\x02")) == "ProcessorID(02)"


@pytest.mark.parametrize("generate", [TaskID.generate_task_id, ProcessorID.generate_processor_id, TaskIDGenerator()])
def test_generated_ids_are_16_unique_bytes(generate) -> None:  # type: ignore[no-untyped-def]
    ids = {generate() for _ in range(1000)}
    assert len(ids) == 1000 and {len(identifier) for identifier in ids} == {16}


def test_object_ids_name_their_owner() -> None:
    owner, stranger = ClientID(b"Client|a"), ClientID(b"Client|b")
    identifier = ObjectID.generate_object_id(owner)
    assert len(identifier) == 32
    assert identifier.owner_hash() == hashlib.md5(owner).digest() == identifier[:16]
    assert identifier.object_tag() == identifier[16:]
    assert identifier.is_owner(owner) and not identifier.is_owner(stranger)
    assert not identifier.is_serializer()
    assert identifier != ObjectID.generate_object_id(owner)
    assert repr(identifier) == f"ObjectID(owner_hash={identifier[:16].hex()}, object_tag={identifier[16:].hex()})"


def test_a_client_s_serializer_has_a_known_id() -> None:
    owner = ClientID(b"Client|a")
    identifier = ObjectID.generate_serializer_object_id(owner)
    assert identifier == hashlib.md5(owner).digest() + SERIALIZER_TAG
    assert identifier.is_serializer() and identifier.is_owner(owner)


def test_content_names_an_object() -> None:
    owner = ClientID(b"Client|a")
    identifier = ObjectID.generate_content_object_id(owner, b"content")
    assert identifier == ObjectID.generate_content_object_id(owner, b"content")
    assert identifier != ObjectID.generate_content_object_id(owner, b"other")
    assert identifier.is_owner(owner) and len(identifier) == 32


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_object_ids_have_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ObjectID(bytes(size))


@pytest.mark.parametrize(
    "identifier", [ClientID(b"c"), WorkerID(b"w"), ProcessorID(b"p"), TaskID(b"t"), ObjectID(bytes(32))]
)
def test_identifiers_are_bytes_that_travel(identifier: bytes) -> None:
    copy = pickle.loads(pickle.dumps(identifier))
    assert copy == identifier == bytes(identifier) and type(copy) is type(identifier)
    assert {identifier: 1}[bytes(identifier)] == 1


def test_generators_differ() -> None:
    assert TaskIDGenerator()()[:8] != TaskIDGenerator()()[:8]


def test_threads_share_a_generator() -> None:
    generate = TaskIDGenerator()
    ids: list[list[TaskID]] = [[] for _ in range(4)]
    threads = [threading.Thread(target=lambda own=own: own.extend(generate() for _ in range(2000))) for own in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({identifier for own in ids for identifier in own}) == 8000


def test_a_forked_child_does_not_repeat_ids() -> None:
    generate = TaskIDGenerator()
    before = generate()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, generate())
        os._exit(0)
    os.waitpid(child, 0)
    from_child = os.read(reading, 16)
    os.close(reading)
    os.close(writing)
    assert from_child[:8] != before[:8] and generate()[:8] == before[:8]
