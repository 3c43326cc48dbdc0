"""What every test shares: where children find the package, ports to choose, and a look at what was left behind."""

import os
import random
import signal
import socket
import sys
import time
import uuid
from pathlib import Path

import pytest

# Children import the package from where the tests do.
_source = Path(__file__).resolve().parent.parent / "src"
if str(_source) in sys.path:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_source), os.environ.get("PYTHONPATH")]))

# A shell without job control starts what it puts into the background with SIGINT ignored, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_MARK = "SCALER_TEST_MARK"


def _command_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""  # it ended meanwhile


class Leftovers:
    """Finds processes started below this test, whoever their parent is now, by a mark in their environment."""

    def __init__(self, mark: str) -> None:
        self._mark = f"{_MARK}={mark}".encode()

    def processes(self) -> dict[int, str]:
        """Return the living processes of this test by id, with their command lines."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if int(folder.name) == os.getpid() or self._mark not in (folder / "environ").read_bytes().split(b"\0"):
                    continue
                state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
                if state not in "ZX":
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (OSError, IndexError):
                continue  # it ended while it was looked at
        return found

    def named(self, name: str, seconds: float = 10.0) -> list[int]:
        """Return the ids of the living processes of this test that have such a command name, once there is one.

        A process names itself some time after its start. Fail when none does in that time.
        """
        deadline = time.monotonic() + seconds
        while not (found := [pid for pid in self.processes() if _command_name(pid) == name]):
            assert time.monotonic() < deadline, f"none of {self.processes()} is named {name}"
            time.sleep(0.02)
        return found

    def wait_until_none(self, seconds: float = 10.0) -> None:
        """Wait until no process of this test is left; fail when there is one after that time."""
        deadline = time.monotonic() + seconds
        while self.processes():
            assert time.monotonic() < deadline, f"processes are left: {self.processes()}"
            time.sleep(0.02)


@pytest.fixture
def leftovers(monkeypatch, tmp_path):
    """Let everything a test starts be found; at its end nothing may be left, no process and no temporary file."""
    mark = uuid.uuid4().hex
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv(_MARK, mark)
    monkeypatch.setenv("TMPDIR", str(temporary))
    found = Leftovers(mark)
    yield found
    found.wait_until_none()
    assert list(temporary.iterdir()) == []


def can_bind(port: int) -> bool:
    """Return whether a server could listen at the port now, as servers do: in spite of connections that linger."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except OSError:
            return False
    return True


def wait_until_free(port: int, seconds: float = 2.0) -> None:
    """Wait until a server could listen at the port; fail when it cannot after that time."""
    deadline = time.monotonic() + seconds
    while not can_bind(port):
        assert time.monotonic() < deadline, f"port {port} is still in use"
        time.sleep(0.02)


@pytest.fixture
def chosen_port():
    """A port that is free, as are the two after it; at the end of the test they must be free again."""
    while True:
        # Below the range from which the system takes ports for connections.
        port = random.randrange(20000, 32000)
        if all(can_bind(port + offset) for offset in range(3)):
            break
    yield port
    for offset in range(3):
        wait_until_free(port + offset)
