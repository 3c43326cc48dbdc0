"""The client's side of the protocol without a socket; the clock is a number."""

from __future__ import annotations

import math
import struct

import pytest

from scaler.io.object_storage_header import (
    ALL_BYTES,
    ResponseType,
    pack_header,
    pack_object_id_message,
    payload_size,
    unpack_header,
)
from scaler.io.object_storage_protocol import (
    GRACE_SECONDS,
    SLOWEST_BYTES_PER_SECOND,
    ObjectStorageProtocol,
    Request,
    make_identity,
)
from scaler.io.object_storage_window import BATCH_BYTES, BATCH_REQUESTS, WINDOW_BYTES, WINDOW_REQUESTS, Window
from scaler.utility.exceptions import ObjectStorageException, ObjectStorageFullError, ObjectStorageTimeoutError

FIRST, SECOND = bytes(range(32)), bytes(range(100, 132))
TIMEOUT = 10.0


def answer(request: Request, kind: int, length: int = 0) -> bytes:
    return pack_header(FIRST, length, request.request_id, kind)


def get(protocol: ObjectStorageProtocol, object_id: bytes = FIRST, now: float = 0.0) -> Request:
    return protocol.get_object(now, TIMEOUT, object_id, ALL_BYTES)


def test_header_is_the_fixed_layout():
    expected = bytes.fromhex(
        "00000000 09000000 00000000 0300 0100 8877665544332211 0807060504030201 0300 0000 2a000000 00000000 0400 0000"
        "0706050403020100 0f0e0d0c0b0a0908 1716151413121110 1f1e1d1c1b1a1918"
    )
    assert pack_header(FIRST, 0x1122334455667788, 0x0102030405060708, 3, 42) == expected
    assert unpack_header(memoryview(expected)) == (FIRST, 0x1122334455667788, 0x0102030405060708, 3)
    message = bytes.fromhex("00000000 05000000 00000000 0400 0000") + expected[48:]
    assert pack_object_id_message(FIRST) == message


@pytest.mark.parametrize("frame", [b"\xaa" * 80, bytes(80), b"x", b"x" * 81])
def test_malformed_header_is_refused(frame):
    with pytest.raises(ObjectStorageException, match="malformed"):
        ObjectStorageProtocol().on_frame(frame)


def test_payload_size_counts_bytes_not_items():
    array = memoryview(struct.pack("<4Q", 1, 2, 3, 4)).cast("Q")
    assert payload_size(array) == 32
    assert payload_size([b"12", bytearray(3), array]) == 37
    assert payload_size(()) == 0


def test_set_sends_header_and_payload_as_they_are():
    protocol = ObjectStorageProtocol()
    payload = [b"head", bytearray(b"body")]
    request = protocol.set_object(0.0, TIMEOUT, FIRST, payload)
    assert request.frames[0] == pack_header(FIRST, 8, 0, 0)
    assert request.frames[1] is payload
    assert protocol.on_frame(answer(request, ResponseType.SET_OK)) is request
    assert request.outcome() is True
    assert request.frames == [] and len(protocol) == 0


def test_requests_that_wait_carry_their_timeout():
    protocol = ObjectStorageProtocol()
    for timeout, milliseconds in ((2.5, 2500), (0.0001, 1), (1e12, 2**32 - 1), (math.inf, 0)):
        request = protocol.get_object(0.0, timeout, FIRST, 7)
        assert request.frames == [pack_header(FIRST, 7, request.request_id, 1, milliseconds)]
    request = protocol.duplicate_object_id(0.0, 1.0, FIRST, SECOND)
    assert request.frames == [pack_header(SECOND, 48, request.request_id, 3, 1000), pack_object_id_message(FIRST)]


def test_answers_are_matched_by_number_in_any_order():
    protocol = ObjectStorageProtocol()
    one, two, three = get(protocol), get(protocol, SECOND), protocol.delete_object(0.0, TIMEOUT, FIRST)
    assert protocol.on_frame(answer(three, ResponseType.DELETE_NOT_EXISTS)) is three
    assert protocol.on_frame(answer(two, ResponseType.GET_OK, 3)) is None
    assert protocol.on_frame(b"two") is two
    assert protocol.on_frame(answer(one, ResponseType.GET_OK, 3)) is None
    assert protocol.on_frame(b"one") is one
    assert (one.outcome(), two.outcome(), three.outcome()) == (b"one", b"two", False)


def test_payload_is_handed_on_without_a_copy():
    protocol = ObjectStorageProtocol()
    request = get(protocol)
    protocol.on_frame(answer(request, ResponseType.GET_OK, 3))
    payload = memoryview(b"abc")
    protocol.on_frame(payload)
    assert request.outcome() is payload


def test_empty_object_with_and_without_a_stray_frame():
    protocol = ObjectStorageProtocol(empty_payload=b"empty")
    one, two = get(protocol), get(protocol)
    assert protocol.on_frame(answer(one, ResponseType.GET_OK)) is one
    assert protocol.on_frame(b"") is None
    assert protocol.on_frame(answer(two, ResponseType.GET_OK)) is two
    assert one.outcome() == two.outcome() == b"empty"


def test_totals():
    protocol = ObjectStorageProtocol()
    request = protocol.get_info_total(0.0, TIMEOUT)
    protocol.on_frame(answer(request, ResponseType.INFO_GET_TOTAL_OK, 24))
    protocol.on_frame(struct.pack("<QQQ", 3, 2, 1))
    assert request.outcome() == (3, 2, 1)


def test_errors_of_the_server_are_exceptions():
    protocol = ObjectStorageProtocol()
    full = protocol.set_object(0.0, TIMEOUT, FIRST, b"x")
    late = get(protocol)
    protocol.on_frame(answer(full, ResponseType.STORAGE_FULL))
    protocol.on_frame(answer(late, ResponseType.TIMED_OUT))
    with pytest.raises(ObjectStorageFullError, match=f"memory_limit_bytes.* {FIRST.hex()} of 1 bytes"):
        full.outcome()
    with pytest.raises(ObjectStorageTimeoutError, match="did not exist within 10 s"):
        late.outcome()


@pytest.mark.parametrize(
    ("kind", "length"), [(ResponseType.SET_OK, 0), (ResponseType.STORAGE_FULL, 0), (99, 0), (65535, 0)]
)
def test_answer_that_does_not_fit_is_refused(kind, length):
    protocol = ObjectStorageProtocol()
    request = get(protocol)
    with pytest.raises(ObjectStorageException, match="malformed"):
        protocol.on_frame(answer(request, kind, length))
    assert protocol.fail_all("over") == [request]


def test_payload_of_another_size_is_refused():
    protocol = ObjectStorageProtocol()
    protocol.on_frame(answer(get(protocol), ResponseType.GET_OK, 3))
    with pytest.raises(ObjectStorageException, match="2 bytes instead of the announced 3"):
        protocol.on_frame(b"ab")


def test_silence_ends_requests_in_the_order_of_deadlines():
    protocol = ObjectStorageProtocol()
    late = protocol.delete_object(0.0, 20.0, FIRST)
    soon = protocol.delete_object(1.0, 5.0, FIRST)
    never = protocol.delete_object(1.0, math.inf, FIRST)
    assert protocol.next_deadline() == 6.0
    assert protocol.expire(5.9) == []
    assert protocol.expire(6.0) == [soon]
    assert protocol.expire(1000.0) == [late]
    assert protocol.next_deadline() is None and len(protocol) == 1 and not never.is_done
    with pytest.raises(ObjectStorageTimeoutError, match="no answer"):
        soon.outcome()


def test_get_leaves_the_server_time_to_say_why():
    protocol = ObjectStorageProtocol()
    request = get(protocol)
    assert protocol.expire(TIMEOUT) == []
    assert protocol.expire(TIMEOUT + GRACE_SECONDS) == [request]


def test_known_transfers_extend_deadlines():
    protocol = ObjectStorageProtocol()
    large = protocol.set_object(0.0, TIMEOUT, FIRST, memoryview(bytes(5 * SLOWEST_BYTES_PER_SECOND)))
    behind = protocol.delete_object(0.0, TIMEOUT, FIRST)
    assert protocol.expire(14.9) == []
    protocol.on_frame(answer(large, ResponseType.SET_OK))
    get(protocol, now=0.0)
    protocol.on_frame(answer(behind, ResponseType.DELETE_OK))
    waiting = get(protocol, now=0.0)
    protocol.on_frame(answer(waiting, ResponseType.GET_OK, 3 * SLOWEST_BYTES_PER_SECOND))
    assert protocol.expire(13.9) == []
    assert len(protocol.expire(14.0)) == 2


def test_moving_data_extends_deadlines():
    protocol = ObjectStorageProtocol()
    request = protocol.delete_object(0.0, TIMEOUT, FIRST)
    protocol.on_progress(8.0)
    assert protocol.expire(10.0) == []
    assert protocol.next_deadline() == 18.0
    assert protocol.expire(18.0) == [request]


def test_answer_to_a_request_given_up_is_dropped():
    protocol = ObjectStorageProtocol()
    request, other = get(protocol), get(protocol)
    protocol.abandon(request)
    assert protocol.on_frame(answer(request, ResponseType.GET_OK, 3)) is None
    assert protocol.on_frame(b"abc") is None
    assert protocol.on_frame(answer(other, ResponseType.GET_OK)) is other
    assert protocol.next_deadline() is None and not request.is_done


def test_end_of_the_connection_fails_everything():
    protocol = ObjectStorageProtocol()
    requests = [get(protocol), protocol.set_object(0.0, TIMEOUT, SECOND, b"x")]
    assert protocol.fail_all("connection lost") == requests
    for request in requests:
        with pytest.raises(ObjectStorageException, match="connection lost"):
            request.outcome()
    assert len(protocol) == 0 and protocol.next_deadline() is None


@pytest.mark.parametrize("identifier", [b"", bytes(31), bytes(33)])
def test_id_of_another_size_is_refused(identifier):
    protocol = ObjectStorageProtocol()
    with pytest.raises(ValueError, match="32 bytes"):
        get(protocol, identifier)
    assert len(protocol) == 0


def test_window_sends_in_batches():
    protocol = ObjectStorageProtocol()
    window = Window()
    requests = [get(protocol) for _ in range(BATCH_REQUESTS)]
    assert [window.add(request) for request in requests] == [False] * (BATCH_REQUESTS - 1) + [True]
    assert window.take_unsent() == requests
    assert window.take_unsent() == []
    assert window.add(protocol.set_object(0.0, TIMEOUT, FIRST, memoryview(bytes(BATCH_BYTES))))
    assert not Window().add(protocol.set_object(0.0, TIMEOUT, FIRST, memoryview(bytes(BATCH_BYTES - 1))))


def test_window_bounds_requests_and_bytes():
    protocol = ObjectStorageProtocol()
    window = Window()
    requests = [get(protocol) for _ in range(WINDOW_REQUESTS)]
    for request in requests:
        assert list(window.to_await()) == []
        window.add(request)
    assert list(window.to_await()) == [requests[0]]
    window = Window()
    large = [protocol.set_object(0.0, TIMEOUT, FIRST, memoryview(bytes(WINDOW_BYTES // 2))) for _ in range(3)]
    window.add(large[0])
    assert list(window.to_await()) == []
    window.add(large[1])
    assert list(window.to_await()) == [large[0]]
    window.add(large[2])
    assert list(window.to_await()) == [large[1]]
    assert window.rest() == large[2:] and window.all() == large


def test_identity_names_the_connector_and_is_unique():
    one, two = make_identity("Some"), make_identity("Some")
    assert one != two and one.startswith(b"Some|") and one.count(b"|") == 2
