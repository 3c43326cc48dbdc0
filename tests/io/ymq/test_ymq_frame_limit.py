"""How long a message may be that somebody announces."""

import contextlib
import socket
import struct
from collections.abc import Iterator

import pytest

from scaler.io.ymq.ymq import Context, IOContext, IOSocketType, PeerEvent, Socket

_LONGER_THAN_ANY = 1 << 40


@contextlib.contextmanager
def announcing(address: str, length: int) -> Iterator[socket.socket]:
    """Connect as a plain peer, and announce a message of this length."""
    host, port = address.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as peer:
        peer.sendall(struct.pack("<Q", 4) + b"peer" + struct.pack("<Q", length) + b"begin")
        yield peer


def is_closed(peer: socket.socket, timeout: float) -> bool:
    """Return whether the other side closes the connection in time; what it says first is taken."""
    peer.settimeout(timeout)
    try:
        while peer.recv(4096):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def test_the_sockets_of_our_own_processes_refuse_what_none_of_them_sends(capfd: pytest.CaptureFixture[str]) -> None:
    """Otherwise a single peer could let the scheduler grow until it is killed."""
    binder = Socket(Context(), b"binder", IOSocketType.Binder)
    with announcing(binder.bind("tcp://127.0.0.1:0"), _LONGER_THAN_ANY) as peer:
        assert is_closed(peer, 10)
    events: list[object] = []
    while len(events) < 2:
        events += [event for _, event in binder.recv_batch(10)]
    assert events == [PeerEvent.connected, PeerEvent.lost]
    binder.close(0)
    assert "a frame of more bytes than allowed" in capfd.readouterr().err


def test_the_sockets_of_applications_take_messages_of_any_length() -> None:
    binder = IOContext().createIOSocket_sync("binder", IOSocketType.Binder)
    address = binder.bind_sync("tcp://127.0.0.1:0")
    with announcing(str(address), _LONGER_THAN_ANY) as peer:
        assert not is_closed(peer, 0.3)
