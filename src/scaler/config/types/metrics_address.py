"""The address at which metrics are served."""

from __future__ import annotations

from dataclasses import dataclass

from scaler.utility.network_util import check_port, join_host_and_port, split_host_and_port


@dataclass(frozen=True)
class MetricsAddress:
    """An address ``host:port``: a name, IPv4, or IPv6 in brackets; port 0 binds a free one."""

    host: str
    port: int

    def __post_init__(self) -> None:
        if not isinstance(self.host, str) or not isinstance(self.port, int) or isinstance(self.port, bool):
            raise TypeError(f"host must be a text and port a whole number, got {self.host!r} and {self.port!r}")
        if not self.host:
            raise ValueError("the host of a metrics address must not be empty, use 0.0.0.0 for all addresses")
        check_port(self.port)

    @classmethod
    def from_string(cls, text: str) -> MetricsAddress:
        """Read an address; raise ValueError that says what is wrong with it."""
        try:
            return cls(*split_host_and_port(text))
        except ValueError as error:
            raise ValueError(f"expected HOST:PORT, like 127.0.0.1:9090, got {text!r}: {error}") from None

    def __str__(self) -> str:
        return join_host_and_port(self.host, self.port)
