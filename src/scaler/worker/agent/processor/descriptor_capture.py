"""Captures what native code and subprocesses of a task print: what is written to the descriptors 1 and 2.

Design note. While a task runs each of the two descriptors is a pipe. A thread per pipe passes on what comes out of it,
line by line. At the end of the task the buffers of the C library are flushed, the descriptors become what they were,
and the task waits until the threads have passed on what is in the pipes by then: nothing it has printed is lost. A
subprocess that outlives its task keeps its end of the pipe, so the thread goes on until that is closed.

Only processors that were told to do so import this module.
"""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import fcntl
import io
import logging
import os
import select
import struct
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from typing import Final

_READ_BYTES: Final = 64 * 1024
_LONGEST_LINE: Final = 64 * 1024
"""Characters that wait for the end of their line; more are passed on without it."""


class _PipeReader:
    """Passes on what comes out of a pipe, in a thread of its own, until the pipe ends."""

    def __init__(self, descriptor: int, write: Callable[[str], object]) -> None:
        """Take over the descriptor."""
        self._descriptor = descriptor
        self._write = write
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="backslashreplace")
        self._waiting = ""
        self._wish = os.eventfd(0, os.EFD_CLOEXEC)  # to catch up
        self._has_caught_up = threading.Event()
        threading.Thread(target=self._run, name="output-capture", daemon=True).start()

    def catch_up(self) -> None:
        """Wait until what is in the pipe was passed on, also a line without an end. To be called once."""
        os.eventfd_write(self._wish, 1)
        self._has_caught_up.wait()
        os.close(self._wish)  # the thread does not use it any more

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(self._wish, select.POLLIN)
        try:
            is_open = True
            while is_open:
                ready = [descriptor for descriptor, _ in poll.poll()]
                if self._wish in ready and not self._has_caught_up.is_set():
                    poll.unregister(self._wish)
                    self._pass_on_what_is_there()
                    self._has_caught_up.set()
                elif self._descriptor in ready:
                    is_open = self._pass_on(_READ_BYTES) > 0
            self._flush_all()
        finally:
            self._has_caught_up.set()
            os.close(self._descriptor)

    def _pass_on_what_is_there(self) -> None:
        """Not more than that: a subprocess may go on writing without a pause."""
        left = struct.unpack("i", fcntl.ioctl(self._descriptor, termios.FIONREAD, bytes(4)))[0]
        while left > 0:
            left -= self._pass_on(min(left, _READ_BYTES))
        self._flush_all()

    def _pass_on(self, most_bytes: int) -> int:
        """Read once, waiting for something to be there; return how many bytes were read, 0 at the end of the pipe."""
        data = os.read(self._descriptor, most_bytes)
        lines, newline, self._waiting = (self._waiting + self._decoder.decode(data)).rpartition("\n")
        if newline:
            self._write(lines + newline)
        if len(self._waiting) > _LONGEST_LINE:
            self._flush()
        return len(data)

    def _flush_all(self) -> None:
        self._waiting += self._decoder.decode(b"", final=True)  # bytes of a character that was cut off
        self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, ""
        if waiting:
            self._write(waiting)


class _Capture:
    """One descriptor that is a pipe for a while."""

    def __init__(self, descriptor: int, write: Callable[[str], object]) -> None:
        """Raise OSError when the descriptor is closed, or the system refuses."""
        self._descriptor = descriptor
        self._original = os.dup(descriptor)
        try:
            read_end, write_end = os.pipe()
        except OSError:
            os.close(self._original)
            raise
        self._reader = _PipeReader(read_end, write)
        os.dup2(write_end, descriptor)
        os.close(write_end)

    def end(self) -> None:
        """Make the descriptor what it was, and pass on what was written to the pipe."""
        os.dup2(self._original, self._descriptor)
        os.close(self._original)
        self._reader.catch_up()


@contextlib.contextmanager
def captured_descriptors(
    write_output: Callable[[str], object], write_errors: Callable[[str], object]
) -> Iterator[None]:
    """Pass on what is written to the descriptors 1 and 2 meanwhile; all of it was passed on at the end.

    The two functions are called in threads, each with whole lines where there are any. A descriptor that cannot be
    captured is left alone.
    """
    _flush_c_library()  # what was printed before is not the task's
    captures = (_capture(1, write_output), _capture(2, write_errors))
    try:
        yield
    finally:
        _flush_c_library()
        for capture in captures:
            if capture is not None:
                capture.end()


def leave_standard_descriptors() -> None:
    """Let Python's own streams of this process write to descriptors that are never captured, to the same files."""
    sys.stdout = sys.__stdout__ = _moved(1)  # type: ignore[misc]  # these two are not final where they are needed
    sys.stderr = sys.__stderr__ = _moved(2)  # type: ignore[misc]


def _capture(descriptor: int, write: Callable[[str], object]) -> _Capture | None:
    try:
        return _Capture(descriptor, write)
    except OSError as error:
        logging.warning("descriptor %d cannot be captured: %s", descriptor, error)
        return None


def _moved(descriptor: int) -> io.TextIOWrapper | None:
    try:
        return open(os.dup(descriptor), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    except OSError:  # it is closed, as Python's stream is then
        return None


def _flush_c_library() -> None:
    ctypes.CDLL(None).fflush(None)
