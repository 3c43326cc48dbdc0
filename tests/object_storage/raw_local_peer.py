"""A client that speaks the local channel by hand: packets, and descriptors of memory files."""

from __future__ import annotations

import array
import fcntl
import os
import socket
from typing import NamedTuple

from raw_storage_peer import ALL, GET, SET, RawStoragePeer, header

ALL_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def memory_file(content: bytes, seals: int = ALL_SEALS) -> int:
    """Return the descriptor of a memory file."""
    descriptor = os.memfd_create("test", os.MFD_ALLOW_SEALING)
    os.write(descriptor, content)
    if seals:
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    return descriptor


def channel_name(port: int) -> bytes:
    """Return what the server's identity tells of its local channel; empty for nothing."""
    with RawStoragePeer(port) as peer:
        return peer.server_identity.partition(b"|local=")[2]


class LocalAnswer(NamedTuple):
    """One answer: its type, its request, the length it announces, what is inside, and the file that came with it."""

    kind: int
    request_id: int
    length: int
    content: bytes
    descriptor: int | None


class RawLocalPeer:
    """One connection of the local channel."""

    def __init__(self, name: bytes) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.socket.connect(b"\0scaler-object-storage-" + name)

    def __enter__(self) -> RawLocalPeer:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, packet: bytes, *descriptors: int) -> None:
        """Send a packet with descriptors, and close these."""
        rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
        self.socket.sendmsg([packet], [rights] if descriptors else [])
        for descriptor in descriptors:
            os.close(descriptor)

    def set_file(self, object_id: bytes, content: bytes, request_id: int = 0) -> None:
        """Store an object as a file."""
        self.send(header(SET, object_id, len(content), request_id), memory_file(content))

    def get(self, object_id: bytes, request_id: int = 0, timeout_ms: int = 0) -> None:
        """Ask for an object."""
        self.send(header(GET, object_id, ALL, request_id, timeout_ms))

    def answer(self) -> LocalAnswer:
        """Receive one answer; the file is the caller's to close."""
        packet, descriptors, _, _ = socket.recv_fds(self.socket, 1 << 18, 4)
        assert len(packet) >= 80 and len(descriptors) <= 1
        length = int.from_bytes(packet[16:24], "little")
        request_id = int.from_bytes(packet[24:32], "little")
        kind = int.from_bytes(packet[32:34], "little")
        return LocalAnswer(kind, request_id, length, packet[80:], descriptors[0] if descriptors else None)

    def is_closed_by_server(self) -> bool:
        """Return whether the server closes the connection without another answer."""
        try:
            return self.socket.recv(1) == b""
        except (ConnectionResetError, BrokenPipeError):
            return True
