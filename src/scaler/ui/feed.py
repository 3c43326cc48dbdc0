"""Reads the monitor stream in a thread of its own, and hands what has changed to the thread of the pages.

The thread of the feed owns subscriber and model, the loop's thread the view; between them go batches that nobody
changes. The feed waits until a batch was taken: when the pages are slow, messages wait at the scheduler, which keeps a
bounded number of them. It pauses after each batch, so that a thousand tasks a second cost twenty batches. It stops in
this order: the flag, the receiving thread, the connection.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

from scaler.monitor.subscriber import MonitorSubscriber
from scaler.ui.cluster_view import Batch, make_batch

_PAUSE_SECONDS: Final = 0.05
_RECEIVE_SECONDS: Final = 1.0


class Feed:
    """Start and stop it in the thread of the loop; ``take`` is called there, too."""

    def __init__(self, subscriber: MonitorSubscriber, take: Callable[[Batch], None]) -> None:
        self._subscriber = subscriber
        self._take = take
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._read, args=(loop,), name="monitor feed", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Read no more, and close the connection."""
        self._stopping.set()
        self._subscriber.interrupt()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        self._subscriber.close()

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stopping.is_set():
            events = self._subscriber.receive(_RECEIVE_SECONDS)
            self._hand_over(loop, make_batch(events, self._subscriber.model, time.monotonic()))
            self._stopping.wait(_PAUSE_SECONDS)

    def _hand_over(self, loop: asyncio.AbstractEventLoop, batch: Batch) -> None:
        taken = threading.Event()

        def take() -> None:
            try:
                self._take(batch)
            finally:
                taken.set()

        loop.call_soon_threadsafe(take)
        taken.wait()
