"""Who receives the messages of a socket that many threads wait for: a caller that waits, or a thread of its own.

Design note. One thread at a time receives: the one whose id is ``_receiver``. A caller that waits for something
receives until that has come, so that it needs no second thread; callers that find somebody receiving already follow,
that is, they wait to be told. The thread of its own gives receiving up after a step that brought what its only follower
waits for, for that caller will come back. It then sleeps until its bell rings: at once, when a caller leaves while
others follow, or when somebody begins to wait in another way; otherwise when nobody has received for
``_PATIENCE_SECONDS``. When one caller has received for all that time, the thread sleeps without a limit, and is rung
for by the caller when it leaves.

``_mutex`` guards the counters, and is held for assignments only. A caller can be interrupted between any two
instructions by Ctrl-C, so it gives receiving up in a ``finally`` that looks whether it has it. And a signal handler may
itself wait, in the midst of a step of its thread: that nests, so a step must stand being repeated before it has ended.
The main thread of a processor does not stand still while it waits here, for it may be the one that receives for all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from scaler.utility.standstill import standstill

_PATIENCE_SECONDS: Final = 0.01
_REPETITION_SECONDS: Final = 1.0


class Reception:
    """Lets callers, or the thread that calls ``run``, call ``step``, which receives and handles what has come."""

    def __init__(
        self, step: Callable[[float | None], None], interrupt: Callable[[], None], is_over: Callable[[], bool]
    ) -> None:
        """``step`` waits at most so many seconds, ``interrupt`` ends its wait; once ``is_over`` nobody receives."""
        self._step = step
        self._interrupt = interrupt
        self._is_over = is_over
        self._mutex = threading.Lock()
        self._receiver: int | None = None
        self._receptions = 0
        self._followers = 0
        self._last_followed: Callable[[], bool] | None = None
        self._is_thread_asleep = False
        self._sleeps_without_limit = False
        self._is_urgent = False
        self._bell = threading.Lock()
        self._bell.acquire()

    # --- callers

    def wait(self, is_done: Callable[[], bool], sleep: Callable[[float | None], object], timeout: float | None) -> bool:
        """Wait until something is done, at most so many seconds, and return whether it is.

        Receives meanwhile if nobody else does; otherwise calls ``sleep`` with a time-out, which returns once done.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        return standstill.put_off(lambda: self._wait(is_done, sleep, deadline))

    def receive_until(self, is_done: Callable[[], bool], deadline: float | None) -> bool:
        """Receive until something is done, or a time of the monotonic clock.

        Return False without having done so when somebody else receives, or nobody does any more.
        """
        return standstill.put_off(lambda: self._receive_until(is_done, deadline))

    def _wait(
        self, is_done: Callable[[], bool], sleep: Callable[[float | None], object], deadline: float | None
    ) -> bool:
        if not self._receive_until(is_done, deadline):
            self._follow(is_done, sleep, deadline)
        return is_done()

    def _receive_until(self, is_done: Callable[[], bool], deadline: float | None) -> bool:
        own = threading.get_ident()
        is_nested = self._receiver == own
        try:
            if not is_nested and not self._take(own):
                return False
            while not is_done():
                if self._is_over():
                    return False
                left = None if deadline is None else deadline - time.monotonic()
                self._step(left if left is None or left > 0 else 0.0)
                if left is not None and left <= 0:
                    break
            return True
        finally:
            if self._receiver == own and not is_nested:
                self._receiver = None
                if self._followers or self._sleeps_without_limit:
                    self._ring(self._followers > 0)

    def wake(self) -> None:
        """Let the caller that receives look again at what it waits for."""
        receiver = self._receiver
        if receiver is not None and receiver != threading.get_ident():
            self._interrupt()

    def call_thread(self) -> None:
        """Let the thread receive if nobody does: somebody waits in a way of its own, or it is over."""
        if self._is_thread_asleep or self._receiver is None:
            self._ring()

    def close(self) -> None:
        """Forget the functions, which refer to whom this belongs to: from now on it is over."""
        self._is_over = lambda: True
        self._step = lambda _: None
        self._interrupt = lambda: None

    def _follow(
        self, is_done: Callable[[], bool], sleep: Callable[[float | None], object], deadline: float | None
    ) -> None:
        is_counted = False
        try:
            with self._mutex:
                self._followers += 1
                is_counted = True
                self._last_followed = is_done
            if self._receiver is None:
                self._ring()
            sleep(None if deadline is None else max(0.0, deadline - time.monotonic()))
        finally:
            if is_counted:
                with self._mutex:
                    self._followers -= 1

    # --- the thread of its own

    def run(self) -> None:
        """Receive whenever no caller does, until it is over."""
        own = threading.get_ident()
        while not self._is_over():
            if self._take(own):
                try:
                    self._receive_for_others()
                finally:
                    if self._receiver == own:
                        self._receiver = None
            if not self._is_over():
                self._sleep()

    def _receive_for_others(self) -> None:
        """Return when the only follower has what it waited for; somebody else may receive by then."""
        while not self._is_over():
            self._step(None)
            with self._mutex:
                followed = self._last_followed
                if followed is not None and followed():
                    self._last_followed = None
                    if self._followers <= 1:
                        self._receiver = None
                        return

    def _sleep(self) -> None:
        """Return when it is the thread's turn."""
        self._is_thread_asleep = True
        receptions = self._receptions
        limit_seconds = _PATIENCE_SECONDS
        while not self._is_over():
            self._bell.acquire(timeout=limit_seconds)
            self._sleeps_without_limit = False
            is_urgent, self._is_urgent = self._is_urgent, False
            if is_urgent and self._receiver is None:
                break
            if receptions != self._receptions or limit_seconds < 0:
                receptions = self._receptions
                limit_seconds = _PATIENCE_SECONDS
            elif self._receiver is None:
                break
            else:
                self._sleeps_without_limit = True  # before the next look, for whoever leaves looks at this
                limit_seconds = _PATIENCE_SECONDS if self._receiver is None else -1
        self._is_thread_asleep = False

    def repeat_last_step(self) -> None:
        """Do one more step when it is over: for the last one was cut off, or is in the midst of it.

        Waits for who receives to leave, within a bound: it may be the caller of what waits for this thread.
        """
        own = threading.get_ident()
        deadline = time.monotonic() + _REPETITION_SECONDS
        while not self._take(own):
            if time.monotonic() > deadline:
                return
            self._interrupt()
            self._bell.acquire(timeout=_PATIENCE_SECONDS)
        try:
            self._step(0.0)
        finally:
            self._receiver = None

    # --- parts

    def _take(self, own: int) -> bool:
        with self._mutex:
            if self._receiver is not None:
                return False
            self._receiver = own
            self._receptions += 1
        return True

    def _ring(self, is_urgent: bool = True) -> None:
        if is_urgent:
            self._is_urgent = True
        try:
            self._bell.release()
        except RuntimeError:  # it has rung and was not heard yet
            return
