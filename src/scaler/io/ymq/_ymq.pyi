"""Native messaging. Only ``scaler.io.ymq.ymq`` imports this module; a socket may be used from any thread."""

from collections.abc import Sequence
from enum import IntEnum
from typing import TypeAlias, overload

from typing_extensions import Buffer

class IOSocketType(IntEnum):
    Uninit = 0
    Binder = 1
    Connector = 2
    Unicast = 3
    Multicast = 4

class ErrorCode(IntEnum):
    Uninit = 0
    InvalidPortFormat = 1
    InvalidAddressFormat = 2
    ConfigurationError = 3
    SignalNotSupported = 4
    CoreBug = 5
    RepetetiveIOSocketIdentity = 6
    RedundantIOSocketRefCount = 7
    MultipleConnectToNotSupported = 8
    MultipleBindToNotSupported = 9
    InitialConnectFailedWithInProgress = 10
    SendMessageRequestCouldNotComplete = 11
    SetSockOptNonFatalFailure = 12
    IPv6NotSupported = 13
    RemoteEndDisconnectedOnSocketWithoutGuaranteedDelivery = 14
    ConnectorSocketClosedByRemoteEnd = 15
    IOSocketStopRequested = 16
    BinderSendMessageWithNoAddress = 17
    # additions
    PeerUnknown = 18
    PeerQueueFull = 19
    ConnectFailed = 20
    Refused = 21
    MessageTooLarge = 22

    def explanation(self) -> str: ...

class Handshake(IntEnum):
    """How a socket opens the connections it makes; an accepting socket tells the two apart by itself."""

    hello = 0
    plain = 1

class Role(IntEnum):
    """What a peer says it is in its hello; ``unknown`` for plain peers."""

    unknown = 0
    client = 1
    worker = 2
    processor = 3
    scheduler = 4
    storage = 5
    monitor = 6

class PeerEvent(IntEnum):
    """What happened to a peer, in order with its messages.

    connected: a new session began (plain peers: a connection). lost: the session ended for good, by goodbye, by the
    death of a local peer's process, or by its time-out; what was not delivered is dropped. refused: the other side
    refused the greeting (connecting sockets only). A drop and resumption of the link within a session is silent.
    """

    connected = 0
    lost = 1
    refused = 2

class YMQException(Exception):
    """``args`` is (code, message)."""

    def __init__(self, code: ErrorCode, message: str) -> None: ...
    @property
    def code(self) -> ErrorCode: ...
    @property
    def message(self) -> str: ...

class Bytes:
    """An immutable, reference-counted, read-only buffer; a null value and an empty one differ."""

    def __init__(self, bytes: Buffer | None = None) -> None: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    @property
    def data(self) -> bytes | None: ...
    @property
    def len(self) -> int: ...
    def __len__(self) -> int: ...

def write_memory_file(payload: Payload) -> int:
    """Write a payload to a new memory file, seal it, and return its descriptor; the GIL is released meanwhile.

    Raise OSError.
    """

def map_memory_file(descriptor: int, size_bytes: int) -> Bytes:
    """Return the first bytes of a sealed memory file. The descriptor may be closed then.

    The memory may be written by who owns the buffer: it is copied page by page where that happens. Raise OSError, also
    for a file that is shorter or not sealed.
    """

class Message:
    def __init__(self, address: Bytes | Buffer | None, payload: Bytes | Buffer) -> None: ...
    @property
    def address(self) -> Bytes | None: ...
    @property
    def payload(self) -> Bytes: ...

Payload: TypeAlias = Buffer | Sequence[Buffer]
"""One frame: a buffer, or several that are sent one behind the other as a single frame."""

Received: TypeAlias = tuple[bytes, Bytes] | tuple[bytes, PeerEvent] | tuple[int, ErrorCode]
"""(peer identity, frame), (peer identity, event), or (token of a send, how it ended; Uninit for success)."""

class Context:
    """Owns the I/O threads. Closing it (or process exit) closes its sockets."""

    def __init__(self, num_threads: int = 1) -> None: ...
    @property
    def num_threads(self) -> int: ...

class Statistics:
    @property
    def peers(self) -> int: ...
    @property
    def received_messages(self) -> int: ...
    @property
    def sent_messages(self) -> int: ...
    @property
    def inbound_bytes(self) -> int: ...
    @property
    def outbound_bytes(self) -> int: ...
    @property
    def dropped_messages(self) -> int: ...

class Port:
    """A socket for other extension modules, which call it without Python. It keeps the context, not the connections."""

class Socket:
    def __init__(
        self,
        context: Context,
        identity: bytes,
        socket_type: IOSocketType,
        *,
        handshake: Handshake = Handshake.hello,
        role: Role = Role.unknown,
        cluster_id: bytes = b"",
        session_timeout_seconds: float = 60.0,
        ping_interval_seconds: float = 5.0,
        outbound_bound_bytes: int = 1 << 28,
        inbound_bound_bytes: int = 1 << 26,
        maximum_frame_bytes: int = 1 << 29,
        local_channel: bool = True,
    ) -> None: ...
    @property
    def identity(self) -> bytes: ...
    @property
    def socket_type(self) -> IOSocketType: ...
    @property
    def port(self) -> Port: ...
    @property
    def connect_failure(self) -> str:
        """Why the last connecting came to nothing: what the other side said when it refused, or how the last attempt
        before giving up failed; empty when neither has happened."""

    def set_session_timeout(self, role: Role, seconds: float) -> None:
        """Let sessions of peers of one role end after another time without a sign of life."""

    def bind(self, address: str) -> str:
        """Listen, and return the address with the real port. Raise YMQException."""

    def connect(self, address: str, give_up_seconds: float = 60.0) -> None:
        """Start connecting and return at once; the outcome is a PeerEvent. Raise YMQException for a bad address."""

    def send(self, address: bytes | None, payload: Payload, token: int = 0) -> None:
        """Queue one message and start writing it. Raise YMQException when it cannot be accepted.

        With a token other than 0, (token, ErrorCode) is received once the message was handed to the kernel or failed.
        A ``Bytes``, and any buffer of 64 KiB or more, is referred to and not copied: it must not be changed until the
        message was delivered (which a buffer that can be resized shows by being exported).
        """

    def send_now(self, address: bytes | None, payload: Payload, token: int) -> bool:
        """Do as ``send``, and return whether the message was handed to the kernel already: then no token comes."""

    def send_many(self, messages: Sequence[tuple[bytes | None, Payload]]) -> list[tuple[int, ErrorCode]]:
        """Queue all messages, write once per peer, and return (index, why) of those that were not accepted.

        What ``send_soon`` left is written too, so an empty sequence does just that.
        """

    def send_soon(self, address: bytes | None, payload: Payload, delay_seconds: float = 0.0005) -> None:
        """Queue one message that is written with the next one, or after the delay by the I/O thread."""

    def fileno(self) -> int:
        """Return a descriptor that is readable while ``drain`` has something to return.

        From then on the I/O thread does all the receiving, unless the socket is added to a ``Poller``.
        """

    @overload
    def drain(self, maximum: int = 1024) -> list[Received]: ...
    @overload
    def drain(self, maximum: int, copy_below_bytes: int) -> list[Received | tuple[bytes, bytes]]:
        """Return what was received, oldest first, without waiting.

        Messages of less than ``copy_below_bytes`` come as ``bytes``: where they are many, those cost less to make, to
        look into and to keep.
        """

    def recv_batch(
        self, timeout_seconds: float | None = None, maximum: int = 1024, into: list[Received] | None = None
    ) -> list[Received]:
        """Wait without the GIL until something was received; an empty list means time-out or ``interrupt``.

        Appends to the list ``into`` and returns it, when it is given: then nothing is lost should a signal handler
        raise just when this call returns.

        Raise YMQException (IOSocketStopRequested) on a stopped socket once everything was taken.
        """

    def interrupt(self) -> None:
        """Let every waiting ``recv_batch`` return an empty list now; when none waits, the next one that would."""

    def peer_role(self, identity: bytes) -> Role: ...
    def close_connection(self, identity: bytes) -> None:
        """End the session with a peer, behind what was sent to it; ``lost`` is received. Unknown peers are ignored."""

    def request_stop(self) -> None:
        """Take no more messages and peers; what was sent is still written. Waiting ``recv_batch`` calls end."""

    def close(self, linger_seconds: float = 1.0) -> bool:
        """Write what is queued within the linger, say goodbye, close; return whether all was written. Idempotent."""

    def statistics(self) -> Statistics: ...

class Poller:
    """Waits for sockets of one I/O thread, and for one descriptor, and does that thread's work meanwhile.

    All calls are made by one thread.
    """

    def __init__(self, socket: Socket, descriptor: int) -> None:
        """Watch the descriptor; wait for sockets that share the I/O thread of this one, once they are added."""

    def add(self, socket: Socket) -> bool:
        """Wait for a socket, too; return False for one of another I/O thread, which is not waited for."""

    def remove(self, socket: Socket) -> None: ...
    def wait(self, timeout_seconds: float | None) -> list[Socket | int]:
        """Wait without the GIL, and return what is ready: sockets to be drained, and the descriptor.

        The descriptor may be returned although it is not readable. The list is empty when time is up, after a signal,
        and sometimes without a reason. No time-out waits until something is ready.
        """

def set_log_descriptor(descriptor: int) -> None:
    """Write the lines of all sockets of the process to a descriptor, a pipe's, each with its level's name in front.

    -1 is the standard error stream again, which gets warnings and errors only. The one before is not used any more.
    """
