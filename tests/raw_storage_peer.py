"""A client that speaks the plain framing of the object storage by hand: nothing but sockets and struct."""

from __future__ import annotations

import socket
import struct
import uuid
from typing import NamedTuple

SET, GET, DELETE, DUPLICATE, INFO = range(5)
SET_OK, GET_OK, DELETE_OK, DELETE_NOT_EXISTS, DUPLICATE_OK, INFO_OK, STORAGE_FULL, TIMED_OUT = range(8)
ALL = 2**64 - 1


class Answer(NamedTuple):
    """One answer, taken apart; ``raw`` is its header as it came."""

    kind: int
    object_id: bytes
    request_id: int
    payload: bytes
    raw: bytes


def frame(content: bytes) -> bytes:
    """Return the content behind its length."""
    return struct.pack("<Q", len(content)) + content


def id_words(object_id: bytes) -> bytes:
    """Return an id as it travels: each group of eight bytes reversed."""
    assert len(object_id) == 32
    return b"".join(object_id[start : start + 8][::-1] for start in range(0, 32, 8))


def header(kind: int, object_id: bytes, length: int = 0, request_id: int = 0, timeout_ms: int = 0) -> bytes:
    """Return the 80 bytes that open a request, or an answer."""
    return (
        bytes.fromhex("00000000 09000000 00000000 0300 0100")
        + struct.pack("<QQHHI", length, request_id, kind, 0, timeout_ms)
        + bytes.fromhex("00000000 0400 0000")
        + id_words(object_id)
    )


def id_message(object_id: bytes) -> bytes:
    """Return the 48 bytes that name the original of a duplicate."""
    return bytes.fromhex("00000000 05000000 00000000 0400 0000") + id_words(object_id)


def object_id(number: int) -> bytes:
    """Return an id in which every byte differs from its neighbours."""
    return bytes((number * 7 + index) % 256 for index in range(32))


class RawStoragePeer:
    """One connection. Methods named as requests send them; answers are read with ``answer``."""

    def __init__(self, port: int, identity: bytes | None = None, *, greet: bool = True, timeout: float = 10) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server_identity = b""
        if greet:
            self.server_identity = self.read_frame()
            name = f"RawStoragePeer|host|{uuid.uuid4()}".encode() if identity is None else identity
            self.socket.sendall(frame(name))

    def __enter__(self) -> RawStoragePeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *frames: bytes) -> None:
        """Send frames in one write."""
        self.socket.sendall(b"".join(frame(each) for each in frames))

    def set(self, object_id: bytes, content: bytes, request_id: int = 0) -> None:
        self.send(header(SET, object_id, len(content), request_id), content)

    def get(self, object_id: bytes, maximum: int = ALL, request_id: int = 0, timeout_ms: int = 0) -> None:
        self.send(header(GET, object_id, maximum, request_id, timeout_ms))

    def delete(self, object_id: bytes, request_id: int = 0) -> None:
        self.send(header(DELETE, object_id, 0, request_id))

    def duplicate(self, original: bytes, copy: bytes, request_id: int = 0, timeout_ms: int = 0) -> None:
        self.send(header(DUPLICATE, copy, 48, request_id, timeout_ms), id_message(original))

    def info(self) -> tuple[int, int, int]:
        """Ask for the counts and return them."""
        self.send(header(INFO, bytes(32)))
        return struct.unpack("<QQQ", self.answer().payload)

    def answer(self) -> Answer:
        """Read one answer."""
        raw = self.read_frame()
        assert len(raw) == 80
        length, request_id, kind = struct.unpack_from("<QQH", raw, 16)
        identifier = b"".join(raw[start : start + 8][::-1] for start in range(48, 80, 8))
        return Answer(kind, identifier, request_id, self.read_frame(length) if length else b"", raw)

    def read_frame(self, expected: int | None = None) -> bytes:
        """Read one frame."""
        (length,) = struct.unpack("<Q", self.read_exactly(8))
        assert expected in (None, length)
        return self.read_exactly(length)

    def read_exactly(self, size: int) -> bytes:
        """Read that many bytes, or raise EOFError."""
        content = bytearray(size)
        view = memoryview(content)
        filled = 0
        while filled < size:
            received = self.socket.recv_into(view[filled:])
            if received == 0:
                raise EOFError
            filled += received
        return bytes(content)

    def is_closed_by_server(self) -> bool:
        """Return whether the server closes the connection without another byte; wait for it at most the time-out."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def is_silent(self, seconds: float = 0.2) -> bool:
        """Return whether nothing comes within this time."""
        previous = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(previous)
        return False

    def reset(self) -> None:
        """Close with a reset instead of an orderly end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
