"""Hosts and ports."""

import socket

import pytest

from scaler.utility.network_util import (
    advertised_host,
    get_available_tcp_port,
    is_loopback,
    join_host_and_port,
    split_host_and_port,
)


@pytest.mark.parametrize("text", ["127.0.0.1:1", "name.example:65535", "[::1]:0"])
def test_split_and_join(text):
    assert join_host_and_port(*split_host_and_port(text)) == text


def test_available_port_can_be_bound():
    with socket.create_server(("127.0.0.1", get_available_tcp_port())) as server:
        assert server.getsockname()[1] > 0


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)]
)
def test_loopback(host, loopback):
    assert is_loopback(host) is loopback


def test_advertised_host_is_never_a_wildcard():
    assert advertised_host("127.0.0.1") == "127.0.0.1"
    assert advertised_host("0.0.0.0") != "0.0.0.0"
    assert advertised_host("::") != "::"
