"""The object storage server as a process: it reports its port, its failures, and ends when told."""

import signal
import socket
import time

import pytest

from scaler.cluster.object_storage_server import ObjectStorageServerProcess
from scaler.cluster.readiness import ProcessStartError
from scaler.config.types.object_storage_server import ObjectStorageConfig


def make_server(address: str, **settings) -> ObjectStorageServerProcess:
    return ObjectStorageServerProcess(
        ObjectStorageConfig.from_string(address), ("/dev/stdout",), "INFO", None, **settings
    )


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "tcp://localhost:0", "tcp://[::1]:0"])
def test_reports_the_port_that_it_bound(address):
    server = make_server(address)
    server.start()
    try:
        server.wait_until_ready()
        assert server.address.port > 0
        with socket.create_connection((server.address.host, server.address.port), timeout=5):
            pass
    finally:
        server.terminate()
        server.join(10)
        code = server.exitcode
        server.close()
    assert code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ends_soon_when_told(number):
    server = make_server("tcp://127.0.0.1:0")
    server.start()
    began = time.monotonic()
    server.send_signal(number)
    server.join(10)
    assert server.exitcode == 0
    assert time.monotonic() - began < 3
    server.close()


def test_port_in_use_is_told_at_once():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = make_server(f"tcp://127.0.0.1:{port}")
        with pytest.raises(ProcessStartError, match=rf"ObjectStorageServer could not start: .*127\.0\.0\.1:{port}"):
            server.start()
        assert not server.is_alive()


def test_unknown_host_and_unwritable_log_are_told():
    with pytest.raises(ProcessStartError, match=r"unknown host 'no-such-host\.invalid'"):
        make_server("tcp://no-such-host.invalid:0").start()
    server = ObjectStorageServerProcess(
        ObjectStorageConfig.from_string("tcp://127.0.0.1:0"), ("/proc/log",), "INFO", None
    )
    with pytest.raises(ProcessStartError, match="cannot log to /proc/log: No such file or directory"):
        server.start()


def test_address_needs_a_start():
    with pytest.raises(ProcessStartError, match="was not started"):
        _ = make_server("tcp://127.0.0.1:0").address
