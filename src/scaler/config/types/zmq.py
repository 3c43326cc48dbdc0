"""The address of a scheduler, worker or monitor. The class keeps the name that programs import; it is a YMQ address."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass

from scaler.utility.network_util import check_port, join_host_and_port, split_host_and_port

_LONGEST_PATH_BYTES = 107
"""What the system allows the path of a socket."""


class ZMQType(enum.Enum):
    """The transport of an address."""

    inproc = "inproc"
    ipc = "ipc"
    tcp = "tcp"


@dataclass(frozen=True)
class ZMQConfig:
    """An address: ``tcp://host:port`` (a name, IPv4, or IPv6 in brackets; port 0 binds a free one) or ``ipc://path``."""

    type: ZMQType
    host: str
    port: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.type, ZMQType):
            raise TypeError(f"type must be a ZMQType, got {self.type!r}")
        if not isinstance(self.host, str):
            raise TypeError(f"host must be a text, got {self.host!r}")
        if not self.host:
            raise ValueError(f"an {self.type.value} address needs a host or a path")
        if self.type is not ZMQType.tcp:
            if self.port is not None:
                raise ValueError(f"an {self.type.value} address has no port, got {self.port!r}")
            if self.type is ZMQType.ipc and len(os.fsencode(self.host)) > _LONGEST_PATH_BYTES:
                raise ValueError(
                    f"the path of an ipc address has at most {_LONGEST_PATH_BYTES} bytes, got {self.host!r}"
                )
        elif self.port is None:
            raise ValueError(f"a tcp address needs a port, got only the host {self.host!r}")
        elif not isinstance(self.port, int) or isinstance(self.port, bool):
            raise TypeError(f"port must be a whole number, got {self.port!r}")
        else:
            check_port(self.port)

    @classmethod
    def from_string(cls, string: str) -> ZMQConfig:
        """Read an address; raise ValueError that says what is wrong with it."""
        scheme, separator, rest = string.partition("://")
        if not separator:
            raise ValueError(f"expected an address like tcp://127.0.0.1:12345, got {string!r}")
        if scheme not in ZMQType.__members__:
            raise ValueError(f"supported address types are: {', '.join(ZMQType.__members__)}, got {string!r}")
        kind = ZMQType[scheme]
        if kind is not ZMQType.tcp:
            return cls(kind, rest)
        try:
            host, port = split_host_and_port(rest)
        except ValueError as error:
            raise ValueError(f"{error} in the address {string!r}") from None
        return cls(kind, host, port)

    def to_address(self) -> str:
        """Write the address as text."""
        rest = self.host if self.port is None else join_host_and_port(self.host, self.port)
        return f"{self.type.value}://{rest}"

    def __str__(self) -> str:
        return self.to_address()
