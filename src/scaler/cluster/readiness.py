"""How a child tells its parent that it is ready, with what it bound, or why it could not start."""

from __future__ import annotations

import contextlib
import json
import os
import select
import time
from collections.abc import Sequence

from scaler.cluster.supervision import describe_exit
from scaler.utility.interpreter import Interpreter, keep_standard_descriptors
from scaler.utility.process import ChildProcess

START_TIMEOUT_SECONDS = 30.0


class ProcessStartError(RuntimeError):
    """A process could not start; the text names the process and the reason."""


class Readiness:
    """A pipe from a child to its parent, for one line. Made before the start, pickled with the process."""

    def __init__(self) -> None:
        self._read_end = -1
        self._write_end = -1
        self._values: tuple[str, ...] | None = None

    def open(self) -> int:
        """Make the pipe and return the descriptor that the child inherits; in the parent, before the start."""
        keep_standard_descriptors()
        self._read_end, self._write_end = os.pipe()
        return self._write_end

    def wait(self, process: ChildProcess, timeout_seconds: float = START_TIMEOUT_SECONDS) -> tuple[str, ...]:
        """Wait in the parent for the child's values; raise ProcessStartError when it failed, died or took too long."""
        if self._values is not None:
            return self._values
        if self._read_end < 0:
            raise ProcessStartError(f"{process.name} was not started")
        self._close_write_end()
        line = self._read_line(time.monotonic() + timeout_seconds)
        if line is None:
            raise ProcessStartError(f"{process.name} was not ready within {timeout_seconds:g} seconds")
        self.close()
        if not line:
            process.join(1.0)
            raise ProcessStartError(f"{process.name} ended before it was ready, {describe_exit(process.exitcode)}")
        report = json.loads(line)
        if "error" in report:
            raise ProcessStartError(f"{process.name} could not start: {report['error']}")
        self._values = tuple(report["ready"])
        return self._values

    def report(self, *values: str) -> None:
        """Tell the parent, from the child, that the process is ready; nothing happens without a parent."""
        self._write({"ready": values})

    def report_error(self, text: str) -> None:
        """Tell the parent, from the child, why the process cannot start."""
        self._write({"error": text})

    @property
    def has_parent(self) -> bool:
        """Whether somebody waits for the report."""
        return self._write_end >= 0

    def close(self) -> None:
        """Close what is open of the pipe; idempotent."""
        self._close_write_end()
        if self._read_end >= 0:
            os.close(self._read_end)
            self._read_end = -1

    def _read_line(self, deadline: float) -> str | None:
        """Return the line, an empty text when the child ended without one, ``None`` when the time is over."""
        received = b""
        poller = select.poll()
        poller.register(self._read_end, select.POLLIN)
        while not received.endswith(b"\n"):
            if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return None
            chunk = os.read(self._read_end, 65536)
            if not chunk:
                return ""
            received += chunk
        return received.decode()

    def _write(self, report: dict[str, object]) -> None:
        if self._write_end < 0:
            return
        # Without a reader the parent is gone or has stopped waiting: its end is noticed elsewhere.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._write_end, json.dumps(report).encode() + b"\n")
        self._close_write_end()

    def _close_write_end(self) -> None:
        if self._write_end >= 0:
            os.close(self._write_end)
            self._write_end = -1

    def __getstate__(self) -> dict[str, object]:
        return {"_read_end": -1, "_write_end": self._write_end, "_values": None}

    def __del__(self) -> None:
        self.close()


class ReportingInterpreter:
    """An interpreter, and the pipe by which the process that will run in it reports."""

    def __init__(self, process: type[ChildProcess], name: str, pass_fds: Sequence[int] = ()) -> None:
        """Spawn it for a class of processes and return at once. Raise OSError."""
        self.readiness = Readiness()
        descriptors = (*pass_fds, self.readiness.open())
        self.interpreter = Interpreter(name, process.preparation, pass_fds=descriptors)
