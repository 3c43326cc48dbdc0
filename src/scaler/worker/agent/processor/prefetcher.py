"""Fetches what the next tasks lack while a task runs.

Design note. Nothing happens for tasks that have all they need. One that lacked something wakes a thread, which looks at
the frames that wait behind it, fetches what these lack, and looks again after pauses that grow, as long as that task
runs: the next one may come any time. What it has fetched is not decoded, for that runs code of users, which belongs
into the main thread. It keeps it for the main thread to take, up to a quarter of the cache's bound, which the cache
leaves free meanwhile; what the running task uses never makes room for what comes next. What is too large, or cannot be
got, is left to the task's own fetch.

The lock is held for a few assignments, never while something is fetched. The main thread waits only for an object that
it needs and that is on its way already.
"""

from __future__ import annotations

import logging
import math
import threading
from typing import TYPE_CHECKING, Any, Final

from scaler.protocol import codec
from scaler.utility.serialization import payload_size
from scaler.worker.agent.processor.task_needs import TaskNeeds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer

    from scaler.worker.agent.processor.agent_link import AgentLink
    from scaler.worker.agent.processor.object_cache import ObjectCache
    from scaler.worker.agent.processor.storage import Storage

MOST_TASKS_AHEAD: Final = 8
CACHE_SHARE: Final = 4
"""One part in so many of the cache's bound may be fetched ahead."""

FIRST_PAUSE_SECONDS: Final = 0.015  # what comes while a task runs is received some 10 ms later
LONGEST_PAUSE_SECONDS: Final = 1.0


class Prefetcher:
    """Keeps objects that the next tasks need. ``take``, ``begin`` and ``close`` are for the main thread."""

    def __init__(self, link: AgentLink, cache: ObjectCache, storage: Storage) -> None:
        """The storage must be this object's alone: its connection is made when it is first needed."""
        self._link = link
        self._cache = cache
        self._storage = storage
        self._needs = TaskNeeds()
        self._changed = threading.Condition()
        self._held: dict[bytes, Buffer] = {}
        self._held_bytes = 0
        self._limit_bytes = 0
        self._fetching = b""
        self._refused: dict[bytes, float] = {}  # with the room that was not enough; infinite for those not to be had
        self._taken_at_begin = 0
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    @property
    def held_bytes(self) -> int:
        """How much was fetched and not taken."""
        return self._held_bytes

    def take(self, object_ids: Iterable[bytes]) -> dict[bytes, Buffer]:
        """Return what is there of the objects, and forget it; wait for one that is on its way."""
        wanted = set(object_ids)
        with self._changed:
            while self._fetching in wanted:
                self._changed.wait()
            return {object_id: self._drop(object_id) for object_id in wanted if object_id in self._held}

    def begin(self, in_use: list[bytes]) -> None:
        """Look ahead while the task runs that was loaded now, and uses these objects of the cache."""
        most_bytes = self._cache.maximum_bytes
        limit_bytes = max(0, min(most_bytes // CACHE_SHARE, most_bytes - self._cache.size_of(in_use)))
        self._cache.reserve(limit_bytes, in_use)
        with self._changed:
            self._limit_bytes = limit_bytes
            while self._held_bytes > limit_bytes:
                self._drop(next(reversed(self._held)))
        self._taken_at_begin = self._link.taken
        self._wanted.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="prefetch", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End; a fetch under way fails."""
        self._is_closed = True
        self._wanted.set()
        self._storage.close()

    def look(self) -> bool:
        """Fetch what the next tasks lack, and return whether to look again after a pause; for the thread."""
        is_same_task = self._link.taken == self._taken_at_begin
        frames = self._link.ahead()
        needs = [self._needs_of(frame) for frame in (frames or [])[: MOST_TASKS_AHEAD + 1]]
        self._keep({object_id for each in needs for object_id in each})
        if frames is not None and is_same_task:
            self._fetch_all(object_id for each in needs[1:] for object_id in each)  # the first one runs
            return True
        if self._held:
            return True
        self._cache.release()
        return False

    def _needs_of(self, frame: Any) -> list[bytes]:
        try:
            if codec.which(frame) != codec.MessageKind.task:
                return []
            task = codec.decode(frame)
        except codec.CodecError:
            return []  # the main thread will say so
        assert isinstance(task, codec.Task)
        return self._needs.of(task)

    def _keep(self, object_ids: set[bytes]) -> None:
        """Forget what no task needs any more: it was taken back, or had it already."""
        with self._changed:
            for object_id in self._held.keys() - object_ids:
                self._drop(object_id)
        for object_id in self._refused.keys() - object_ids:
            del self._refused[object_id]

    def _fetch_all(self, object_ids: Iterable[bytes]) -> None:
        """Fetch objects in the order in which they are needed, as far as there is room."""
        for object_id in object_ids:
            if object_id in self._held or object_id in self._cache:
                continue
            room_bytes = self._limit_bytes - self._held_bytes
            if room_bytes <= self._refused.get(object_id, 0):
                return
            if self._is_closed or self._link.taken != self._taken_at_begin:
                return
            if not self._fetch(object_id, room_bytes):
                return

    def _fetch(self, object_id: bytes, room_bytes: int) -> bool:
        """Hold an object; return False, and remember that, when it is too large or cannot be got."""
        with self._changed:
            self._fetching = object_id
        payload: Buffer | None = None
        try:
            payload = self._storage.get_object(object_id, room_bytes + 1)
            if payload_size(payload) > room_bytes:
                payload = None
                self._refused[object_id] = room_bytes
        except Exception as error:  # whatever it is: the task's own fetch will say so, and nothing else looks ahead
            logging.debug("object %s was not fetched ahead: %r", object_id.hex(), error)
            self._refused[object_id] = math.inf
        finally:
            with self._changed:
                self._fetching = b""
                if payload is not None:
                    self._held[object_id] = payload
                    self._held_bytes += payload_size(payload)
                self._changed.notify_all()
        return payload is not None

    def _drop(self, object_id: bytes) -> Buffer:
        payload = self._held.pop(object_id)
        self._held_bytes -= payload_size(payload)
        return payload

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            pause_seconds = FIRST_PAUSE_SECONDS
            while not self._is_closed:
                self._wanted.clear()
                if not self.look():
                    break
                is_next_task = self._wanted.wait(pause_seconds)
                pause_seconds = FIRST_PAUSE_SECONDS if is_next_task else min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
            if self._is_closed:
                return
