"""The messaging library: sockets with named peers, over ``scaler.io.ymq._ymq``.

``Context`` and ``Socket`` take and give messages in batches and are what this package uses. ``IOContext`` and
``IOSocket`` handle one message per call; they are loaded only when they are used, since they need asyncio.
"""

from typing import TYPE_CHECKING, Any

from scaler.io.ymq._ymq import (
    Bytes,
    Context,
    ErrorCode,
    Handshake,
    IOSocketType,
    Message,
    PeerEvent,
    Poller,
    Role,
    Socket,
    Statistics,
    YMQException,
    map_memory_file,
    set_log_descriptor,
    write_memory_file,
)

if TYPE_CHECKING:
    from scaler.io.ymq.io_socket import IOContext, IOSocket

__all__ = [
    "Bytes",
    "Context",
    "ErrorCode",
    "Handshake",
    "IOContext",
    "IOSocket",
    "IOSocketType",
    "Message",
    "PeerEvent",
    "Poller",
    "Role",
    "Socket",
    "Statistics",
    "YMQException",
    "map_memory_file",
    "set_log_descriptor",
    "write_memory_file",
]


def __getattr__(name: str) -> Any:
    if name not in ("IOContext", "IOSocket"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scaler.io.ymq import io_socket

    return getattr(io_socket, name)
