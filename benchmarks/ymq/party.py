"""One side of a conversation over a message library; two of these, in two processes, are measured together.

    python party.py batch|sync|pyzmq receive|echo SIZE COUNT            binds, prints its address, then its figures
    python party.py batch|sync|pyzmq send|ask SIZE COUNT ADDRESS        connects

``receive`` times COUNT messages from the first to the last; ``ask`` times COUNT round trips to an ``echo``.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

_BATCH = 256
_BATCH_BYTES = 4 << 20
_ANY_PORT = "tcp://127.0.0.1:0"


class Party(Protocol):
    """A socket of one library, bound or connected."""

    address: str

    def send(self, payload: bytes, count: int) -> None:
        """Send a message so many times."""

    def receive(self, count: int, on_first: Callable[[], None]) -> None:
        """Return when so many messages were received."""

    def echo(self, count: int) -> None:
        """Answer so many messages with themselves."""

    def ask(self, payload: bytes) -> None:
        """Send a message and wait for one."""

    def close(self) -> None:
        """Close, when everything was sent."""


class BatchParty:
    """Our batch calls."""

    def __init__(self, address: str | None) -> None:
        from scaler.io.ymq import ymq

        self._ymq = ymq
        kind = ymq.IOSocketType.Binder if address is None else ymq.IOSocketType.Connector
        self._socket = ymq.Socket(
            ymq.Context(), b"binder" if address is None else b"connector", kind, local_channel=False
        )
        self.address = ""
        if address is None:
            self.address = self._socket.bind(_ANY_PORT)
        else:
            self._socket.connect(address)
            self._wait_for_event()

    def _wait_for_event(self) -> None:
        while True:
            for _, item in self._socket.recv_batch(10.0, 1):
                if isinstance(item, self._ymq.PeerEvent):
                    return

    def _messages(self, maximum: int = 1024) -> list[tuple[Any, Any]]:
        return [(peer, item) for peer, item in self._socket.recv_batch(10.0, maximum) if type(item) is self._ymq.Bytes]

    def send(self, payload: bytes, count: int) -> None:
        batch = [(None, payload)] * max(1, min(_BATCH, _BATCH_BYTES // len(payload)))
        while count > 0:
            part = batch[:count]
            refused = len(self._socket.send_many(part))
            count -= len(part) - refused
            if refused:
                time.sleep(0.001)

    def receive(self, count: int, on_first: Callable[[], None]) -> None:
        received = len(self._messages(2))
        on_first()
        kind = self._ymq.Bytes
        while received < count:
            for _, item in self._socket.recv_batch(10.0):
                if type(item) is kind:
                    received += 1

    def echo(self, count: int) -> None:
        while count > 0:
            for peer, item in self._messages():
                self._socket.send(peer, item)
                count -= 1

    def ask(self, payload: bytes) -> None:
        self._socket.send(None, payload)
        while not self._messages():
            pass

    def close(self) -> None:
        self._socket.close(10.0)


class SyncParty:
    """Our calls for one message at a time."""

    def __init__(self, address: str | None) -> None:
        from scaler.io.ymq import ymq

        self._ymq = ymq
        kind = ymq.IOSocketType.Binder if address is None else ymq.IOSocketType.Connector
        self._context = ymq.IOContext()
        self._socket = self._context.createIOSocket_sync("binder" if address is None else "connector", kind)
        self.address = ""
        if address is None:
            self.address = str(self._socket.bind_sync(_ANY_PORT))
        else:
            self._socket.connect_sync(address)

    def send(self, payload: bytes, count: int) -> None:
        message = self._ymq.Message(None, payload)
        for _ in range(count):
            self._socket.send_sync(message)

    def receive(self, count: int, on_first: Callable[[], None]) -> None:
        self._socket.recv_sync()
        on_first()
        for _ in range(count - 1):
            self._socket.recv_sync()

    def echo(self, count: int) -> None:
        for _ in range(count):
            self._socket.send_sync(self._socket.recv_sync())

    def ask(self, payload: bytes) -> None:
        self._socket.send_sync(self._ymq.Message(None, payload))
        self._socket.recv_sync()

    def close(self) -> None:
        self._socket.close()


class PyzmqParty:
    """A pair of pyzmq sockets, in a plain loop of send and recv."""

    def __init__(self, address: str | None) -> None:
        import zmq

        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PAIR)
        self.address = ""
        if address is None:
            self._socket.bind("tcp://127.0.0.1:*")
            self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        else:
            self._socket.connect(address)

    def send(self, payload: bytes, count: int) -> None:
        send = self._socket.send
        for _ in range(count):
            send(payload)

    def receive(self, count: int, on_first: Callable[[], None]) -> None:
        receive = self._socket.recv
        receive()
        on_first()
        for _ in range(count - 1):
            receive()

    def echo(self, count: int) -> None:
        for _ in range(count):
            self._socket.send(self._socket.recv())

    def ask(self, payload: bytes) -> None:
        self._socket.send(payload)
        self._socket.recv()

    def close(self) -> None:
        self._socket.close(linger=10_000)
        self._context.term()


PARTIES: dict[str, Callable[[str | None], Party]] = {"batch": BatchParty, "sync": SyncParty, "pyzmq": PyzmqParty}


def receive(party: Party, size: int, count: int) -> dict[str, float]:
    """Receive messages and return the rates."""
    begin: list[float] = []
    party.receive(count, lambda: begin.append(time.perf_counter()))
    seconds = time.perf_counter() - begin[0]
    return {"messages_per_second": count / seconds, "megabytes_per_second": count * size / seconds / 1e6}


def ask(party: Party, size: int, count: int) -> dict[str, float]:
    """Make round trips and return the percentiles."""
    payload, times = bytes(size), []
    for _ in range(count):
        start = time.perf_counter()
        party.ask(payload)
        times.append((time.perf_counter() - start) * 1e6)
    percentiles = statistics.quantiles(times, n=100, method="inclusive")
    return {"p50_us": percentiles[49], "p99_us": percentiles[98]}


def main() -> None:
    """Play one role."""
    library, role, size, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    party = PARTIES[library](sys.argv[5] if len(sys.argv) > 5 else None)
    if party.address:
        print(party.address, flush=True)
    figures: dict[str, float] = {}
    cpu_seconds = time.process_time()
    if role == "receive":
        figures = receive(party, size, count)
    elif role == "ask":
        figures = ask(party, size, count)
    elif role == "echo":
        party.echo(count)
    else:
        party.send(bytes(size), count)
    figures["cpu_us"] = (time.process_time() - cpu_seconds) / count * 1e6
    print(json.dumps(figures), flush=True)
    sys.stdin.readline()  # both sides have their figures: what closing does is not measured
    party.close()


if __name__ == "__main__":
    main()
