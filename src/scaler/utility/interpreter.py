"""Interpreters that are spawned, never forked, and wait for the object they are to run.

The interpreter is started with a one-line bootstrap. It reads ``sys.path``, ``sys.argv`` and what it can prepare from a
pipe, prepares it, and waits for the pickled object. Its parent may know that later: so processes that need each other's
addresses start at the same time. The application's ``__main__`` is never imported, so scripts need no guard.

The write end of the pipe stays open in the parent: its end tells the child that the parent is gone. What the child does
then is in ``scaler.utility.process``.
"""

from __future__ import annotations

import atexit
import marshal
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

EXIT_GRACE_SECONDS = 5.0
"""How long children have to end when the application exits without having stopped them."""

_STANDARD_ERROR = 2

BOOTSTRAP = (
    "import sys,marshal,gc;"
    "gc.disable();"
    "stream=open(int(sys.argv[1]),'rb',closefd=False);"
    "stream.peek() or sys.exit();"  # the parent ended before it wrote anything
    "sys.path[:],sys.argv[:],*rest=marshal.load(stream);"
    "from scaler.utility.process import run_child;"
    "run_child(stream,*rest)"
)

# Children that were started and not yet seen to have ended. It keeps them from being collected while they run, lets the
# ended ones be reaped when the next one starts, and the living ones be stopped when the application exits.
_living: set[Interpreter] = set()


def keep_standard_descriptors() -> None:
    """Open what is closed of the standard input and outputs: a pipe in its place would get what is written to them."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


class Interpreter:
    """A fresh interpreter. All methods may be called from any thread of the process that made it.

    ``preparation`` names what the child does before it gets its object, as "module:function"; the function is called
    with ``arguments``, plain values, and what it returns is the ``prepared`` of the object. The child is in a session
    of its own: a Ctrl-C in the terminal reaches the application only.
    """

    def __init__(
        self,
        name: str,
        preparation: str = "",
        arguments: tuple[int | str, ...] = (),
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Spawn it and return at once; the descriptors keep their numbers in the child. Raise OSError."""
        import subprocess

        keep_standard_descriptors()
        self._lifeline = self._sentinel = -1
        self._process: subprocess.Popen[bytes] | None = None
        for child in list(_living):
            child.is_alive()
        # The lists are copied as text: a path object in sys.path cannot be marshalled.
        paths, argv = [str(path) for path in sys.path], [str(argument) for argument in getattr(sys, "argv", [])]
        read_end, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, *_interpreter_flags(), "-c", BOOTSTRAP, str(read_end)],
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
        self.write(marshal.dumps((paths, argv, os.getpid(), name, preparation, arguments)))

    def write(self, payload: bytes) -> None:
        """Give the child what it waits for; one that has died meanwhile does not matter, its exit code tells."""
        view = memoryview(payload if self._lifeline >= 0 else b"")
        try:
            while view:
                view = view[os.write(self._lifeline, view) :]
        except BrokenPipeError:
            pass

    def join(self, timeout: float | None = None) -> None:
        """Wait until the child has ended, or the time is over; ``exitcode`` tells which."""
        if self._process is not None and self._process.returncode is None:
            poller = select.poll()
            poller.register(self._sentinel, select.POLLIN)
            poller.poll(None if timeout is None else max(0.0, timeout) * 1000)
        self.is_alive()

    def send_signal(self, number: int) -> None:
        """Send a signal; do nothing when the child has ended."""
        if self._process is not None:
            self._process.send_signal(number)

    def is_alive(self) -> bool:
        """Return whether the child has not ended."""
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        _living.discard(self)
        self._close_lifeline()
        return False

    def close(self) -> None:
        """Kill the child if it still runs, reap it and release the descriptors; idempotent."""
        if self._process is not None:
            self.send_signal(signal.SIGKILL)
            self._process.wait()
            self.is_alive()
        if self._sentinel >= 0:
            os.close(self._sentinel)
            self._sentinel = -1

    @property
    def pid(self) -> int | None:
        """The process id; ``None`` in a forked copy of the application, whose child it is not."""
        return None if self._process is None else self._process.pid

    @property
    def exitcode(self) -> int | None:
        """The exit status, minus the signal's number when one ended it, ``None`` while it runs."""
        return None if self._process is None or self.is_alive() else self._process.returncode

    @property
    def sentinel(self) -> int:
        """A descriptor that is readable when the child has ended, until ``close``."""
        return self._sentinel

    def _abandon_start(self) -> None:
        """Leave nothing behind when descriptors or processes ran out during the start."""
        self.close()
        self._close_lifeline()

    def _close_lifeline(self) -> None:
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            os.close(lifeline)

    def _forget(self) -> None:
        """Let go of it in a forked copy of the application: it neither waits for it nor warns about it."""
        self._close_lifeline()
        if self._process is not None:
            self._process.returncode = 0
        self._process = None

    def __del__(self) -> None:
        # A living process is never collected, see _living; what is left is at most a descriptor.
        if getattr(self, "_sentinel", -1) >= 0:
            os.close(self._sentinel)


def _interpreter_flags() -> list[str]:
    import subprocess

    # multiprocessing uses the same function: there is no public one that repeats the interpreter's options.
    return list(subprocess._args_from_interpreter_flags())  # type: ignore[attr-defined]


def _forget_children() -> None:
    """Forget, in a forked copy of the application, the children of the original."""
    for child in _living:
        child._forget()
    _living.clear()


def _stop_children() -> None:
    """Stop what the application left running when it exits."""
    for child in list(_living):
        child.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + EXIT_GRACE_SECONDS
    for child in list(_living):
        child.join(max(0.0, deadline - time.monotonic()))
        child.close()


atexit.register(_stop_children)
os.register_at_fork(after_in_child=_forget_children)
