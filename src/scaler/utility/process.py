"""Child processes: objects that run in an interpreter of their own, and that follow their parent's death.

The end of the pipe from its parent tells a child that the parent is gone, whatever killed it. The kernel then sends
SIGTERM (asynchronous notification of the pipe, which reaches code that never lets go of the interpreter lock), a daemon
thread that also watches the parent itself sends it again, and ends the process when that did not help in time.

This module is imported by every child: what only the parent needs is in ``scaler.utility.interpreter``.
"""

from __future__ import annotations

import fcntl
import gc
import os
import pickle
import select
import signal
import sys
import threading
import time
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaler.utility.interpreter import Interpreter

PARENT_LOSS_GRACE_SECONDS = 5.0
"""How long a child has to end after its parent was lost."""

_SET_SIGNAL = getattr(fcntl, "F_SETSIG", 10)
_COMMAND_NAME_LIMIT = 15


class ChildProcess:
    """A process that runs this object's ``run`` in a fresh interpreter; derive from it and override ``run``.

    The object is pickled when it is started, so its class must be importable. All methods may be called from any thread
    of the process that started it. Its SIGTERM handler, if it has one, must bear a second SIGTERM.
    """

    preparation: str = ""
    """What the interpreter does before it gets the object, see ``Interpreter``; the same for all objects of a class."""

    drain_seconds: float = 0.0
    """For how long the process may go on with its work after a first SIGTERM; SIGINT and a second SIGTERM end that."""

    parent_loss_signal: int = signal.SIGTERM
    """What the kernel sends to the process when its parent is gone."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._interpreter: Interpreter | None = None
        self.prepared: Any = None  # in the child: what the preparation returned

    def run(self) -> None:
        """Do the work of the process; called in the child."""

    def start(self, pass_fds: Sequence[int] = (), interpreter: Interpreter | None = None) -> None:
        """Start the process and return at once; the descriptors keep their numbers in the child.

        An interpreter that was spawned before, for this class, is taken when it is given, and is this object's then.
        """
        from scaler.utility.interpreter import Interpreter

        if self._interpreter is not None:
            raise ValueError(f"{self._name} was already started")
        payload = pickle.dumps(self, protocol=5)
        self._interpreter = interpreter or Interpreter(self._name, self.preparation, pass_fds=pass_fds)
        self._interpreter.write(payload)

    def join(self, timeout: float | None = None) -> None:
        """Wait until the process has ended, or the time is over; ``exitcode`` tells which."""
        self._started().join(timeout)

    def terminate(self) -> None:
        """Send SIGTERM; do nothing when the process has ended or was never started."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL; do nothing when the process has ended or was never started."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal; do nothing when the process has ended or was never started."""
        if self._interpreter is not None:
            self._interpreter.send_signal(number)

    def is_alive(self) -> bool:
        """Return whether the process was started and has not ended."""
        return self._interpreter is not None and self._interpreter.is_alive()

    def close(self) -> None:
        """Kill the process if it still runs, reap it and release its descriptors; idempotent."""
        if self._interpreter is not None:
            self._interpreter.close()

    @property
    def name(self) -> str:
        return self._name

    @property
    def pid(self) -> int | None:
        """The process id, ``None`` before the start."""
        return None if self._interpreter is None else self._interpreter.pid

    @property
    def exitcode(self) -> int | None:
        """The exit status, minus the signal's number when one ended it, ``None`` while it runs or before the start."""
        return None if self._interpreter is None else self._interpreter.exitcode

    @property
    def sentinel(self) -> int:
        """A descriptor that is readable when the process has ended, until ``close``."""
        return self._started().sentinel

    def _started(self) -> Interpreter:
        if self._interpreter is None:
            raise ValueError(f"{self._name} was not started")
        return self._interpreter

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_interpreter": None}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self._name!r} pid={self.pid} exitcode={self.exitcode}>"


def run_child(
    stream: IO[bytes], parent_pid: int, name: str, preparation: str, arguments: tuple[int | str, ...]
) -> None:
    """Prepare, load the object from the stream and run it; the bootstrap calls this in the child."""
    lifeline = stream.fileno()
    os.set_inheritable(lifeline, False)
    _set_command_name(name)
    signs = select.epoll()
    try:
        signs.register(os.pidfd_open(parent_pid), select.EPOLLIN)
    except ProcessLookupError:
        return
    threading.Thread(target=_follow_parent, args=(signs, parent_pid), name="parent-watch", daemon=True).start()
    prepared = _prepare(preparation, arguments)
    try:
        process: ChildProcess = pickle.load(stream)
    except EOFError:
        return  # the parent is gone, or has no use for this process
    process.prepared = prepared
    _set_command_name(process.name)
    # Only from here on is the pipe a sign of the end, and not of the object.
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, _SET_SIGNAL, process.parent_loss_signal)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    signs.register(lifeline, select.EPOLLIN)
    gc.freeze()  # code that was loaded stays: looking for garbage among it, now or later, is for nothing
    gc.enable()
    process.run()


def _prepare(preparation: str, arguments: tuple[int | str, ...]) -> Any:
    if not preparation:
        return None
    module, _, function = preparation.partition(":")
    __import__(module)
    return getattr(sys.modules[module], function)(*arguments)


def _follow_parent(signs: select.epoll, parent_pid: int) -> None:
    """Wait for the end of the parent, then end this process: with SIGTERM, and with SIGKILL when that does not help."""
    if os.getppid() == parent_pid:
        signs.poll()
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
