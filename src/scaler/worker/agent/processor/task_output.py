"""Sends what a task prints to its client, line by line."""

from __future__ import annotations

import codecs
import contextlib
import functools
import io
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from scaler.protocol import codec
from scaler.utility.metadata.task_flags import TaskFlags

if TYPE_CHECKING:
    from typing_extensions import Buffer

_LONGEST_LINE: Final = 64 * 1024
"""Characters that wait for the end of their line; more are sent without it."""


@functools.lru_cache(maxsize=64)
def is_streamed(metadata: bytes) -> bool:
    """Return whether the flags of a task ask for its output. Raise ValueError for what are no flags."""
    return TaskFlags.deserialize(metadata).stream_output


class TaskOutput(io.TextIOBase):
    """One of the two streams of a task. Any thread of the task may write; each line leaves whole.

    ``send`` takes the frame of a TaskLog message. After the end of the task, what its threads still write goes where
    the processor itself writes.
    """

    def __init__(
        self, task_id: bytes, log_type: codec.LogType, send: Callable[[bytes], None], descriptor: int | None = None
    ) -> None:
        """``descriptor`` is one whose output becomes part of this one, if there is any."""
        self._task_id = task_id
        self._log_type = log_type
        self._send = send
        self._descriptor = descriptor
        # Taken again by the thread that has it, when the collector of garbage runs a finaliser that prints.
        self._lock = threading.RLock()
        self._waiting: list[str] = []
        self._waiting_characters = 0
        self._is_over = False
        self._bytes: _ByteOutput | None = None

    @property
    def buffer(self) -> io.RawIOBase:
        """Return what takes bytes of UTF-8 for this stream, as that of ``sys.stdout`` does."""
        with self._lock:
            if self._bytes is None:
                self._bytes = _ByteOutput(self, self._lock)
            return self._bytes

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute there
        """Return how text would be encoded, for those who ask."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # an attribute there
        """Return what becomes of text that has no encoding: it is escaped."""
        return "backslashreplace"

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor that subprocesses may write to. Raise UnsupportedOperation when there is none."""
        if self._descriptor is None:
            raise io.UnsupportedOperation("the output of a task has no descriptor, but for capture_native_output")
        return self._descriptor

    def write(self, text: str) -> int:
        """Send all lines that are complete, and return the number of characters taken: all."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        with self._lock:
            if self._is_over:
                stream = sys.__stderr__ if self._log_type is codec.LogType.stderr else sys.__stdout__
                return len(text) if stream is None else stream.write(text)
            lines, newline, rest = text.rpartition("\n")
            if newline or self._waiting_characters + len(text) > _LONGEST_LINE:
                self._waiting.append(lines + newline if newline else text)
                self._send_waiting()
                text_left = rest if newline else ""
            else:
                text_left = text
            if text_left:
                self._waiting.append(text_left)
                self._waiting_characters += len(text_left)
        return len(text)

    def flush(self) -> None:
        """Send the line that is not complete."""
        with self._lock:
            self._send_waiting()

    def end(self) -> None:
        """Send what waits, and nothing more."""
        with self._lock:
            if self._bytes is not None:
                self._bytes.end()
            self._send_waiting()
            self._is_over = True

    def _send_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []  # at one stroke: what a finaliser prints meanwhile waits or has gone
        self._waiting_characters = 0
        content = "".join(waiting)
        if content and not self._is_over:
            encodable = content.encode(errors=self.errors).decode()  # lone surrogates cannot travel
            log = codec.TaskLog(task_id=self._task_id, log_type=self._log_type, content=encodable)
            self._send(log.encode())


class _ByteOutput(io.RawIOBase):
    """Takes bytes for a stream of text; a character may come in parts."""

    def __init__(self, output: TaskOutput, lock: threading.RLock) -> None:
        """``lock`` is that of the stream."""
        self._output = output
        self._lock = lock
        self._decoder = codecs.getincrementaldecoder(output.encoding)(output.errors)

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of the stream. Raise UnsupportedOperation when there is none."""
        return self._output.fileno()

    def write(self, data: Buffer) -> int:
        """Write what the bytes say, and return their number: all are taken."""
        content = bytes(memoryview(data))
        with self._lock:
            self._output.write(self._decoder.decode(content))
        return len(content)

    def flush(self) -> None:
        """Send the line that is not complete."""
        self._output.flush()

    def end(self) -> None:
        """Write what there is of a character that was not completed."""
        with self._lock:
            self._output.write(self._decoder.decode(b"", final=True))


@contextlib.contextmanager
def streamed(task_id: bytes, send: Callable[[bytes], None], capture_descriptors: bool = False) -> Iterator[None]:
    """Send what is printed meanwhile; all of it has been sent at the end.

    With ``capture_descriptors`` also what native code and subprocesses print. Lines stay whole, but in what order those
    of Python and the others come is open.
    """
    descriptors = (1, 2) if capture_descriptors else (None, None)
    output = TaskOutput(task_id, codec.LogType.stdout, send, descriptors[0])
    errors = TaskOutput(task_id, codec.LogType.stderr, send, descriptors[1])
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            if capture_descriptors:
                # Imported here: it is hardly ever used, and costs milliseconds.
                from scaler.worker.agent.processor.descriptor_capture import captured_descriptors

                with captured_descriptors(output.write, errors.write):
                    yield
            else:
                yield
        finally:
            for stream in (sys.stdout, sys.stderr):  # a task may have put a wrapper of its own in their place
                with contextlib.suppress(Exception):
                    stream.flush()
            output.end()
            errors.end()
