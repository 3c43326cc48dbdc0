"""A simulated cluster around the real scheduler core: virtual time, seeded latency, links that can be bad.

One thread, one heap of events, no clock. A seed replays a run exactly. After each batch the invariants are checked
(``invariants.py``). Links are in order and reliable within a session, as those of the product are.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Final, NoReturn

from host import Host
from invariants import Invariants

from scaler.io.ymq.ymq import PeerEvent, Role
from scaler.scheduler.core import CoreSettings, SchedulerCore

TICK_SECONDS: Final = 0.1
_COPY_RATE: Final = 0.3


class Violation(AssertionError):
    """An invariant does not hold; the text ends with the last things that happened."""


class Peer:
    """One end of a link to the scheduler. Subclasses react to frames."""

    role = Role.unknown

    def __init__(self, world: World, identity: bytes, host: Host | None = None) -> None:
        self.world = world
        self.identity = identity
        self.host = host or Host(world.after)
        self.session = 0
        self.connected = False

    def connect(self) -> None:
        """Begin a session."""
        self.session += 1
        self.connected = True
        self.world.connect(self)

    def send(self, frame: bytes) -> None:
        """Send a frame to the scheduler, if there is a session."""
        if self.connected:
            self.world.send_up(self, frame)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later, if the session is still the same."""
        session = self.session
        self.host.after(seconds, lambda: action() if self.connected and self.session == session else None)

    def on_frame(self, frame: bytes) -> None:
        """React to a frame of the scheduler."""
        raise AssertionError("every peer reacts to frames")

    def has_started(self, task_id: bytes) -> bool:
        """Return whether a worker has started, or does not hold, a task."""
        raise AssertionError("workers only are asked")


class World:
    """The heap of events, the links, and the scheduler's shell. ``clock_ahead_seconds`` is that of the scheduler."""

    def __init__(self, seed: int, settings: CoreSettings) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.now = 0.0
        self.clock_ahead_seconds = 0.0
        self.core = SchedulerCore(settings)
        self.peers: dict[bytes, Peer] = {}
        self.story: list[str] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._arrivals: dict[tuple[bytes, str], float] = {}
        self._invariants = Invariants(self)
        self.after(TICK_SECONDS, self._tick)

    # -- time

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something at a later time."""
        self._at(self.now + seconds, action)

    def run(self, until_seconds: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= until_seconds:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self.now = until_seconds

    def _at(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (seconds, next(self._numbers), action))

    def tell(self, text: str) -> None:
        """Add a line to the story that is printed when an invariant breaks."""
        self.story.append(f"{self.now:9.4f} {text}")
        del self.story[:-200]

    def fail(self, text: str) -> NoReturn:
        """Stop the run, with its story."""
        raise Violation(f"seed {self.seed}: {text}\n" + "\n".join(self.story[-60:]))

    # -- links

    def connect(self, peer: Peer) -> None:
        """Begin a session of a peer."""
        self.peers[peer.identity] = peer
        self._arrive(peer, "up", lambda: self._to_core(lambda: self._peer_event(peer, PeerEvent.connected)))

    def lose(self, peer: Peer, noticed_after_seconds: float) -> None:
        """End a session: what is in flight is lost, and the scheduler notices after a while."""
        session = peer.session
        peer.connected = False

        def noticed() -> None:
            if peer.session == session:
                self._to_core(lambda: self._peer_event(peer, PeerEvent.lost))

        self.after(noticed_after_seconds, noticed)

    def drain(self, worker_id: bytes) -> None:
        """Let the scheduler drain a worker."""
        self._to_core(lambda: self._drain(worker_id))

    def _drain(self, worker_id: bytes) -> None:
        self.core.drain_worker(worker_id, "in a simulation")

    def send_up(self, peer: Peer, frame: bytes) -> None:
        """Carry a frame to the scheduler."""
        self._arrive(peer, "up", lambda: self._to_core(lambda: self.core.on_message(peer.identity, frame)))

    def _send_down(self, peer: Peer, frame: bytes) -> None:
        self._arrive(peer, "down", lambda: peer.on_frame(frame))

    def _arrive(self, peer: Peer, direction: str, action: Callable[[], None]) -> None:
        session, network = peer.session, peer.host.network
        key = (peer.identity, direction)
        latency = self.random.choice((0.0001, 0.0005, 0.002, 0.02)) + network.delay_seconds
        arrival = max(
            self._arrivals.get(key, 0.0) + network.spacing_seconds, self.now + latency, network.stalled_until_seconds
        )
        self._arrivals[key] = arrival

        def here() -> None:
            if peer.connected and peer.session == session:
                action()

        there = here if direction == "up" else lambda: peer.host.do(here)
        self._at(arrival, there)
        if network.makes_copies and peer.role is Role.worker and self.random.random() < _COPY_RATE:
            network.has_made_copies = True
            self._at(arrival, there)

    # -- the scheduler's shell

    def _peer_event(self, peer: Peer, event: PeerEvent) -> None:
        self.tell(f"{event.name} {name_of(peer)}")
        self.core.on_peer_event(peer.identity, event, peer.role)

    def _to_core(self, event: Callable[[], None]) -> None:
        self.core.now_seconds = self.now + self.clock_ahead_seconds
        event()
        self.core.on_batch_end()
        outbox = self.core.outbox
        for identity, frame in outbox.take_messages():
            peer = self.peers.get(bytes(identity))
            if peer is not None and peer.connected:
                self._send_down(peer, bytes(frame))
        outbox.take_storage_deletes()
        outbox.take_owner_deletes()
        self._invariants.check_safety()

    def _tick(self) -> None:
        self._to_core(self.core.on_tick)
        self._invariants.check_work_conservation()
        self.after(TICK_SECONDS, self._tick)

    # -- the end

    @property
    def is_idle(self) -> bool:
        """Return whether the scheduler holds no task and no graph."""
        gauges = self.core.gauges()
        return gauges["tasks"] == 0 and gauges["graphs"] == 0

    def check_at_rest(self) -> None:
        """Check that nothing is left, once nothing goes on."""
        self._invariants.check_at_rest()


def name_of(peer: Peer) -> str:
    """Return what a story calls a peer: its role and short name."""
    return "|".join(peer.identity.decode().split("|")[:2])
