"""The client side needs nothing of what only Linux has, or only Unix: forks, Unix sockets, its signals and modules."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scaler import SchedulerClusterCombo

_IMPORTS = """
import scaler, scaler.io.ymq.ymq, scaler.protocol.codec, scaler.protocol.message
import scaler.client.serializer.default, scaler.config.defaults, scaler.io.async_object_storage_connector
from scaler.io.ymq.ymq import IOContext, IOSocket
"""

_CLIENT = (
    _IMPORTS
    + """
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

foreign = pytest.mark.parametrize("system", ["darwin", "win32"])


def _run(system: str, program: str, *arguments: str) -> str:
    preparation = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import foreign_system
foreign_system.become({system!r})
"""
    command = [sys.executable, "-c", preparation + program, *arguments]
    child = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert child.returncode == 0, child.stderr
    assert child.stderr == ""
    return child.stdout


@foreign
def test_the_client_side_is_imported_on_another_system(system: str) -> None:
    assert _run(system, _IMPORTS) == ""


@pytest.mark.parametrize(
    ("system", "left"), [("darwin", "False False True True True"), ("win32", "False False False False False")]
)
def test_what_is_taken_away_is_gone(system: str, left: str) -> None:
    program = """
import os, signal, socket
print(hasattr(os, "eventfd"), hasattr(socket, "SO_PEERCRED"), end=" ")
print(hasattr(os, "fork"), hasattr(signal, "SIGKILL"), hasattr(socket, "AF_UNIX"))
"""
    assert _run(system, program) == f"{left}\n"


@foreign
def test_a_client_works_on_another_system(system: str) -> None:
    with SchedulerClusterCombo(n_workers=1) as cluster:
        printed = _run(system, _CLIENT, cluster.get_address())
    assert printed.splitlines() == ["4000001", "[3, 4000002]", "3000000", "{'b': 2}"]


@foreign
def test_a_cluster_is_refused_on_another_system(system: str) -> None:
    program = """
try:
    scaler.SchedulerClusterCombo
except ImportError as error:
    print(error)
try:
    import scaler.entry_points.scheduler
except SystemExit as error:
    print(error)
"""
    refusal = (
        f"scheduler, object storage server, workers and viewers run on Linux, and this system is {system}: "
        "start them on a Linux machine, and use scaler.Client with the scheduler's address here"
    )
    assert _run(system, _IMPORTS + program).splitlines() == [refusal, f"error: {refusal}"]
