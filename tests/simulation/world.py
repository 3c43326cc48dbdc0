"""A simulated cluster around the real scheduler core: virtual time, seeded latency, seeded faults.

One thread, one heap of events, no clock. A seed replays a run exactly. After each batch the safety invariants are
checked (docs/protocol.md names who may say what; the ids I1, I3, I5, I6, I12 are those of the README of this folder).
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Final

from scaler.io.ymq.ymq import PeerEvent, Role
from scaler.scheduler.core import CoreSettings, SchedulerCore
from scaler.scheduler.task.task_state_machine import TaskState

TICK_SECONDS: Final = 0.1
IDLE_TOLERANCE_SECONDS: Final = 3.0


class Violation(AssertionError):
    """An invariant does not hold; the text ends with the last things that happened."""


class Peer:
    """One end of a link to the scheduler. Subclasses react to frames."""

    role = Role.unknown
    responsive = True

    def __init__(self, world: World, identity: bytes) -> None:
        self.world = world
        self.identity = identity
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
        self.world.after(seconds, lambda: action() if self.connected and self.session == session else None)

    def on_frame(self, frame: bytes) -> None:
        """React to a frame of the scheduler."""
        raise AssertionError("every peer reacts to frames")


class World:
    """The heap of events, the links, and the checks."""

    def __init__(self, seed: int, settings: CoreSettings) -> None:
        self.random = random.Random(seed)
        self.seed = seed
        self.now = 0.0
        self.core = SchedulerCore(settings)
        self.peers: dict[bytes, Peer] = {}
        self.story: list[str] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._arrivals: dict[tuple[bytes, str], float] = {}
        self._idle_since: float | None = None
        self.after(TICK_SECONDS, self._tick)

    # -- time

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something at a later time."""
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), action))

    def run(self, until_seconds: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= until_seconds:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self.now = until_seconds

    def tell(self, text: str) -> None:
        """Add a line to the story that is printed when an invariant breaks."""
        self.story.append(f"{self.now:9.4f} {text}")
        del self.story[:-200]

    def fail(self, text: str) -> None:
        """Stop the run, with its story."""
        raise Violation(f"seed {self.seed}: {text}\n" + "\n".join(self.story[-60:]))

    # -- links: in order and reliable within a session

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

    def send_up(self, peer: Peer, frame: bytes) -> None:
        """Carry a frame to the scheduler."""
        self._arrive(peer, "up", lambda: self._to_core(lambda: self.core.on_message(peer.identity, frame)))

    def _send_down(self, peer: Peer, frame: bytes) -> None:
        self._arrive(peer, "down", lambda: peer.on_frame(frame))

    def _arrive(self, peer: Peer, direction: str, action: Callable[[], None]) -> None:
        session = peer.session
        key = (peer.identity, direction)
        latency = self.random.choice((0.0001, 0.0005, 0.002, 0.02))
        arrival = max(self._arrivals.get(key, 0.0), self.now + latency)
        self._arrivals[key] = arrival
        self.after(arrival - self.now, lambda: action() if peer.connected and peer.session == session else None)

    # -- the scheduler's shell

    def _peer_event(self, peer: Peer, event: PeerEvent) -> None:
        self.tell(f"{event.name} {peer.identity.decode()[:20]}")
        self.core.on_peer_event(peer.identity, event, peer.role)

    def _to_core(self, event: Callable[[], None]) -> None:
        self.core.now_seconds = self.now
        event()
        self.core.on_batch_end()
        outbox = self.core.outbox
        for identity, frame in outbox.take_messages():
            peer = self.peers.get(bytes(identity))
            if peer is not None and peer.connected:
                self._send_down(peer, bytes(frame))
        outbox.take_storage_deletes()
        outbox.take_owner_deletes()
        self._check_safety()

    def _tick(self) -> None:
        self._to_core(self.core.on_tick)
        self._check_work_conservation()
        self.after(TICK_SECONDS, self._tick)

    # -- invariants

    def _check_safety(self) -> None:
        """I3: each live task waits, or is held by exactly one connected worker; and what can be placed is."""
        tasks = self.core._tasks
        pool = self.core._pool
        placed = 0
        for worker in pool.workers():
            for task_id, record in worker.tasks.items():
                placed += 1
                if record.worker is not worker or tasks._tasks.get(task_id) is not record:
                    self.fail(f"{record!r} is booked on {worker!r}")
                if record.state is TaskState.waiting:
                    self.fail(f"{record!r} waits, and is booked on {worker!r}")
        if self.core.isolation.failures:
            self.fail("the core met a defect, see its log")
        if placed + tasks.waiting != len(tasks):
            self.fail(f"{len(tasks)} tasks, but {tasks.waiting} wait and {placed} are placed")
        if tasks.waiting and any(not worker.tasks and not worker.draining for worker in pool.workers()):
            self.fail("a task waits while a worker has nothing to do")

    def _check_work_conservation(self) -> None:
        """I6: no worker is idle for long while another, that answers, holds tasks that it has not started."""
        workers = self.core._pool.workers()
        unfair = any(not worker.tasks for worker in workers) and any(
            sum(record.state is TaskState.placed for record in worker.tasks.values()) > 2
            and self.peers[worker.worker_id].responsive
            for worker in workers
        )
        if not unfair:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = self.now
        elif self.now - self._idle_since > IDLE_TOLERANCE_SECONDS:
            self.fail(f"a worker is idle since {self._idle_since:.3f} while others hold unstarted tasks")

    def check_at_rest(self) -> None:
        """I5: every table is empty once nothing goes on."""
        gauges = self.core.gauges()
        for gauge in ("tasks", "waiting_tasks", "placed_tasks", "open_cancels", "loaded_workers", "objects", "graphs"):
            if gauges[gauge] != 0:
                self.fail(f"gauge {gauge} is {gauges[gauge]} at rest: {list(self.core._tasks._tasks.values())[:3]}")
