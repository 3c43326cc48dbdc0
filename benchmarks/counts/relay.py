"""A scheduler to its clients and workers, and they to the scheduler: passes every message on, and counts it.

It runs in a thread. What it counts are messages as Scaler sends them, so neither how they are batched nor what a
connection adds changes the figures.
"""

from __future__ import annotations

import select
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType

from scaler.io.ymq.ymq import Bytes, Context, IOSocketType, PeerEvent, Role, Socket
from scaler.protocol import codec

_ALIVE_KINDS = frozenset(kind for kind in codec.MessageKind if "Heartbeat" in kind.name)
_WAIT_MILLISECONDS = 20


class Relay:
    """Counts messages and bytes by link and direction, heartbeats left out; a context manager."""

    def __init__(self, scheduler_address: str) -> None:
        self._scheduler_address = scheduler_address
        self._context = Context(1)
        self._binder = Socket(self._context, b"relay", IOSocketType.Binder, role=Role.scheduler)
        self.address = self._binder.bind("tcp://127.0.0.1:0")
        self._connectors: dict[bytes, Socket] = {}
        self._poller = select.poll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._watch(self._binder, self._from_peers)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay")

    def take_counts(self) -> dict[str, int]:
        """Return what was counted since the last call."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        return dict(counts)

    def wait_for(self, direction: str, messages: int, timeout_seconds: float) -> None:
        """Wait until so many messages have gone a way since the last ``take_counts``. Raise TimeoutError."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            with self._lock:
                passed = self._counts[f"messages.{direction}"]
            if passed >= messages:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{passed} of {messages} messages have gone from {direction}")
            time.sleep(0.01)

    def _run(self) -> None:
        while not self._stopped.is_set():
            for descriptor, _ in self._poller.poll(_WAIT_MILLISECONDS):
                self._readers[descriptor]()

    def _watch(self, socket: Socket, read: Callable[[], None]) -> None:
        self._readers[socket.fileno()] = read
        self._poller.register(socket.fileno(), select.POLLIN)

    def _from_peers(self) -> None:
        for peer, received in self._binder.drain():
            assert isinstance(peer, bytes)
            if isinstance(received, Bytes):
                self._count(f"{self._role(peer)}_to_scheduler", received)
                self._connectors[peer].send(None, received)
            elif received is PeerEvent.connected:
                self._connect(peer)

    def _connect(self, peer: bytes) -> None:
        connector = Socket(self._context, peer, IOSocketType.Connector, role=self._binder.peer_role(peer))
        connector.connect(self._scheduler_address)
        self._connectors[peer] = connector
        self._watch(connector, lambda: self._from_scheduler(peer, connector))

    def _from_scheduler(self, peer: bytes, connector: Socket) -> None:
        for _, received in connector.drain():
            if isinstance(received, Bytes):
                self._count(f"scheduler_to_{self._role(peer)}", received)
                self._binder.send(peer, received)

    def _role(self, peer: bytes) -> str:
        return self._binder.peer_role(peer).name

    def _count(self, direction: str, frame: Bytes) -> None:
        if codec.which(frame) in _ALIVE_KINDS:
            return
        with self._lock:
            self._counts[f"messages.{direction}"] += 1
            self._counts[f"bytes.{direction}"] += memoryview(frame).nbytes

    def __enter__(self) -> Relay:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        for socket in (self._binder, *self._connectors.values()):
            socket.close(0.0)
