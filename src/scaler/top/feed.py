"""Follows the monitor stream in a thread of its own, so that keys need not wait for it, nor it for keys."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from scaler.monitor.events import Reported, SnapshotBegan
from scaler.monitor.subscriber import MonitorSubscriber
from scaler.top.picture import Contact, Picture

_WAIT_SECONDS: Final = 0.25
"""How long the thread may take to see that it is to end, when it has just connected again."""


class Feed:
    """A context manager. The thread owns the subscriber; everybody else gets values from ``latest``.

    ``on_change`` is called by the thread, when ``latest`` has something new. Raise YMQException for a wrong address.
    """

    def __init__(self, address: str, timeout_seconds: float, on_change: Callable[[], None]) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._on_change = on_change
        self._lock = threading.Lock()
        self._picture: Picture | None = None
        self._is_connected = False
        self._heard_seconds = time.monotonic()
        self._error: Exception | None = None
        self._is_ending = threading.Event()
        self._subscriber = MonitorSubscriber(address)
        self._thread = threading.Thread(target=self._follow, name="monitor-feed")

    def latest(self) -> tuple[Picture | None, Contact]:
        """Return what is known, None before anything is, and how the stream is. Raise what has ended the thread.

        Raise TimeoutError when the stream has been silent for too long.
        """
        with self._lock:
            picture, is_connected, heard_seconds, error = (
                self._picture,
                self._is_connected,
                self._heard_seconds,
                self._error,
            )
        if error is not None:
            raise error
        silent_seconds = time.monotonic() - heard_seconds
        if silent_seconds >= self._timeout_seconds:
            raise TimeoutError(f"Cannot connect to {self._address} in {self._timeout_seconds:g} seconds")
        return picture, Contact(self._address, is_connected, silent_seconds, self._timeout_seconds)

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_ending.set()
        self._subscriber.interrupt()
        self._thread.join()

    def _follow(self) -> None:
        try:
            with self._subscriber:
                while not self._is_ending.is_set():
                    self._take(self._subscriber)
        except Exception as error:  # the outermost function of the thread: the caller of latest() gets it
            with self._lock:
                self._error = error
            self._on_change()

    def _take(self, subscriber: MonitorSubscriber) -> None:
        events = subscriber.receive(_WAIT_SECONDS)
        model = subscriber.model
        # A worker that has just connected has no figures before the next report: rows come and go with reports.
        picture = Picture.of(model) if any(isinstance(event, (Reported, SnapshotBegan)) for event in events) else None
        is_connected = model.is_complete or model.needs_snapshot
        with self._lock:
            is_new = picture is not None or is_connected != self._is_connected
            self._is_connected = is_connected
            self._picture = picture or self._picture
            if events:
                self._heard_seconds = time.monotonic()
        if is_new:
            self._on_change()
