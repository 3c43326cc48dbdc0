"""A real terminal, by tmux: what a user types and sees."""

from __future__ import annotations

import os
import re
import subprocess
import time
from pathlib import Path

DEADLINE_SECONDS = 30.0


class Terminal:
    """A shell in a terminal of a given size; a context manager. Its server is of its own, and ends with it."""

    def __init__(self, folder: Path, cells: int, rows: int) -> None:
        self._socket = folder / "tmux"
        self._tmux(
            "-f", "/dev/null", "new-session", "-d", "-x", str(cells), "-y", str(rows), "env", "PS1=$ ", "bash", "--norc"
        )

    def type(self, *keys: str) -> None:
        """Press keys, by their names for tmux."""
        self._tmux("send-keys", *keys)

    def run(self, line: str) -> None:
        """Type a line for the shell, and Enter."""
        self._tmux("send-keys", "-l", line)
        self.type("Enter")

    def resize(self, cells: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(cells), "-y", str(rows))

    def lines(self) -> list[str]:
        """Return what is seen."""
        return self._tmux("capture-pane", "-p", "-J").splitlines()

    def ask(self, variable: str) -> str:
        """Return what tmux knows, like ``alternate_on``."""
        return self._tmux("display-message", "-p", f"#{{{variable}}}").strip()

    def wait_for(self, pattern: str, seconds: float = DEADLINE_SECONDS) -> re.Match[str]:
        """Wait until something on the screen matches, for so long at most, and return the match."""
        deadline = time.monotonic() + seconds
        while True:
            screen = "\n".join(self.lines())
            found = re.search(pattern, screen, re.MULTILINE)
            if found is not None:
                return found
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{screen}"
            time.sleep(0.05)

    def wait_until_gone(self, pattern: str) -> None:
        """Wait until nothing on the screen matches."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while re.search(pattern, "\n".join(self.lines()), re.MULTILINE):
            assert time.monotonic() < deadline, self.lines()
            time.sleep(0.05)

    def close(self) -> None:
        self._tmux("kill-server")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tmux(self, *arguments: str) -> str:
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        command = ["tmux", "-S", str(self._socket), *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout
