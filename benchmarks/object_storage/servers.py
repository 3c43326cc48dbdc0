"""The servers under test, each a process on a free port of this machine."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

import scaler.object_storage

_START_SECONDS = 10.0
_REDIS_OPTIONS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no")


class ServerMissing(RuntimeError):
    """A server is not installed."""


def find_daemon() -> str:
    """Return the native object storage server of the package that is imported."""
    for folder in scaler.object_storage.__path__:
        found = shutil.which("scaler_object_storage_server_native", path=f"{folder}/bin")
        if found:
            return found
    raise ServerMissing("the package has no native object storage server")


@contextlib.contextmanager
def storage_server() -> Iterator[tuple[int, int]]:
    """Run our server; yield its port and process id."""
    command = [find_daemon(), "tcp://127.0.0.1:0", "--log-paths", "/dev/stdout"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield _announced_port(process), process.pid
        finally:
            process.terminate()


def _announced_port(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"listening on \S+:(\d+)", line)
        if found:
            return int(found.group(1))
    raise ServerMissing("the object storage server ended before it listened")


@contextlib.contextmanager
def redis_server() -> Iterator[tuple[int, int]]:
    """Run a Redis that writes nothing to disk; yield its port and process id. Raise ServerMissing."""
    if shutil.which("redis-server") is None:
        raise ServerMissing("redis-server is missing: install the package 'redis-server'")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["redis-server", "--port", str(port), *_REDIS_OPTIONS]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_listening(port, process)
            yield port, process.pid
        finally:
            process.terminate()


def _wait_until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.02)
    raise ServerMissing("redis-server does not listen")
