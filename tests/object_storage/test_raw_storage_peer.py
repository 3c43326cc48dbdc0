"""The server as an existing peer of the protocol sees it, byte for byte."""

from __future__ import annotations

import struct

from raw_storage_peer import (
    ALL,
    DELETE_NOT_EXISTS,
    DELETE_OK,
    DUPLICATE,
    DUPLICATE_OK,
    GET,
    GET_OK,
    INFO,
    INFO_OK,
    SET,
    SET_OK,
    TIMED_OUT,
    RawStoragePeer,
    frame,
    header,
    id_message,
    object_id,
)

FIRST, SECOND, THIRD = object_id(1), object_id(2), object_id(3)


def test_server_sends_its_identity_first(server):
    with RawStoragePeer(server.port, greet=False) as peer:
        assert peer.read_frame() == b"ObjectStorageServer"


def test_data_may_follow_the_identity_at_once(server):
    with RawStoragePeer(server.port, greet=False) as peer:
        peer.socket.sendall(
            frame(b"me") + frame(header(SET, FIRST, 3)) + frame(b"abc") + frame(header(GET, FIRST, ALL))
        )
        assert peer.read_frame() == b"ObjectStorageServer"
        assert peer.answer().kind == SET_OK
        assert peer.answer().payload == b"abc"


def test_empty_identity_is_accepted(server):
    with RawStoragePeer(server.port, identity=b"") as peer:
        assert peer.info() == (0, 0, 0)


def test_every_byte_of_every_answer(server):
    example = bytes(range(32))
    number = 0x0102030405060708
    swapped = "0706050403020100 0f0e0d0c0b0a0908 1716151413121110 1f1e1d1c1b1a1918"

    def expected(kind: int, length: int) -> bytes:
        return bytes.fromhex(
            "5000000000000000 00000000 09000000 00000000 0300 0100"
            + struct.pack("<Q", length).hex()
            + "0807060504030201"
            + struct.pack("<H", kind).hex()
            + "000000000000 00000000 0400 0000"
            + swapped
        )

    with RawStoragePeer(server.port) as peer:
        conversation = [
            (frame(header(SET, example, 5, number)) + frame(b"bytes"), expected(SET_OK, 0)),
            (frame(header(GET, example, ALL, number)), expected(GET_OK, 5) + frame(b"bytes")),
            (frame(header(GET, example, 2, number)), expected(GET_OK, 2) + frame(b"by")),
            (frame(header(GET, example, 0, number)), expected(GET_OK, 0)),
            (frame(header(DUPLICATE, example, 48, number)) + frame(id_message(example)), expected(DUPLICATE_OK, 0)),
            (frame(header(INFO, example, 99, number)), expected(INFO_OK, 24) + frame(struct.pack("<QQQ", 1, 1, 5))),
            (frame(header(2, example, 0, number)), expected(DELETE_OK, 0)),
            (frame(header(2, example, 0, number)), expected(DELETE_NOT_EXISTS, 0)),
            (frame(header(GET, example, ALL, number, 1)), expected(TIMED_OUT, 0)),
            (frame(header(SET, example, 0, number)) + frame(b""), expected(SET_OK, 0)),
            (frame(header(GET, example, ALL, number)), expected(GET_OK, 0)),
        ]
        for request, answer in conversation:
            peer.socket.sendall(request)
            assert peer.read_exactly(len(answer)) == answer
        assert peer.is_silent()


def test_header_of_the_specification():
    assert header(3, bytes(range(32)), 0x1122334455667788, 0x0102030405060708) == bytes.fromhex(
        "00000000 09000000 00000000 0300 0100 8877665544332211 0807060504030201 0300 000000000000 00000000 0400 0000"
        "0706050403020100 0f0e0d0c0b0a0908 1716151413121110 1f1e1d1c1b1a1918"
    )


def test_another_valid_encoding_of_a_header_is_understood(server):
    """The object id lies before the data of the header here."""
    content = header(INFO, FIRST, 0, 7)
    other = (
        bytes.fromhex("00000000 09000000 10000000 0300 0100")
        + content[48:]
        + content[16:40]
        + bytes.fromhex("e0ffffff 0400 0000")
    )
    with RawStoragePeer(server.port) as peer:
        peer.send(other)
        answer = peer.answer()
        assert (answer.kind, answer.request_id, answer.object_id) == (INFO_OK, 7, FIRST)


def test_bytes_may_trickle_in(server):
    stream = frame(b"slow") + frame(header(SET, FIRST, 3)) + frame(b"abc") + frame(header(GET, FIRST, ALL))
    with RawStoragePeer(server.port, greet=False) as peer:
        for position in range(len(stream)):
            peer.socket.sendall(stream[position : position + 1])
        peer.read_frame()
        assert peer.answer().kind == SET_OK
        assert peer.answer().payload == b"abc"


def test_answers_overtake_a_get_that_waits(server):
    with RawStoragePeer(server.port) as peer:
        peer.get(FIRST, request_id=1)
        peer.set(SECOND, b"second", request_id=2)
        peer.set(FIRST, b"first", request_id=3)
        answers = [peer.answer() for _ in range(3)]
        assert [(answer.request_id, answer.kind) for answer in answers] == [(2, SET_OK), (1, GET_OK), (3, SET_OK)]


def test_set_releases_what_waits_through_a_duplicate(server):
    with RawStoragePeer(server.port) as one, RawStoragePeer(server.port) as two, RawStoragePeer(server.port) as three:
        one.get(SECOND)
        server.wait_for_gauge("waiting_requests", 1)
        three.duplicate(FIRST, SECOND)
        server.wait_for_gauge("waiting_requests", 2)
        two.set(FIRST, b"content")
        assert two.answer().kind == SET_OK
        assert three.answer().kind == DUPLICATE_OK
        assert one.answer().payload == b"content"
        assert server.gauges()["waiting_requests"] == 0


def test_waiting_get_of_a_client_that_left_leaves_no_trace(server):
    with RawStoragePeer(server.port) as setter, RawStoragePeer(server.port) as waiter:
        with RawStoragePeer(server.port) as leaver:
            leaver.get(FIRST)
            leaver.duplicate(FIRST, SECOND)
            waiter.get(FIRST)
            server.wait_for_gauge("waiting_requests", 3)
        server.wait_for_gauge("waiting_requests", 1)
        server.wait_for_gauge("connections", 2)
        setter.set(FIRST, b"content")
        assert setter.answer().kind == SET_OK
        assert waiter.answer().payload == b"content"
        assert setter.info() == (1, 1, 7)


def test_counts_follow_every_operation(server):
    with RawStoragePeer(server.port) as peer:
        assert peer.info() == (0, 0, 0)
        peer.set(FIRST, b"content")
        peer.answer()
        assert peer.info() == (1, 1, 7)
        peer.set(THIRD, b"content")
        peer.answer()
        assert peer.info() == (2, 1, 7)
        peer.duplicate(FIRST, SECOND)
        peer.answer()
        assert peer.info() == (3, 1, 7)
        for identifier, left in ((FIRST, (2, 1, 7)), (THIRD, (1, 1, 7)), (SECOND, (0, 0, 0))):
            peer.delete(identifier)
            assert peer.answer().kind == DELETE_OK
            assert peer.info() == left


def test_get_after_delete_waits_until_its_deadline(server):
    with RawStoragePeer(server.port) as peer:
        peer.set(FIRST, b"content")
        peer.delete(FIRST)
        peer.get(FIRST, request_id=5, timeout_ms=50)
        assert [peer.answer().kind for _ in range(3)] == [SET_OK, DELETE_OK, TIMED_OUT]
        assert server.gauges()["waiting_requests"] == 0


def test_sizes_around_the_steps_of_the_transport(server):
    sizes = [0, 1, 4095, 4096, 65535, 65536, 65537, 2**20 - 1, 2**20 + 1, 5_000_000]
    with RawStoragePeer(server.port) as peer:
        for number, size in enumerate(sizes):
            content = bytes([number + 1]) * size
            peer.set(object_id(number), content)
            assert peer.answer().kind == SET_OK
            peer.get(object_id(number))
            assert peer.answer().payload == content


def test_contents_of_one_hash_are_told_apart(server):
    """These have the same std::hash, with its fixed key; equal contents are found by a hash with a key of its own."""
    contents = (
        bytes.fromhex("f5b165224a58b791df6af1d8303e61cd"),
        bytes.fromhex("c4bb86c3d1c427101aea311ea5f1a162"),
    )
    with RawStoragePeer(server.port) as peer:
        for identifier, content in zip((FIRST, SECOND), contents, strict=True):
            peer.set(identifier, content)
            assert peer.answer().kind == SET_OK
        for identifier, content in zip((FIRST, SECOND), contents, strict=True):
            peer.get(identifier)
            assert peer.answer().payload == content
        assert peer.info() == (2, 2, 32)
