"""What the agent knows of its contact with the scheduler: heartbeats, latency, silence."""

from __future__ import annotations

from collections import deque

_UNANSWERED_BOUND = 64  # older ones are only needed for the latency of an echo that will hardly come
_ECHOES_IN_TIMEOUT = 3


class SchedulerContact:
    """Times of heartbeats and echoes. Echoes come in the order of the heartbeats, so nothing else has to match them."""

    def __init__(self, heartbeat_interval_seconds: float, death_timeout_seconds: float, now: float) -> None:
        # Only echoes are signs of life, so some must fit into the death time-out, however long the interval.
        longest = (
            death_timeout_seconds / _ECHOES_IN_TIMEOUT if death_timeout_seconds > 0 else heartbeat_interval_seconds
        )
        self._interval_seconds = min(heartbeat_interval_seconds, longest)
        self._death_timeout_seconds = death_timeout_seconds
        self._last_contact = now
        self._next_heartbeat: float | None = None
        self._unanswered: deque[float] = deque(maxlen=_UNANSWERED_BOUND)
        self.connected = False
        self.latency_seconds = 0.0

    def on_connected(self, now: float) -> None:
        """Begin a session: the first heartbeat, which registers the worker, is due at once."""
        self.connected = True
        self._next_heartbeat = now

    def on_lost(self) -> None:
        """End the session."""
        self.connected = False
        self._next_heartbeat = None
        self._unanswered.clear()

    def on_echo(self, now: float) -> None:
        """Take note of a sign of life, and of the latency when it answers a heartbeat of this session."""
        self._last_contact = now
        if self._unanswered:
            self.latency_seconds = (now - self._unanswered.popleft()) / 2

    def hasten_heartbeat(self, now: float) -> None:
        """Let the next heartbeat of the session be due at once."""
        if self._next_heartbeat is not None:
            self._next_heartbeat = now

    def take_heartbeat(self, now: float) -> bool:
        """Return whether a heartbeat is to be sent now. A missing echo never stops them."""
        if self._next_heartbeat is None or now < self._next_heartbeat:
            return False
        self._next_heartbeat = now + self._interval_seconds
        self._unanswered.append(now)
        return True

    def silent_seconds(self, now: float) -> float:
        """Return for how long nothing was heard of the scheduler."""
        return now - self._last_contact

    def is_dead(self, now: float) -> bool:
        """Return whether the silence has lasted for the death time-out; 0 means that it never does."""
        return 0 < self._death_timeout_seconds <= self.silent_seconds(now)
