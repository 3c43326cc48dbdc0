"""Values and failures as bytes."""

from __future__ import annotations

import array
import pickle
import sys
from typing import Any

import numpy as np
import pytest

from scaler.client.serializer.default import DefaultSerializer
from scaler.client.serializer.mixins import Serializer
from scaler.utility.exceptions import DeserializeObjectError
from scaler.utility.serialization import (
    deserialize,
    payload_size,
    serialize,
)

LARGE = 1 << 20


def join(payload: Any) -> bytes:
    return b"".join(bytes(part) for part in payload) if isinstance(payload, list) else payload


def round_trip(value: Any) -> Any:
    payload = serialize(DefaultSerializer(), value)
    assert payload_size(payload) == len(join(payload))
    return deserialize(DefaultSerializer(), bytearray(join(payload)))


@pytest.mark.parametrize(
    "value",
    [0, -1, 2**100, 1.5, "text", "", b"", b"x", True, None, (1, "a"), [1, [2]], {"a": {1}}, b"x" * LARGE, "y" * LARGE],
    ids=lambda value: repr(value)[:20],
)
def test_values_round_trip(value: Any) -> None:
    assert round_trip(value) == value
    assert type(round_trip(value)) is type(value)


def test_bytearray_round_trips_as_itself() -> None:
    assert round_trip(bytearray(b"z" * LARGE)) == bytearray(b"z" * LARGE)


def test_small_values_are_plain_pickles() -> None:
    assert pickle.loads(serialize(DefaultSerializer(), 5)) == 5
    assert pickle.loads(serialize(DefaultSerializer(), [5])) == [5]


def test_large_bytes_are_not_copied_and_still_a_pickle() -> None:
    value = b"x" * LARGE
    payload = serialize(DefaultSerializer(), value)
    assert payload[1] is value
    assert pickle.loads(join(payload)) == value


def test_subclasses_of_plain_types_keep_their_class() -> None:
    class Number(int):
        pass

    assert type(round_trip(Number(5))).__name__ == "Number"


def test_large_arrays_travel_beside_the_pickle() -> None:
    value = np.arange(LARGE)
    payload = serialize(DefaultSerializer(), value)
    assert np.shares_memory(np.frombuffer(payload[-1], dtype=value.dtype), value)
    assert payload_size(payload) < value.nbytes + 1024


@pytest.mark.parametrize(
    "value",
    [
        np.arange(10),
        np.arange(LARGE),
        np.arange(LARGE).reshape(2, -1).T,
        np.arange(LARGE)[::2],
        np.zeros((3, 0)),
        [np.arange(30_000), np.ones((200, 200)), np.arange(5)],
    ],
    ids=["small", "large", "fortran", "strided", "empty", "several"],
)
def test_arrays_round_trip(value: Any) -> None:
    result = round_trip(value)
    for left, right in zip(value, result, strict=True) if isinstance(value, list) else [(value, result)]:
        np.testing.assert_array_equal(left, right)
        assert left.dtype == right.dtype


def test_buffers_are_aligned() -> None:
    pieces = [np.arange(20_001, dtype=np.uint8).repeat(5), np.arange(20_000)]
    payload = join(serialize(DefaultSerializer(), pieces))
    for piece in pieces:
        assert payload.index(piece.tobytes()) % 64 == 0


@pytest.mark.parametrize("size", [10, LARGE])
def test_arrays_can_be_changed_on_arrival(size: int) -> None:
    result = round_trip(np.zeros(size))
    result += 1
    assert result.sum() == size


def shared(value: Any) -> Any:
    """Return a value as tasks that share it are given it."""
    return deserialize(DefaultSerializer(), join(serialize(DefaultSerializer(), value)), is_shared=True)


def test_shared_arrays_cannot_be_changed() -> None:
    result = shared({"array": np.zeros(LARGE)})["array"]
    with pytest.raises(ValueError, match="read-only"):
        result += 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        result.flags.writeable = True
    assert result.copy().flags.writeable


@pytest.mark.parametrize(
    "take",
    [
        lambda array: array,
        lambda array: array[7:],
        lambda array: array[:10],
        lambda array: array[::2],
        lambda array: array.T[1:],
        lambda array: {"part": array}["part"].view(np.int64),
        lambda array: array[:0],
    ],
    ids=["all", "end", "small", "strided", "transposed", "other type", "empty"],
)
def test_what_is_returned_of_shared_arrays_can_be_changed(take: Any) -> None:
    argument = shared(np.arange(4.0 * LARGE).reshape(4, LARGE))
    expected = take(argument).copy()
    result = round_trip(take(argument))
    np.testing.assert_array_equal(result, expected)
    result += 1
    np.testing.assert_array_equal(argument.ravel(), np.arange(4.0 * LARGE))


def test_one_array_twice_in_a_result_stays_one() -> None:
    argument = shared(np.zeros(LARGE))
    first, second = round_trip([argument, argument])
    assert first is second


def test_read_only_arrays_stay_read_only() -> None:
    value = np.zeros(LARGE)
    value.flags.writeable = False
    assert not round_trip(value).flags.writeable


def test_bytes_are_never_written_to() -> None:
    payload = join(serialize(DefaultSerializer(), np.zeros(LARGE)))
    before = hash(payload), payload[-8:]
    deserialize(DefaultSerializer(), payload)[:] = 7
    assert (hash(bytes(bytearray(payload))), payload[-8:]) == before


def test_read_only_buffer_of_others_is_viewed_in_place_and_kept_alive() -> None:
    """A frame of the messaging is a read-only buffer that nobody else uses."""

    class Frame(array.array):  # exports a buffer, and is neither bytes nor memoryview
        pass

    frame = Frame("B", join(serialize(DefaultSerializer(), np.arange(LARGE))))
    references = sys.getrefcount(frame)
    result = deserialize(DefaultSerializer(), frame)
    assert sys.getrefcount(frame) > references
    result[0] = 77
    del frame
    assert result[0] == 77
    assert result[-1] == LARGE - 1


@pytest.mark.parametrize("cut", [1, 100, -1])
def test_damaged_envelope_is_an_error(cut: int) -> None:
    payload = join(serialize(DefaultSerializer(), np.zeros(LARGE)))
    with pytest.raises((DeserializeObjectError, pickle.UnpicklingError, EOFError)):
        deserialize(DefaultSerializer(), bytearray(payload[:cut]))


class TaggedSerializer(Serializer):
    @staticmethod
    def serialize(obj: Any) -> bytes:
        return b"tag" + pickle.dumps(obj)

    @staticmethod
    def deserialize(payload: bytes) -> Any:
        assert payload.startswith(b"tag")
        return pickle.loads(payload[3:])


@pytest.mark.parametrize("value", [1, b"x" * LARGE])
def test_other_serializers_are_used_as_they_are(value: Any) -> None:
    payload = serialize(TaggedSerializer(), value)
    assert payload[:3] == b"tag"
    assert deserialize(TaggedSerializer(), memoryview(payload)) == value


def test_subclass_of_the_default_serializer_is_honoured() -> None:
    class Doubling(DefaultSerializer):
        @staticmethod
        def deserialize(payload: bytes) -> Any:
            return 2 * DefaultSerializer.deserialize(payload)

    assert deserialize(Doubling(), serialize(Doubling(), 4)) == 8
