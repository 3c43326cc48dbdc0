"""The address of an object storage server."""

from __future__ import annotations

from dataclasses import dataclass

from scaler.utility.network_util import check_port, join_host_and_port, split_host_and_port

_SCHEME = "tcp://"


@dataclass(frozen=True)
class ObjectStorageConfig:
    """An address ``tcp://host:port``: a name, IPv4, or IPv6 in brackets; port 0 binds a free one."""

    host: str
    port: int
    identity: str = "ObjectStorageServer"

    def __post_init__(self) -> None:
        if not isinstance(self.host, str):
            raise TypeError(f"Host must be a text, got {self.host!r}")
        if not self.host:
            raise ValueError("Host must not be empty")
        if not isinstance(self.port, int) or isinstance(self.port, bool):
            raise TypeError(f"Port must be a whole number, got {self.port!r}")
        check_port(self.port)
        if not isinstance(self.identity, str):
            raise TypeError(f"Identity must be a text, got {self.identity!r}")

    @classmethod
    def from_string(cls, address: str) -> ObjectStorageConfig:
        """Read an address; raise ValueError that says what is wrong with it."""
        if not address.startswith(_SCHEME):
            raise ValueError(f"Address must start with 'tcp://', got {address!r}")
        try:
            host, port = split_host_and_port(address.removeprefix(_SCHEME))
        except ValueError as error:
            raise ValueError(
                f"Invalid address format {address!r}. Expected format is tcp://<host>:<port>: {error}"
            ) from None
        return cls(host, port)

    def to_address(self) -> str:
        """Write the address as text."""
        return f"{_SCHEME}{join_host_and_port(self.host, self.port)}"

    def to_string(self) -> str:
        """Write the address as text."""
        return self.to_address()

    def __str__(self) -> str:
        return self.to_address()
