"""Warnings of the library on the standard error stream."""

import os
import socket
import struct
import subprocess
import sys
import textwrap

FILL_THE_STREAM = """
import os
os.set_blocking(2, False)
try:
    while os.write(2, b"x" * 4096):
        pass
except BlockingIOError:
    pass
os.set_blocking(2, True)
"""

SERVE_IN_SPITE_OF_GARBAGE = """
import socket
from scaler.io.ymq.ymq import Context, IOSocketType, Socket
context = Context()
binder = Socket(context, b"binder", IOSocketType.Binder)
host, port = binder.bind("tcp://127.0.0.1:0").removeprefix("tcp://").split(":")
for _ in range(5):
    with socket.create_connection((host, int(port))) as garbage:
        garbage.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
        while garbage.recv(4096):
            pass
connector = Socket(context, b"connector", IOSocketType.Connector)
connector.connect(f"tcp://{host}:{port}")
connector.send(None, b"served")
received = []
while len(received) < 2:
    received += binder.recv_batch(10)
print(received[1][1].data.decode(), flush=True)
os._exit(0)
"""

BE_REFUSED = """
import sys
from scaler.io.ymq.ymq import Context, IOSocketType, Socket
connector = Socket(Context(), b"connector", IOSocketType.Connector)
connector.connect(sys.argv[1])
connector.recv_batch(10)
"""


def start(code: str, *arguments: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_process_goes_on_when_nobody_reads_its_warnings() -> None:
    child = start(FILL_THE_STREAM + SERVE_IN_SPITE_OF_GARBAGE)
    try:
        assert child.wait(timeout=30) == 0
        assert child.stdout is not None
        assert child.stdout.read() == b"served\n"
    finally:
        child.kill()
        child.communicate(timeout=10)


def test_what_a_peer_says_is_escaped() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        child = start(BE_REFUSED, f"tcp://127.0.0.1:{server.getsockname()[1]}")
        try:
            connection, _ = server.accept()
            with connection:
                refusal = struct.pack("<H", 1) + b"\x1b[31mred\nline"
                connection.sendall(struct.pack("<Q", 0) + struct.pack("<Q", len(refusal) | 3 << 56) + refusal)
                _, errors = child.communicate(timeout=30)
        finally:
            child.kill()
    assert b"refused the connection: \\x1b[31mred\\x0aline\n" in errors
