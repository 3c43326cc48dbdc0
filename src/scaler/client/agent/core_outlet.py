"""Lets happen what a client's core decided: futures end, and messages leave."""

from __future__ import annotations

import concurrent.futures
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from scaler.client.agent.core import ClientCore
from scaler.utility.interruption import is_interruption

logger = logging.getLogger(__name__)


class CoreOutlet:
    """Empties the core's ``endings`` and ``outbox``. Any thread may, and none is relied upon.

    A thread may be interrupted anywhere by an exception, or stand still. So an ending stays in the core until it has
    run, and other threads run it meanwhile, too, instead of waiting for that.
    """

    def __init__(
        self,
        core: ClientCore,
        lock: AbstractContextManager[bool],
        send: Callable[[Sequence[bytes]], list[bytes]],
        owner: str,
    ) -> None:
        """``lock`` guards the core, ``send`` returns what it did not take, ``owner`` names the client in the log."""
        self._core = core
        self._lock = lock
        self._send = send
        self._owner = owner

    def flush(self) -> None:
        """Run all endings, then send."""
        if self._core.endings:
            self._run_endings()
        if self._core.outbox:
            self._send_outbox()

    def close(self) -> None:
        """Send no more, and forget what did."""
        self._send = lambda _: []

    def _run_endings(self) -> None:
        endings = self._core.endings
        while endings:
            try:
                ending = endings[0]
            except IndexError:  # another thread was faster
                return
            self._run_ending(ending)
            with self._lock:
                if endings and endings[0] is ending:
                    endings.popleft()

    def _run_ending(self, ending: Callable[[], None]) -> None:
        try:
            ending()
        except concurrent.futures.InvalidStateError:  # somebody else has set the future's result
            self._core.counters["futures that had ended"] += 1
        except Exception as error:  # outermost: such as of the stream that shows what tasks print
            if is_interruption(error):
                raise
            self._core.counters["failed endings"] += 1
            logger.exception("%s: the end of a task, or what it printed, could not be told", self._owner)

    def _send_outbox(self) -> None:
        """What a full queue does not take stays in the core, as does everything when this is interrupted."""
        core = self._core
        frames: list[bytes] = []
        try:
            with self._lock:
                frames, core.outbox = core.outbox, frames
            frames = self._send(frames)
        finally:
            if frames:
                with self._lock:
                    core.outbox[:0] = frames
