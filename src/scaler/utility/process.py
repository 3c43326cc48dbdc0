"""Child processes that are spawned, never forked, and that follow their parent's death.

The interpreter is started with a one-line bootstrap. It reads ``sys.path``, ``sys.argv`` and the pickled object from a
pipe and calls ``run``; the application's ``__main__`` is never imported, so scripts need no guard. The write end of
that pipe stays open in the parent: its end tells the child that the parent is gone, whatever killed it. The kernel then
sends SIGTERM (asynchronous notification of the pipe, which reaches code that never lets go of the interpreter lock), a
daemon thread that also watches the parent itself sends it again, and ends the process when that did not help in time.

This module is imported by every child: what only the parent needs is imported where it is used.
"""

from __future__ import annotations

import atexit
import fcntl
import marshal
import os
import pickle
import select
import signal
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

PARENT_LOSS_GRACE_SECONDS = 5.0
"""How long a child has to end after its parent was lost."""

EXIT_GRACE_SECONDS = 5.0
"""How long children have to end when the application exits without having stopped them."""

_BOOTSTRAP = (
    "import sys,marshal;"
    "stream=open(int(sys.argv[1]),'rb',closefd=False);"
    "sys.path[:],sys.argv[:],parent=marshal.load(stream);"
    "from scaler.utility.process import run_child;"
    "run_child(stream,parent)"
)
_SET_SIGNAL = getattr(fcntl, "F_SETSIG", 10)
_COMMAND_NAME_LIMIT = 15

# Children that were started and not yet seen to have ended. It keeps them from being collected while they run, lets the
# ended ones be reaped when the next one starts, and the living ones be stopped when the application exits.
_living: set[ChildProcess] = set()


class ChildProcess:
    """A process that runs this object's ``run`` in a fresh interpreter; derive from it and override ``run``.

    The object is pickled when it is started, so its class must be importable. All methods may be called from any thread
    of the process that started it. The child is in a session of its own: a Ctrl-C in the terminal reaches the
    application only, which then stops its children. Its SIGTERM handler, if it has one, must bear a second SIGTERM.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline = -1
        self._sentinel = -1

    def run(self) -> None:
        """Do the work of the process; called in the child."""

    def start(self, pass_fds: Sequence[int] = ()) -> None:
        """Spawn the process and return at once; the descriptors keep their numbers in the child."""
        import subprocess

        if self._process is not None:
            raise ValueError(f"{self._name} was already started")
        for child in list(_living):
            child.is_alive()
        # The lists are copied as text: a path object in sys.path cannot be marshalled.
        paths, arguments = [str(path) for path in sys.path], [str(argument) for argument in getattr(sys, "argv", [])]
        payload = marshal.dumps((paths, arguments, os.getpid())) + pickle.dumps(self, protocol=5)
        read_end, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, *_interpreter_flags(), "-c", _BOOTSTRAP, str(read_end)],
                stdin=subprocess.DEVNULL,
                pass_fds=(read_end, *pass_fds),
                start_new_session=True,
            )
            _living.add(self)
            self._sentinel = os.pidfd_open(self._process.pid)
        finally:
            os.close(read_end)
            if self._sentinel < 0:
                self._abandon_start()
        _write_all(self._lifeline, payload)

    def join(self, timeout: float | None = None) -> None:
        """Wait until the process has ended, or the time is over; ``exitcode`` tells which."""
        if self._started().returncode is None:
            _is_readable(self._sentinel, timeout)
        self.is_alive()

    def terminate(self) -> None:
        """Send SIGTERM; do nothing when the process has ended or was never started."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL; do nothing when the process has ended or was never started."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal; do nothing when the process has ended or was never started."""
        if self._process is not None:
            self._process.send_signal(number)

    def is_alive(self) -> bool:
        """Return whether the process was started and has not ended."""
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        _living.discard(self)
        self._close_lifeline()
        return False

    def close(self) -> None:
        """Kill the process if it still runs, reap it and release its descriptors; idempotent."""
        if self._process is not None:
            self.kill()
            self._process.wait()
            self.is_alive()
        if self._sentinel >= 0:
            os.close(self._sentinel)
            self._sentinel = -1

    @property
    def name(self) -> str:
        return self._name

    @property
    def pid(self) -> int | None:
        """The process id, ``None`` before the start."""
        return None if self._process is None else self._process.pid

    @property
    def exitcode(self) -> int | None:
        """The exit status, minus the signal's number when one ended it, ``None`` while it runs or before the start."""
        return None if self._process is None or self.is_alive() else self._process.returncode

    @property
    def sentinel(self) -> int:
        """A descriptor that is readable when the process has ended, until ``close``."""
        self._started()
        return self._sentinel

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ValueError(f"{self._name} was not started")
        return self._process

    def _abandon_start(self) -> None:
        """Leave nothing behind when descriptors or processes ran out during the start."""
        self.close()
        self._close_lifeline()

    def _close_lifeline(self) -> None:
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            os.close(lifeline)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_process": None, "_lifeline": -1, "_sentinel": -1}

    def __del__(self) -> None:
        # A living process is never collected, see _living; what is left is at most a descriptor.
        if getattr(self, "_sentinel", -1) >= 0:
            os.close(self._sentinel)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self._name!r} pid={self.pid} exitcode={self.exitcode}>"


def run_child(stream: IO[bytes], parent_pid: int) -> None:
    """Load the object from the stream and run it; the bootstrap calls this in the child."""
    process: ChildProcess = pickle.load(stream)
    lifeline = stream.fileno()
    os.set_inheritable(lifeline, False)
    _set_command_name(process.name)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, _SET_SIGNAL, signal.SIGTERM)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    threading.Thread(target=_follow_parent, args=(lifeline, parent_pid), name="parent-watch", daemon=True).start()
    process.run()


def _follow_parent(lifeline: int, parent_pid: int) -> None:
    """Wait for the end of the parent, then end this process: with SIGTERM, and with SIGKILL when that does not help."""
    poller = select.poll()
    poller.register(lifeline, select.POLLIN)
    try:
        poller.register(os.pidfd_open(parent_pid), select.POLLIN)
        lost = os.getppid() != parent_pid
    except ProcessLookupError:
        lost = True
    if not lost:
        poller.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(PARENT_LOSS_GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _set_command_name(name: str) -> None:
    """Show the name of the process, instead of the interpreter's, in process listings."""
    try:
        with open("/proc/self/comm", "w") as command:
            command.write(name[:_COMMAND_NAME_LIMIT])
    except OSError:
        pass  # cosmetic, and /proc may not be mounted


def _interpreter_flags() -> list[str]:
    import subprocess

    # multiprocessing uses the same function: there is no public one that repeats the interpreter's options.
    return list(subprocess._args_from_interpreter_flags())  # type: ignore[attr-defined]


def _write_all(descriptor: int, payload: bytes) -> None:
    view = memoryview(payload)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except BrokenPipeError:
        pass  # the child died before it read everything: its exit code tells


def _is_readable(descriptor: int, timeout_seconds: float | None) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(None if timeout_seconds is None else max(0.0, timeout_seconds) * 1000))


def _forget_children() -> None:
    """Forget, in a forked copy of the application, the children of the original."""
    for child in _living:
        child._close_lifeline()
        if child._process is not None:
            child._process.returncode = 0  # not a child of the copy: it neither waits for it nor warns about it
        child._process = None
    _living.clear()


def _stop_children() -> None:
    """Stop what the application left running when it exits."""
    for child in list(_living):
        child.terminate()
    deadline = time.monotonic() + EXIT_GRACE_SECONDS
    for child in list(_living):
        child.join(max(0.0, deadline - time.monotonic()))
        child.close()


atexit.register(_stop_children)
os.register_at_fork(after_in_child=_forget_children)
