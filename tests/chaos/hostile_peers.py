"""Peers that mean harm or know no better: each attack is one connection, or a few, to one port.

Nothing of the product is used here but the layout of what travels (docs/protocol.md, section 2).
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator

from raw_storage_peer import DUPLICATE, GET, SET, frame, header, id_message

MAGIC = b"YMQ\x10"
_DATA, _HELLO, _ACCEPT, _REFUSE, _ACK, _PING, _PONG, _GOODBYE = range(8)
_HUGE = 2**62
_NOBODY = b"hostile"

Attack = Callable[["Target", random.Random], None]


class Target:
    """A port, and the identities of peers that are connected to it."""

    def __init__(self, port: int, identities: tuple[bytes, ...] = ()) -> None:
        self.port = port
        self.identities = identities

    @contextlib.contextmanager
    def connect(self) -> Iterator[socket.socket]:
        """Connect; that the other side closes at any time is what a hostile peer must expect."""
        with (
            contextlib.suppress(ConnectionError, TimeoutError),
            socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection,
        ):
            yield connection


def typed(kind: int, payload: bytes, length: int | None = None) -> bytes:
    """Return a frame as it follows the greeting, with a length that may be a lie."""
    return struct.pack("<Q", kind << 56 | (len(payload) if length is None else length)) + payload


def hello(identity: bytes, plan: random.Random, role: int = 1, flags: int = 1, received: int = 0) -> bytes:
    """Return a well-formed greeting with a session key of its own."""
    return MAGIC + typed(
        _HELLO,
        struct.pack("<BBHI", 1, role, flags, 0)
        + plan.randbytes(16)
        + struct.pack("<Q", received)
        + plan.randbytes(16)
        + struct.pack("<IQ", os.getpid(), 1)
        + struct.pack("<H", 0)
        + struct.pack("<H", len(identity))
        + identity
        + struct.pack("<H", 0),
    )


def send_random_bytes(target: Target, plan: random.Random) -> None:
    with target.connect() as connection:
        connection.sendall(plan.randbytes(plan.randrange(1, 65536)))
        _listen(connection)


def send_half_frames(target: Target, plan: random.Random) -> None:
    whole = frame(_NOBODY) + frame(plan.randbytes(1000))
    greeted = hello(_NOBODY, plan, role=plan.randrange(8)) + typed(_DATA, plan.randbytes(1000))
    for content in (whole, greeted):
        with target.connect() as connection:
            connection.sendall(content[: plan.randrange(1, len(content))])
            _listen(connection)


def announce_huge_frames(target: Target, plan: random.Random) -> None:
    beginnings = (
        b"",
        frame(_NOBODY),
        frame(_NOBODY) + frame(header(SET, bytes(32), _HUGE)),
        MAGIC,
        hello(_NOBODY, plan),
    )
    for beginning in beginnings:
        for length in (_HUGE, 2**64 - 1, 2**56 - 1, 2**42):
            with target.connect() as connection:
                connection.sendall(beginning + struct.pack("<Q", length) + plan.randbytes(4096))
                _listen(connection)


def drip(target: Target, plan: random.Random) -> None:
    content = hello(_NOBODY + plan.randbytes(4).hex().encode(), plan) if plan.random() < 0.5 else frame(_NOBODY)
    with target.connect() as connection:
        for byte in content[:80]:
            connection.send(bytes([byte]))
            time.sleep(0.02)


def speak_http(target: Target, plan: random.Random) -> None:
    with target.connect() as connection:
        connection.sendall(b"GET /status HTTP/1.1\r\nHost: evil.example\r\nAccept: */*\r\n\r\n")
        _listen(connection)


def speak_tls(target: Target, plan: random.Random) -> None:
    greeting = b"\x01\x00\x01\xfc\x03\x03" + plan.randbytes(32) + b"\x20" + plan.randbytes(32) + plan.randbytes(438)
    with target.connect() as connection:
        connection.sendall(b"\x16\x03\x01" + struct.pack(">H", len(greeting)) + greeting)
        _listen(connection)


def take_an_identity(target: Target, plan: random.Random) -> None:
    """Greet under the identities of others, and talk as they would."""
    for identity in target.identities:
        for role in (1, 2, 4):
            with target.connect() as connection:
                connection.sendall(hello(identity, plan, role=role) + typed(_DATA, plan.randbytes(64)))
                connection.sendall(typed(_GOODBYE, b""))
                _listen(connection)
            with target.connect() as connection:  # a session that this peer cannot know: "resume"
                connection.sendall(hello(identity, plan, role=role, flags=3, received=7) + typed(_GOODBYE, b""))
                _listen(connection)


def take_an_identity_plainly(target: Target, plan: random.Random) -> None:
    """Do so without a session, which an object storage allows: its peers are not told apart by their names."""
    for identity in target.identities:
        with target.connect() as connection:
            connection.sendall(frame(identity) + frame(plan.randbytes(64)))
            _listen(connection)


def break_a_session(target: Target, plan: random.Random) -> None:
    """Greet as one should, then say what makes no sense."""
    nonsense = (
        typed(_DATA, plan.randbytes(plan.randrange(500))),
        typed(_DATA, b""),
        typed(_ACK, struct.pack("<Q", _HUGE)),
        typed(_ACK, b"short"),
        typed(_PONG, struct.pack("<Q", 2**64 - 1)),
        typed(_ACCEPT, bytes(16)),
        typed(_REFUSE, b"\x01\x00" + b"\xff" * 100),
        typed(_HELLO, plan.randbytes(100)),
        typed(plan.randrange(8, 256), plan.randbytes(10)),
        typed(_PING, bytes(8)) * 1000,
    )
    for content in nonsense:
        with target.connect() as connection:
            identity = _NOBODY + plan.randbytes(8).hex().encode()
            connection.sendall(hello(identity, plan, role=plan.randrange(8)) + content)
            _listen(connection)


def send_bad_requests(target: Target, plan: random.Random) -> None:
    """Speak to an object storage of objects that do not exist, with lengths that do not fit, and leave at once."""
    missing = plan.randbytes(32)
    requests = (
        frame(header(GET, missing, 2**64 - 1, timeout_ms=50)),
        frame(header(GET, missing, 0)) * 100,
        frame(header(SET, missing, 100)) + frame(bytes(99)),
        frame(header(DUPLICATE, missing, 48, timeout_ms=50)) + frame(id_message(plan.randbytes(32))),
        frame(header(DUPLICATE, missing, 5)) + frame(bytes(5)),
        frame(header(plan.randrange(5, 65536), missing)),
        frame(plan.randbytes(80)),
        frame(b""),
        frame(header(SET, missing, 2**40)) + struct.pack("<Q", 2**40) + bytes(1000),
    )
    for request in requests:
        with target.connect() as connection:
            connection.sendall(frame(_NOBODY) + request)
            _listen(connection)


def reset(target: Target, plan: random.Random) -> None:
    with target.connect() as connection:
        connection.sendall(hello(_NOBODY, plan)[: plan.randrange(1, 60)])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


ATTACKS: tuple[Attack, ...] = (
    send_random_bytes,
    send_half_frames,
    announce_huge_frames,
    drip,
    speak_http,
    speak_tls,
    take_an_identity,
    take_an_identity_plainly,
    break_a_session,
    send_bad_requests,
    reset,
)


class Siege:
    """Attacks a port in a thread of its own, in rounds of all attacks in a planned order; a context manager."""

    def __init__(self, target: Target, seed: int, attacks: Collection[Attack] = ATTACKS) -> None:
        self._target = target
        self._attacks = list(attacks)
        self._plan = random.Random(seed)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"siege of {target.port}", daemon=True)
        self._error: BaseException | None = None
        self.rounds = 0
        self.last = ""

    def __enter__(self) -> Siege:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(30)
        assert not self._thread.is_alive(), f"{self.last} of port {self._target.port} does not end"
        assert self._error is None, f"{self.last} of port {self._target.port}: {self._error!r}"

    def _run(self) -> None:
        try:
            while not self._is_over.is_set():
                for attack in self._plan.sample(self._attacks, len(self._attacks)):
                    self.last = attack.__name__
                    attack(self._target, self._plan)
                self.rounds += 1
        except BaseException as error:  # the outermost function of the thread: raised by whoever waits for it
            self._error = error


def _listen(connection: socket.socket, seconds: float = 0.02) -> None:
    """Take what comes for a moment."""
    connection.settimeout(seconds)
    with contextlib.suppress(TimeoutError):
        while connection.recv(65536):
            pass
