"""Waiting for processes, stopping them in bounded time, and the signals that ask for it."""

from __future__ import annotations

import logging
import math
import os
import select
import signal
import threading
import time
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import TypeVar

from scaler.utility.process import ChildProcess

Process = TypeVar("Process", bound=ChildProcess)

_KILLED_SECONDS = 1.0
_LONGEST_POLL_MILLISECONDS = 2**31 - 1


class StopRequested(BaseException):
    """A signal asked the process to stop. Not an Exception: nothing but the outermost function may catch it."""


class StopSignals:
    """Context manager: the first SIGINT or SIGTERM raises StopRequested in the main thread, later ones only hurry.

    An exception ends whatever the main thread waits in, be it the start of a child. Outside of the main thread, where
    handlers cannot be installed, it does nothing.
    """

    def __init__(self) -> None:
        self._requested = False
        self._hurried = False
        self._previous: dict[int, object] = {}
        self._event = -1

    def check(self) -> None:
        """Raise StopRequested when it was raised before and something swallowed it."""
        if self._requested:
            raise StopRequested

    @property
    def descriptor(self) -> int:
        """A descriptor that is readable once a stop was requested, whatever became of the exception; -1 outside."""
        return self._event

    @property
    def hurried(self) -> bool:
        """Whether whoever wants the stop does not want to wait: it was said by SIGINT, or more than once."""
        return self._hurried

    def disarm(self) -> None:
        """Let further signals raise nothing: the process is stopping already."""
        self._requested = True

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._event = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned
        self._previous.clear()
        if self._event >= 0:
            os.close(self._event)
            self._event = -1

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        is_first, self._requested = not self._requested, True
        self._hurried = self._hurried or number == signal.SIGINT or not is_first
        os.eventfd_write(self._event, 1)
        if is_first:
            raise StopRequested


def wait_for_any(
    processes: Sequence[Process], signals: StopSignals | None = None, timeout_seconds: float | None = None
) -> list[Process]:
    """Wait until at least one of the processes has ended, and return those that have; none when the time was up.

    Without processes it waits for the time-out, which may be what comes next, or returns at once when there is none.
    """
    poller = select.poll()
    for process in processes:
        poller.register(process.sentinel, select.POLLIN)
    if signals is not None and signals.descriptor >= 0:
        poller.register(signals.descriptor, select.POLLIN)
    deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
    while processes or deadline < math.inf:
        if signals is not None:
            signals.check()
        left_seconds = deadline - time.monotonic()
        poller.poll(None if left_seconds == math.inf else _milliseconds(left_seconds))
        ended = [process for process in processes if not process.is_alive()]
        if ended or time.monotonic() >= deadline:
            return ended
    return []


def _milliseconds(seconds: float) -> int:
    """Return a time to poll for; the system takes some weeks at most, and whoever waits longer polls again."""
    return max(0, min(math.ceil(seconds * 1000), _LONGEST_POLL_MILLISECONDS))


def let_drain(processes: Sequence[ChildProcess], signals: StopSignals | None = None) -> None:
    """Terminate the processes that drain, and wait until they have ended, their time is over, or the signals hurry.

    Whoever still runs then is the caller's to stop.
    """
    draining = [process for process in processes if process.drain_seconds > 0 and process.is_alive()]
    for process in draining:
        process.terminate()
    deadline = time.monotonic() + max((process.drain_seconds for process in draining), default=0.0)
    poller = select.poll()
    if signals is not None and signals.descriptor >= 0:
        poller.register(signals.descriptor, select.POLLIN)
    for process in draining:
        poller.register(process.sentinel, select.POLLIN)
    while draining and not (signals is not None and signals.hurried):
        left_seconds = deadline - time.monotonic()
        if left_seconds <= 0:
            return
        for descriptor, _ in poller.poll(_milliseconds(left_seconds)):
            if signals is not None and descriptor == signals.descriptor:
                os.eventfd_read(descriptor)
            else:
                poller.unregister(descriptor)
        draining = [process for process in draining if process.is_alive()]
    for process in draining:
        process.send_signal(signal.SIGINT)


def stop_all(processes: Sequence[ChildProcess], grace_seconds: float) -> bool:
    """Terminate the processes, kill what is left after the grace, and return whether nothing had to be killed."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + grace_seconds
    all_ended = True
    for process in processes:
        if process.pid is None:
            continue
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            logging.warning("%s did not stop within %g seconds: killing it", process.name, grace_seconds)
            all_ended = False
            process.kill()
            process.join(_KILLED_SECONDS)
    return all_ended


def describe_exit(exit_code: int | None) -> str:
    """Say how a process ended."""
    if exit_code is not None and exit_code < 0:
        try:
            return f"killed by {signal.Signals(-exit_code).name}"
        except ValueError:
            return f"killed by signal {-exit_code}"
    return f"exit code {exit_code}"
