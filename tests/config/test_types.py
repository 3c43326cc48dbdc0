"""Addresses, names and capabilities are read and written as documented, and refused with a reason."""

import pytest

from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.worker import WorkerCapabilities, WorkerNames
from scaler.config.types.zmq import ZMQConfig, ZMQType


@pytest.mark.parametrize(
    ("text", "kind", "host", "port"),
    [
        ("tcp://127.0.0.1:2345", ZMQType.tcp, "127.0.0.1", 2345),
        ("tcp://localhost:1111", ZMQType.tcp, "localhost", 1111),
        ("tcp://[::1]:0", ZMQType.tcp, "::1", 0),
        ("tcp://[fe80::1%eth0]:65535", ZMQType.tcp, "fe80::1%eth0", 65535),
        ("ipc:///tmp/socket", ZMQType.ipc, "/tmp/socket", None),
        ("ipc://@abstract", ZMQType.ipc, "@abstract", None),
        ("tcp://b\u00fccher.example.:1", ZMQType.tcp, "b\u00fccher.example.", 1),
        ("inproc://name", ZMQType.inproc, "name", None),
    ],
)
def test_addresses(text, kind, host, port):
    address = ZMQConfig.from_string(text)
    assert (address.type, address.host, address.port) == (kind, host, port)
    assert address.to_address() == str(address) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("127.0.0.1:2345", "expected an address like tcp://127.0.0.1:12345"),
        ("udp://127.0.0.1:2345", "supported address types are: inproc, ipc, tcp"),
        ("tcp://127.0.0.1", "expected a host and a port"),
        ("tcp://:2345", "expected a host and a port"),
        ("tcp://127.0.0.1:port", "cannot convert 'port' to port number"),
        ("tcp://127.0.0.1:-1", "cannot convert '-1' to port number"),
        ("tcp://127.0.0.1:65536", "expected a port from 0 to 65535"),
        ("tcp://::1:2345", "expected an IPv6 address in brackets"),
        ("tcp://[host]:2345", "expected an IPv6 address between the brackets"),
        ("tcp://a..b:2345", "expected a host name or an address, got 'a..b' in the address 'tcp://a..b:2345'"),
        (f"tcp://{'x' * 64}.example:2345", "expected a host name or an address"),
        ("tcp://two words:2345", "expected a host name or an address, got 'two words'"),
        ("tcp://\u2024:2345", "expected a host name or an address"),
        ("ipc://", "needs a host or a path"),
        (f"ipc:///{'x' * 107}", "the path of an ipc address has at most 107 bytes, got '/xxx"),
    ],
)
def test_wrong_addresses(text, why):
    with pytest.raises(ValueError, match=why.replace("[", r"\[")):
        ZMQConfig.from_string(text)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((ZMQType.tcp, "host"), ValueError),
        ((ZMQType.ipc, "/path", 1), ValueError),
        ((ZMQType.inproc, "name", 1), ValueError),
        (("tcp", "host", 1), TypeError),
        ((ZMQType.tcp, b"host", 1), TypeError),
        ((ZMQType.tcp, "host", "1"), TypeError),
        ((ZMQType.tcp, "host", True), TypeError),
    ],
)
def test_wrong_parts_of_an_address(arguments, error):
    with pytest.raises(error):
        ZMQConfig(*arguments)


@pytest.mark.parametrize("text", ["tcp://127.0.0.1:2345", "tcp://storage.example:1", "tcp://[::1]:2345"])
def test_storage_addresses(text):
    address = ObjectStorageConfig.from_string(text)
    assert address.to_address() == address.to_string() == str(address) == text
    assert address.identity == "ObjectStorageServer"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ipc:///tmp/socket", "Address must start with 'tcp://'"),
        ("tcp://127.0.0.1", "Expected format is tcp://<host>:<port>"),
        ("tcp://127.0.0.1:x", "cannot convert 'x' to port number"),
        ("tcp://127.0.0.1:99999", "expected a port from 0 to 65535"),
        ("tcp://a..b:2345", "expected a host name or an address, got 'a..b'"),
    ],
)
def test_wrong_storage_addresses(text, why):
    with pytest.raises(ValueError, match=why):
        ObjectStorageConfig.from_string(text)


@pytest.mark.parametrize("arguments", [(1, 1), ("host", "1"), ("host", 1, 1)])
def test_wrong_parts_of_a_storage_address(arguments):
    with pytest.raises(TypeError):
        ObjectStorageConfig(*arguments)


def test_worker_names():
    names = WorkerNames.from_string(" a , b ")
    assert (names.names, str(names), len(names)) == (["a", "b"], "a,b", 2)
    assert len(WorkerNames.from_string("  ")) == 0
    with pytest.raises(ValueError, match="must not be empty"):
        WorkerNames.from_string("a,,b")
    with pytest.raises(ValueError, match="a worker name has at most 900 bytes, got '\u00fc\u00fc"):
        WorkerNames.from_string("a," + "\u00fc" * 451)


def test_capabilities():
    capabilities = WorkerCapabilities.from_string(" gpu=2, linux ")
    assert capabilities.capabilities == {"gpu": 2, "linux": -1}
    assert str(capabilities) == "gpu=2,linux"
    assert len(WorkerCapabilities.from_string("")) == 0


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gpu=two", "Expected an integer, but got 'two'"),
        ("gpu=", "Expected an integer, but got ''"),
        ("gpu,,linux", "must not be empty"),
        ("gpu,gpu=2", "given twice"),
        ("gpu=9223372036854775808", "the amount of the capability 'gpu' must be at most 9223372036854775807, got 9"),
    ],
)
def test_wrong_capabilities(text, why):
    with pytest.raises(ValueError, match=why):
        WorkerCapabilities.from_string(text)


@pytest.mark.parametrize("capabilities", [{"gpu": 1.5}, {"gpu": "1"}, {"gpu": None}, {1: 1}], ids=str)
def test_capabilities_of_a_program_must_be_names_with_whole_amounts(capabilities):
    with pytest.raises(TypeError, match="capabilities must be names with whole amounts, got"):
        WorkerCapabilities(capabilities)
