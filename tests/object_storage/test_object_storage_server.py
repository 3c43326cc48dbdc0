"""The life of a server: ready, stopped, refused, interrupted; the module and the native daemon."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from raw_storage_peer import RawStoragePeer, object_id
from storage_server_fixture import DEADLINE_SECONDS, running_server

from scaler.object_storage import object_storage_server as module
from scaler.object_storage.object_storage_server import ObjectStorageServer


def test_log_tells_start_and_stop(tmp_path):
    log = tmp_path / "log"
    with running_server(tmp_path, log_level="INFO", log_paths=(str(log),)) as server:
        pass
    lines = log.read_text().splitlines()
    assert lines[0] == "INFO: ObjectStorageServer: started"
    assert lines[-1] == "INFO: ObjectStorageServer: stopped with 0 objects of 0 bytes and 0 waiting requests"
    assert server.port > 0


def test_every_log_path_gets_the_lines_in_the_format(tmp_path):
    paths = (str(tmp_path / "one"), str(tmp_path / "two"))
    with running_server(tmp_path, log_paths=paths, log_format="[%(levelname)s]%(asctime)s: %(message)s"):
        pass
    first = Path(paths[0]).read_text()
    assert first == Path(paths[1]).read_text()
    assert re.match(r"\[INFO\]\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}: ObjectStorageServer: started\n", first)


def test_identity_is_the_configured_one(tmp_path):
    with running_server(tmp_path, identity="another") as server, RawStoragePeer(server.port) as peer:
        assert peer.server_identity == b"another"


def test_port_in_use_raises_at_both_ends(tmp_path):
    with running_server(tmp_path) as running:
        server = ObjectStorageServer()
        failures: list[BaseException] = []

        def wait() -> None:
            try:
                server.wait_until_ready(DEADLINE_SECONDS)
            except OSError as failure:
                failures.append(failure)

        waiter = threading.Thread(target=wait)
        waiter.start()
        with pytest.raises(OSError, match="Address already in use"):
            server.run("127.0.0.1", running.port, log_paths=())
        waiter.join(DEADLINE_SECONDS)
        assert len(failures) == 1 and "Address already in use" in str(failures[0])
        assert server.port() == 0


@pytest.mark.parametrize("address", ["256.1.1.1", "", "not a host"])
def test_bad_address_raises(address):
    with pytest.raises(OSError):
        ObjectStorageServer().run(address, 0, log_paths=())


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"log_paths": ["a list"]}, TypeError),
        ({"log_paths": (1,)}, TypeError),
        ({"log_level": "LOUD"}, ValueError),
        ({"get_timeout_seconds": -1.0}, ValueError),
        ({"get_timeout_seconds": float("nan")}, ValueError),
        ({"log_paths": ("/nonexistent/folder/log",)}, OSError),
    ],
)
def test_bad_options_raise(options, error):
    with pytest.raises(error):
        ObjectStorageServer().run("127.0.0.1", 0, **{"log_paths": (), **options})


def test_port_out_of_range_raises():
    with pytest.raises(ValueError, match="port"):
        ObjectStorageServer().run("127.0.0.1", 65536, log_paths=())


def test_waiting_for_a_server_that_never_runs_ends_in_time():
    with pytest.raises(TimeoutError):
        ObjectStorageServer().wait_until_ready(0.05)


@pytest.mark.parametrize("seconds", [-1, -1e300, float("-inf")])
def test_negative_time_to_wait_is_none(seconds):
    with pytest.raises(TimeoutError):
        ObjectStorageServer().wait_until_ready(seconds)


def test_time_to_wait_that_is_not_a_number_is_refused():
    with pytest.raises(ValueError, match="number of seconds"):
        ObjectStorageServer().wait_until_ready(float("nan"))


def test_shutdown_before_run_ends_the_run():
    server = ObjectStorageServer()
    server.shutdown()
    server.run("127.0.0.1", 0, log_paths=())
    with pytest.raises(OSError):
        server.wait_until_ready(1)


def test_server_runs_once(tmp_path):
    with running_server(tmp_path) as running:
        with pytest.raises(RuntimeError, match="once"):
            running.server.run("127.0.0.1", 0, log_paths=())
        with RawStoragePeer(running.port) as peer:
            assert peer.info() == (0, 0, 0)


def test_stop_is_quick_with_waiting_and_slow_peers(tmp_path):
    with running_server(tmp_path) as server:
        waiting = RawStoragePeer(server.port)
        waiting.get(object_id(1))
        slow = RawStoragePeer(server.port)
        slow.set(object_id(2), b"x" * 30_000_000)
        slow.answer()
        slow.get(object_id(2))
        server.wait_for_gauge("waiting_requests", 1)
        start = time.monotonic()
        server.server.shutdown()
        assert waiting.is_closed_by_server()
        assert time.monotonic() - start < 5
        waiting.socket.close()
        slow.socket.close()


def test_interpreter_goes_on_while_the_server_runs(tmp_path):
    """The GIL is free: this thread counts on while another one is inside run()."""
    with running_server(tmp_path):
        start = time.monotonic()
        for _ in range(1000):
            time.sleep(0)
        assert time.monotonic() - start < 2


RUN_IN_CHILD = """
import sys
from scaler.object_storage.object_storage_server import ObjectStorageServer
try:
    ObjectStorageServer().run("127.0.0.1", int(sys.argv[1]))
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def test_interrupt_propagates_after_a_clean_stop():
    with subprocess.Popen([sys.executable, "-c", RUN_IN_CHILD, "0"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "INFO: ObjectStorageServer: started\n"
        assert "listening on tcp://127.0.0.1:" in child.stdout.readline()
        child.send_signal(signal.SIGINT)
        rest, _ = child.communicate(timeout=DEADLINE_SECONDS)
    assert "INFO: ObjectStorageServer: stopped by user\ninterrupted\n" in rest
    assert child.returncode == 0


def daemon_path() -> Path | None:
    """Return the native daemon beside the module, or where the variable says."""
    beside = Path(module.__file__).parent / "bin" / "scaler_object_storage_server_native"
    chosen = os.environ.get("SCALER_NATIVE_DAEMON")
    path = Path(chosen) if chosen else beside
    return path if path.exists() else None


DAEMON = daemon_path()
needs_daemon = pytest.mark.skipif(DAEMON is None, reason="the native daemon is not installed beside the module")


def run_daemon(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(DAEMON), *arguments], capture_output=True, text=True, timeout=DEADLINE_SECONDS)


@needs_daemon
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_daemon_serves_until_it_is_told_to_stop(stop):
    with subprocess.Popen([str(DAEMON), "tcp://127.0.0.1:0"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "INFO: ObjectStorageServer: started\n"
        port = int(child.stdout.readline().rsplit(":", 1)[1])
        with RawStoragePeer(port) as peer:
            peer.set(object_id(1), b"content")
            peer.answer()
            assert peer.info() == (1, 1, 7)
            child.send_signal(stop)
            rest, _ = child.communicate(timeout=DEADLINE_SECONDS)
    assert rest.endswith("INFO: ObjectStorageServer: stopped by user\n")
    assert child.returncode == 0


@needs_daemon
def test_daemon_that_cannot_bind_says_so_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run_daemon(f"tcp://127.0.0.1:{taken.getsockname()[1]}")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1 and "Address already in use" in result.stderr


@needs_daemon
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["tcp://127.0.0.1:0", "--unknown", "1"],
        ["tcp://127.0.0.1:0", "--log-level", "LOUD"],
        ["tcp://127.0.0.1:0", "--memory-limit-bytes=many"],
        ["tcp://127.0.0.1:0", "--get-timeout-seconds", "-1"],
        ["tcp://127.0.0.1:0", "--identity"],
        ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0"],
    ],
)
def test_daemon_refuses_a_wrong_command_line(arguments):
    result = run_daemon(*arguments)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1


@needs_daemon
def test_daemon_tells_its_version_and_usage():
    from scaler.about import __version__

    assert run_daemon("--version").stdout.strip() == __version__
    assert "--memory-limit-bytes" in run_daemon("--help").stdout


def test_waiting_does_not_hold_up_those_who_ask() -> None:
    """A process that asks for the port again and again while another thread waits goes on."""
    script = (
        "import threading\n"
        "from scaler.object_storage.object_storage_server import ObjectStorageServer\n"
        "server = ObjectStorageServer()\n"
        "def wait():\n"
        "    try:\n"
        "        server.wait_until_ready(0.35)\n"
        "    except TimeoutError:\n"
        "        print('late')\n"
        "thread = threading.Thread(target=wait)\n"
        "thread.start()\n"
        "while thread.is_alive():\n"
        "    server.port()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "late\n"
