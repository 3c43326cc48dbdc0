"""Lines of native code go through logging."""

import logging
import os
import subprocess
import sys

from scaler.utility.logging.native_lines import NativeLines


def test_levels_and_texts(caplog):
    with caplog.at_level(logging.INFO), NativeLines() as lines:
        with open(lines.path, "w") as stream:
            stream.write("WARN a warning of the storage\nDEBUG not shown\nERROR with 100% and {}\nno level at all\n")
        os.write(lines.descriptor, b"INFO \xff\n")
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "a warning of the storage"),
        (logging.ERROR, "with 100% and {}"),
        (logging.ERROR, "no level at all"),
        (logging.INFO, "\\xff"),
    ]


def test_the_end_waits_for_no_other_holder_of_the_pipe(caplog):
    with caplog.at_level(logging.INFO):
        lines = NativeLines()
        kept = os.dup(lines.descriptor)
        os.write(kept, b"INFO last words\n")
        lines.close()
        lines.close()
        os.close(kept)
    assert caplog.messages == ["last words"]


def test_a_full_pipe_does_not_block_the_end(caplog):
    lines = NativeLines()
    with caplog.at_level(logging.CRITICAL):
        try:
            while True:
                os.write(lines.descriptor, b"INFO " + b"x" * 4000 + b"\n")
        except BlockingIOError:
            pass
        lines.close()


def test_what_messaging_says_is_logged_with_its_level_and_nothing_else_is_written():
    code = """
import logging, socket, sys
from scaler.io.ymq.native_log import log_native_lines
from scaler.io.ymq.ymq import Context, IOSocketType, Socket
from scaler.utility.logging.utility import setup_logger
setup_logger(("-",), None, sys.argv[1])
log_native_lines()
binder = Socket(Context(1), b"binder", IOSocketType.Binder)
port = int(binder.bind("tcp://127.0.0.1:0").rsplit(":", 1)[1])
with socket.create_connection(("127.0.0.1", port)) as peer:
    peer.sendall(b"GET / HTTP/1.1\\r\\n\\r\\n")
    while peer.recv(100):
        pass
binder.close(0.1)
"""

    def run(level: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, level], capture_output=True, text=True, timeout=30, check=True
        )

    shown = run("INFO")
    assert shown.stdout.count("[WARN]") == 1 and "scaler.ymq: " in shown.stdout
    assert shown.stderr == ""
    hidden = run("ERROR")
    assert (hidden.stdout, hidden.stderr) == ("", "")
