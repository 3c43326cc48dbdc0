"""The client side needs nothing of what only Unix has: forks, Unix sockets, its signals and modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from scaler import SchedulerClusterCombo

_PROGRAM = """
import foreign_system
import scaler, scaler.io.ymq.ymq, scaler.protocol.codec, scaler.protocol.message
import scaler.client.serializer.default, scaler.config.defaults, scaler.io.async_object_storage_connector
from scaler.io.ymq.ymq import IOContext, IOSocket
"""

_CLIENT = (
    _PROGRAM
    + """
import sys

def total(data, addend):
    return len(data) + addend

with scaler.Client(sys.argv[1]) as client:
    large = bytes(4_000_000)
    print(client.submit(total, large, 1).result(60))
    print(client.map(total, [(b"xy", 1), (client.send_object(large), 2)]))
    print(len(client.submit(bytes, 3_000_000).result(60)))
    print(client.get({"a": -2, "b": (abs, "a")}, ["b"]))
"""
)


def _run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{program}"]
    child = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=50)
    assert child.returncode == 0, child.stderr
    assert child.stderr == ""
    return child.stdout


def test_the_client_side_is_imported_where_there_is_no_unix() -> None:
    assert _run(_PROGRAM) == ""


def test_what_is_taken_away_is_gone() -> None:
    program = "import foreign_system, os, signal, socket\n"
    program += "print(hasattr(os, 'fork'), hasattr(signal, 'SIGKILL'), hasattr(socket, 'AF_UNIX'))"
    assert _run(program) == "False False False\n"


def test_a_client_works_where_there_is_no_unix() -> None:
    with SchedulerClusterCombo(n_workers=1) as cluster:
        printed = _run(_CLIENT, cluster.get_address())
    assert printed.splitlines() == ["4000001", "[3, 4000002]", "3000000", "{'b': 2}"]
