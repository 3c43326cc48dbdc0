"""Who still needs which object, and which ids may be deleted."""

from __future__ import annotations

from typing import Any

import pytest

from scaler.client.agent.object_registry import ObjectRegistry
from scaler.client.call_signature import CallSignature
from scaler.client.function_record import FunctionRecord
from scaler.utility.identifiers import ClientID, ObjectID

CLIENT = ClientID.generate_client_id()


def record(content: Any) -> FunctionRecord:
    return FunctionRecord(b"name", repr(content).encode(), CallSignature(print))


@pytest.fixture
def registry() -> ObjectRegistry:
    return ObjectRegistry(CLIENT)


def test_one_function_has_one_place(registry: ObjectRegistry) -> None:
    first = registry.acquire_function(record(1))
    assert registry.acquire_function(record(1)) is first
    assert registry.acquire_function(record(2)) is not first
    assert first.references == 2
    assert first.object_id.is_owner(CLIENT)
    assert first.object_id == ObjectRegistry(CLIENT).acquire_function(record(1)).object_id


def test_unused_function_is_kept_for_later_calls(registry: ObjectRegistry) -> None:
    function = registry.acquire_function(record(1))
    registry.release_function(function)
    assert registry.take_deletable() == []
    assert registry.acquire_function(record(1)) is function


def test_many_unused_functions_are_bounded(registry: ObjectRegistry) -> None:
    held = registry.acquire_function(record("held"))
    for number in range(1000):
        registry.release_function(registry.acquire_function(record(number)))
    assert registry.sizes()["functions"] <= 257
    assert held.object_id not in registry.take_deletable()


def test_large_unused_functions_are_bounded_by_their_bytes(registry: ObjectRegistry) -> None:
    functions = []
    for number in range(5):
        large = FunctionRecord(b"", bytes([number]) * (100 << 20), CallSignature(print))
        functions.append(registry.acquire_function(large))
        registry.release_function(functions[-1])
    deleted = registry.take_deletable()
    assert functions[-1].object_id not in deleted
    assert len(deleted) >= 3


def test_id_never_comes_again_after_its_deletion(registry: ObjectRegistry) -> None:
    first = registry.acquire_function(record(1))
    registry.release_function(first)
    registry.clear()
    assert registry.take_deletable() == [first.object_id]
    second = registry.acquire_function(record(1))
    assert second.object_id != first.object_id
    assert not second.is_stored


def test_clear_deletes_functions_in_use_with_their_last_task(registry: ObjectRegistry) -> None:
    function = registry.acquire_function(record(1), references=2)
    registry.clear()
    assert registry.take_deletable() == []
    registry.release_function(function)
    assert registry.take_deletable() == []
    registry.release_function(function)
    assert registry.take_deletable() == [function.object_id]


def test_function_whose_upload_failed_is_not_stored_again_under_its_id(registry: ObjectRegistry) -> None:
    other = ObjectID.generate_object_id(CLIENT)
    function = registry.acquire_function(record(1), references=2)
    registry.on_store_failed([function.object_id, other], [function])
    assert registry.take_deletable() == [other]
    registry.release_function(function)
    assert registry.acquire_function(record(1)).object_id != function.object_id
    assert registry.take_deletable() == []  # another thread may have stored it, and started a task meanwhile
    registry.release_function(function)
    assert registry.take_deletable() == [function.object_id]


def test_function_that_another_thread_has_stored_stays(registry: ObjectRegistry) -> None:
    function = registry.acquire_function(record(1))
    function.is_stored = True
    registry.on_store_failed([function.object_id], [function])
    registry.release_function(function)
    assert registry.take_deletable() == []
    assert registry.acquire_function(record(1)) is function


def test_sent_objects_live_until_clear(registry: ObjectRegistry) -> None:
    object_id = ObjectID.generate_object_id(CLIENT)
    assert not registry.is_sent(object_id)
    registry.add_sent(object_id, 1)
    assert registry.is_sent(object_id)
    registry.clear()
    assert not registry.is_sent(object_id)
    assert registry.take_deletable() == [object_id]
    assert registry.sizes() == {"functions": 0, "sent": 0, "deletable": 0}


def test_deletable_ids_are_given_out_once(registry: ObjectRegistry) -> None:
    ids = [ObjectID.generate_object_id(CLIENT) for _ in range(3)]
    registry.release(ids)
    assert registry.deletable_count == 3
    assert registry.take_deletable() == ids
    assert registry.take_deletable() == []


def test_after_the_loss_of_the_storage_functions_are_stored_again_and_sent_objects_unknown(
    registry: ObjectRegistry,
) -> None:
    function = registry.acquire_function(record(1))
    function.is_stored = True
    sent = ObjectID.generate_object_id(CLIENT)
    registry.add_sent(sent, 1)
    registry.on_storage_lost(2)
    assert registry.acquire_function(record(1)) is function
    assert not function.is_stored
    assert not registry.is_sent(sent)
    assert registry.take_deletable() == [sent]


def test_what_was_sent_to_a_new_storage_before_the_loss_of_the_old_one_was_noticed_stays(
    registry: ObjectRegistry,
) -> None:
    lost, there = (ObjectID.generate_object_id(CLIENT) for _ in range(2))
    registry.add_sent(lost, 1)
    registry.add_sent(there, 2)
    registry.on_storage_lost(2)
    assert not registry.is_sent(lost)
    assert registry.is_sent(there)
    assert registry.take_deletable() == [lost]
