"""Host and port texts."""

import os
import socket

MAXIMUM_PORT = 65535
_LONGEST_LABEL_BYTES = 63
"""How long a part of a host name, between its dots, may be."""


def get_available_tcp_port(hostname: str = "127.0.0.1") -> int:
    """Return a TCP port that is free at this moment; binding port 0 is the way that nobody can win a race against."""
    with socket.socket(socket.AF_INET6 if ":" in hostname else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((hostname, 0))
        port: int = probe.getsockname()[1]
        return port


def split_host_and_port(text: str) -> tuple[str, int]:
    """Split ``host:port``, ``1.2.3.4:port`` or ``[::1]:port``; raise ValueError that says what is wrong."""
    host, colon, port_text = text.rpartition(":")
    if not colon or not host:
        raise ValueError("expected a host and a port, like 127.0.0.1:2345")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if ":" not in host:
            raise ValueError(f"expected an IPv6 address between the brackets, got {host!r}")
    elif ":" in host:
        raise ValueError(f"expected an IPv6 address in brackets, like [::1]:2345, got {text!r}")
    if not port_text.isascii() or not port_text.isdigit():
        raise ValueError(f"cannot convert {port_text!r} to port number")
    return check_host(host), check_port(int(port_text))


def check_host(host: str) -> str:
    """Return the host, or raise ValueError when it is neither a name that can be looked up nor an address."""
    try:
        wire_name = host.encode("ascii" if host.isascii() else "idna")
    except UnicodeError:  # of characters that no name may have, or of labels that are too long
        wire_name = b""
    labels = wire_name.removesuffix(b".").split(b".")
    if not all(0 < len(label) <= _LONGEST_LABEL_BYTES for label in labels) or " " in host or not host.isprintable():
        raise ValueError(f"expected a host name or an address, got {host!r}")
    return host


def check_port(port: int) -> int:
    """Return the port, or raise ValueError when it is outside of 0 to 65535; 0 means any free port."""
    if not 0 <= port <= MAXIMUM_PORT:
        raise ValueError(f"expected a port from 0 to {MAXIMUM_PORT}, got {port}")
    return port


def join_host_and_port(host: str, port: int) -> str:
    """Write a host and a port in one text, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listening_error(settings: str, host: str, port: int, error: OSError) -> OSError:
    """Return an error with one line for the user: which settings, where, why, and what helps."""
    # The text of an error that a socket raises names the address again; a name that is not known has a negative number.
    reason = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror or str(error)
    return OSError(f"{settings}: cannot listen at {join_host_and_port(host, port)}: {reason}; port 0 is a free one")


def advertised_host(host: str) -> str:
    """Return the host to connect to when this machine listens at the given one, which may mean every address."""
    if host not in ("0.0.0.0", "::"):
        return host
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: connecting a datagram socket only chooses the route. The addresses belong to nobody.
            probe.connect(("2001:db8::1" if ":" in host else "192.0.2.1", 9))
            found: str = probe.getsockname()[0]
            return found
        except OSError:
            return "::1" if ":" in host else "127.0.0.1"


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach the host; names are looked up."""
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(entry[4][0]).is_loopback for entry in found)
