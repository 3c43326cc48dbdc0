"""Programs that end while daemon threads are in native code end as any other does."""

from __future__ import annotations

import subprocess
import sys

import pytest

_WRITES_MEMORY_FILES = """
import os, threading, time
from scaler.io.ymq.ymq import write_memory_file

def write_on_and_on():
    while True:
        os.close(write_memory_file(bytes(40 << 20)))

for _ in range(2):
    threading.Thread(target=write_on_and_on, daemon=True).start()
time.sleep(0.3)
"""
_RUNS_A_SERVER = """
import threading
from scaler.object_storage.object_storage_server import ObjectStorageServer

server = ObjectStorageServer()
threading.Thread(target=lambda: server.run("127.0.0.1", 0, log_paths=()), daemon=True).start()
server.wait_until_ready(30.0)
"""
_WAITS_FOR_A_SERVER = """
import threading, time
from scaler.object_storage.object_storage_server import ObjectStorageServer

server = ObjectStorageServer()
threading.Thread(target=server.wait_until_ready, daemon=True).start()
time.sleep(0.1)
"""
_TIMES = 5  # the moment in which it ends must be one in native code


@pytest.mark.parametrize(
    "program",
    [_WRITES_MEMORY_FILES, _RUNS_A_SERVER, _WAITS_FOR_A_SERVER],
    ids=["writing memory files", "running a server", "waiting for a server"],
)
def test_a_program_ends_while_daemons_are_in_native_code(program: str) -> None:
    for _ in range(_TIMES):
        child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
        assert (child.returncode, child.stderr) == (0, "")
