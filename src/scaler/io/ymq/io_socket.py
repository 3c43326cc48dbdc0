"""Sockets that handle one message per call, for asyncio and for threads.

Whoever receives, takes what the native socket received and completes the futures of waiting calls: a thread that waits
in one of the ``_sync`` calls, or a thread that each socket has for when there is none (``reception.py``). A lock guards
what they share. A message is handed over only when its receiver still waits, so neither a cancelled nor a timed-out
``recv`` loses one.
"""

import asyncio
import concurrent.futures
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, TypeVar

from scaler.io.ymq._ymq import (
    Bytes,
    Context,
    ErrorCode,
    IOSocketType,
    Message,
    PeerEvent,
    Socket,
    YMQException,
)
from scaler.io.ymq.reception import Reception

if TYPE_CHECKING:
    from scaler.io.ymq._ymq import Received

__all__ = ["IOContext", "IOSocket"]

_Result = TypeVar("_Result")

CONNECT_TIMEOUT_SECONDS = 60.0
UNKNOWN_PEER_SECONDS = 60.0
UNKNOWN_PEER_BYTES = 1 << 28
FULL_QUEUE_RETRY_SECONDS = 0.005
CLOSE_LINGER_SECONDS = 1.0
_LONGEST_MESSAGE_BYTES = 1 << 42
"""Applications send what they like: only what no machine could hold is refused."""


def _failure(code: ErrorCode, context: str = "") -> YMQException:
    return YMQException(code, f"{code.explanation()}: {context}" if context else code.explanation())


class _Send:
    """One message on its way, with the future of its sender."""

    __slots__ = ("address", "deadline", "done", "payload")

    def __init__(self, message: Message) -> None:
        self.address = None if message.address is None else bytes(message.address)
        self.payload = message.payload
        self.done: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.deadline = time.monotonic() + UNKNOWN_PEER_SECONDS


class _Dispatcher:
    """Owns a native socket and the calls that wait for it; the thread refers to this and not to the public socket."""

    def __init__(self, context: Context, identity: bytes, socket_type: IOSocketType) -> None:
        self.socket = Socket(context, identity, socket_type, maximum_frame_bytes=_LONGEST_MESSAGE_BYTES)
        self._socket_type = socket_type
        self._lock = threading.RLock()  # for a signal handler may use the socket in the midst of a call
        self._messages: deque[Message] = deque()
        self._receivers: deque[concurrent.futures.Future[Message]] = deque()
        self._receive_failure: ErrorCode | None = None
        self._connecting: concurrent.futures.Future[None] | None = None
        self._sends: dict[int, _Send] = {}
        self._last_token = 0
        # To peers that are not there yet, and to peers whose queue is full; in order. A binder bounds the bytes; for
        # the only peer of a connector the senders themselves wait.
        self._deferred: deque[_Send] = deque()
        self._deferred_bytes = 0
        self._received: list[Received] = []
        self._is_stopped = False
        self._reception = Reception(self._step, self.socket.interrupt, lambda: self._is_stopped)
        self._thread = threading.Thread(target=self._reception.run, name=f"ymq-{identity[:16]!r}", daemon=True)
        self._thread.start()

    def wait(self, future: "concurrent.futures.Future[_Result]", timeout: float | None) -> _Result:
        """Return the result of a future, and receive until it is there if nobody else does."""
        if not future.done():
            self._reception.wait(future.done, lambda left: concurrent.futures.wait([future], left), timeout)
        return future.result(0)

    def keep_receiving(self) -> None:
        """Let the thread receive for futures that nobody waits for in ``wait``."""
        self._reception.call_thread()

    def connect(self, address: str) -> "concurrent.futures.Future[None]":
        done: concurrent.futures.Future[None] = concurrent.futures.Future()
        with self._lock:
            self.socket.connect(address, CONNECT_TIMEOUT_SECONDS)
            self._receive_failure = None
            self._connecting = done
        return done

    def send(self, message: Message) -> "concurrent.futures.Future[None]":
        send = _Send(message)
        with self._lock:
            # What waits for a peer must not be overtaken by a later message to the same one.
            if any(waiting.address == send.address for waiting in self._deferred) or not self._try_send(send):
                self._defer(send)
        return send.done

    def send_at_once(self, message: Message) -> "concurrent.futures.Future[None] | None":
        """Send; return None when the message was handed to the system, and else a future of that."""
        address = None if message.address is None else bytes(message.address)
        with self._lock:
            if not self._deferred:
                self._last_token += 1
                try:
                    if self.socket.send_now(address, message.payload, self._last_token):
                        return None
                    send = self._sends[self._last_token] = _Send(message)
                    return send.done
                except YMQException:  # the ordinary way tells what to do about it
                    pass
        return self.send(message)

    def receive_here(self, timeout: float | None) -> Message | None:
        """Return the next message, and receive it on this thread. Return None when that cannot be, or time is up."""
        found: list[Message] = []

        def is_found() -> bool:
            with self._lock:
                if self._messages and not found:
                    found.append(self._messages[0])  # then removed: a signal handler that raises must not lose it
                    del self._messages[0]
                return bool(found) or self._receive_failure is not None

        try:
            if not is_found():
                self._reception.receive_until(is_found, None if timeout is None else time.monotonic() + timeout)
        except BaseException:
            with self._lock:
                self._messages.extendleft(found)
                self._hand_over()
            raise
        return found[0] if found else None

    def receive(self) -> "concurrent.futures.Future[Message]":
        receiver: concurrent.futures.Future[Message] = concurrent.futures.Future()
        with self._lock:
            if self._messages:
                receiver.set_result(self._messages.popleft())
            elif self._receive_failure is not None:
                receiver.set_exception(_failure(self._receive_failure))
            else:
                self._receivers.append(receiver)
        return receiver

    def give_back(self, receiver: "concurrent.futures.Future[Message]") -> None:
        """Take a receiver out of the queue, and its message back if it got one that nobody will see."""
        with self._lock:
            if receiver.cancel():
                if receiver in self._receivers:
                    self._receivers.remove(receiver)
            elif receiver.exception() is None:
                self._messages.appendleft(receiver.result())
                self._hand_over()

    def close(self) -> None:
        self.socket.close(CLOSE_LINGER_SECONDS)

    def _step(self, limit_seconds: float | None) -> None:
        if not self._received:
            timeout_seconds = FULL_QUEUE_RETRY_SECONDS if self._deferred else limit_seconds
            if limit_seconds is not None and timeout_seconds is not None:
                timeout_seconds = min(timeout_seconds, limit_seconds)
            try:
                self.socket.recv_batch(timeout_seconds, into=self._received)
            except YMQException:
                self._on_stopped()
                return
        with self._lock:
            while self._received:
                item = self._received[0]
                del self._received[0]
                self._on_received(item)
            self._hand_over()
            self._retry_deferred()

    def _on_received(self, item: "Received") -> None:
        peer, content = item
        if isinstance(content, Bytes):
            address = b"" if self._socket_type == IOSocketType.Connector else peer
            assert isinstance(address, bytes)
            self._messages.append(Message(address, content))
        elif isinstance(content, PeerEvent):
            self._on_event(content)
        else:
            assert isinstance(peer, int)
            send = self._sends.pop(peer, None)
            if send is not None:
                self._finish(send, content)

    def _on_event(self, event: PeerEvent) -> None:
        if event == PeerEvent.connected:
            self._finish_connecting(None)
        elif event == PeerEvent.refused:
            self._finish_connecting(_failure(ErrorCode.Refused, self.socket.connect_failure))
        else:
            self._finish_connecting(_failure(ErrorCode.ConnectFailed, self.socket.connect_failure))
        if event == PeerEvent.connected:
            self._receive_failure = None
        elif self._socket_type == IOSocketType.Connector:
            self._receive_failure = ErrorCode.ConnectorSocketClosedByRemoteEnd
            self._hand_over()
            self._fail_receivers(self._receive_failure)
        elif self._socket_type in (IOSocketType.Unicast, IOSocketType.Multicast):
            self._hand_over()
            self._fail_receivers(ErrorCode.RemoteEndDisconnectedOnSocketWithoutGuaranteedDelivery)

    def _on_stopped(self) -> None:
        self._is_stopped = True
        with self._lock:
            self._receive_failure = ErrorCode.IOSocketStopRequested
            self._fail_receivers(self._receive_failure)
            sends = [*self._sends.values(), *self._deferred]
            self._sends.clear()
            self._deferred.clear()
            for send in sends:
                self._finish(send, ErrorCode.IOSocketStopRequested)
            self._finish_connecting(_failure(ErrorCode.IOSocketStopRequested))

    def _finish_connecting(self, failure: YMQException | None) -> None:
        connecting, self._connecting = self._connecting, None
        if connecting is None or not connecting.set_running_or_notify_cancel():
            return
        if failure is None:
            connecting.set_result(None)
        else:
            connecting.set_exception(failure)

    def _hand_over(self) -> None:
        while self._messages and self._receivers:
            receiver = self._receivers.popleft()
            if receiver.set_running_or_notify_cancel():
                receiver.set_result(self._messages.popleft())

    def _fail_receivers(self, code: ErrorCode) -> None:
        while self._receivers:
            receiver = self._receivers.popleft()
            if receiver.set_running_or_notify_cancel():
                receiver.set_exception(_failure(code))

    def _try_send(self, send: _Send) -> bool:
        """Return whether the message was taken or has failed, and need not be tried again."""
        self._last_token += 1
        token = self._last_token
        self._sends[token] = send
        try:
            if self.socket.send_now(send.address, send.payload, token):
                del self._sends[token]
                self._finish(send, ErrorCode.Uninit)
        except YMQException as exception:
            del self._sends[token]
            unknown = exception.code == ErrorCode.PeerUnknown and time.monotonic() < send.deadline
            if unknown or exception.code == ErrorCode.PeerQueueFull:
                return False
            self._finish(send, exception.code)
        return True

    def _defer(self, send: _Send) -> None:
        unknown_bytes = self._deferred_bytes if self._socket_type != IOSocketType.Connector else 0
        if unknown_bytes + len(send.payload) > UNKNOWN_PEER_BYTES and unknown_bytes:
            self._finish(send, ErrorCode.PeerQueueFull)
            return
        self._deferred.append(send)
        self._deferred_bytes += len(send.payload)
        if len(self._deferred) == 1:
            # Whoever receives may be waiting without a time-out.
            self.socket.interrupt()
            self._reception.call_thread()

    def _retry_deferred(self) -> None:
        blocked: set[bytes | None] = set()
        for _ in range(len(self._deferred)):
            send = self._deferred.popleft()
            if send.address not in blocked and (send.done.cancelled() or self._try_send(send)):
                self._deferred_bytes -= len(send.payload)
            else:
                blocked.add(send.address)
                self._deferred.append(send)

    @staticmethod
    def _finish(send: _Send, code: ErrorCode) -> None:
        if not send.done.set_running_or_notify_cancel():
            return
        if code == ErrorCode.Uninit:
            send.done.set_result(None)
        else:
            send.done.set_exception(_failure(code))


class IOSocket:
    """A socket of an ``IOContext``; made by its ``createIOSocket``."""

    def __init__(self, context: Context, identity: str, socket_type: IOSocketType) -> None:
        self._identity = identity
        self._socket_type = socket_type
        self._dispatcher = _Dispatcher(context, identity.encode(), socket_type)
        self._finalizer = weakref.finalize(self, self._dispatcher.close)

    def __repr__(self) -> str:
        return f"<IOSocket at {id(self):#x}>"

    @property
    def identity(self) -> str:
        """Return the name peers know this socket by."""
        return self._identity

    @property
    def socket_type(self) -> IOSocketType:
        """Return the type given at creation."""
        return self._socket_type

    async def bind(self, address: str) -> str:
        """Listen, and return the address with its real port."""
        return await asyncio.get_running_loop().run_in_executor(None, self._dispatcher.socket.bind, address)

    async def connect(self, address: str) -> None:
        """Connect, and return once connected. Raise YMQException when that fails for good."""
        connecting = self._dispatcher.connect(address)
        self._dispatcher.keep_receiving()
        await asyncio.wrap_future(connecting)

    async def send(self, message: Message) -> None:
        """Send, and return once the message was handed to the system."""
        sending = self._dispatcher.send(message)
        self._dispatcher.keep_receiving()
        await asyncio.wrap_future(sending)

    async def recv(self) -> Message:
        """Return the next message."""
        receiver = self._dispatcher.receive()
        self._dispatcher.keep_receiving()
        try:
            return await asyncio.shield(asyncio.wrap_future(receiver))
        except asyncio.CancelledError:
            self._dispatcher.give_back(receiver)
            raise

    def bind_sync(self, address: str, timeout: float | None = None) -> str:
        """Do as ``bind``; it does not wait, so the time-out is of no effect."""
        return self._dispatcher.socket.bind(address)

    def connect_sync(self, address: str, timeout: float | None = None) -> None:
        """Do as ``connect``. Raise concurrent.futures.TimeoutError when it takes longer; it goes on then."""
        self._dispatcher.wait(self._dispatcher.connect(address), timeout)

    def send_sync(self, message: Message, timeout: float | None = None) -> None:
        """Do as ``send``. Raise concurrent.futures.TimeoutError when it takes longer; it is still sent then."""
        sending = self._dispatcher.send_at_once(message)
        if sending is not None:
            self._dispatcher.wait(sending, timeout)

    def recv_sync(self, timeout: float | None = None) -> Message:
        """Return the next message. Raise concurrent.futures.TimeoutError when there is none in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        message = self._dispatcher.receive_here(timeout)
        if message is not None:
            return message
        receiver = self._dispatcher.receive()
        try:
            return self._dispatcher.wait(receiver, None if deadline is None else max(0.0, deadline - time.monotonic()))
        except BaseException:  # of whatever a signal handler raises
            self._dispatcher.give_back(receiver)
            raise

    def close_connection(self, identity: bytes) -> None:
        """End the connection with one peer, behind what was sent to it."""
        self._dispatcher.socket.close_connection(identity)

    def request_stop(self) -> None:
        """Fail what waits and what is called from now on; what was sent is still written."""
        self._dispatcher.socket.request_stop()

    def close(self) -> None:
        """Write what was sent, and close. Idempotent."""
        self._finalizer()


class IOContext:
    """Makes sockets that share I/O threads."""

    def __init__(self, num_threads: int = 1) -> None:
        self._context = Context(num_threads)

    def __repr__(self) -> str:
        return f"<IOContext at {id(self):#x}>"

    @property
    def num_threads(self) -> int:
        """Return the number of I/O threads."""
        return self._context.num_threads

    async def createIOSocket(self, /, identity: str, socket_type: IOSocketType) -> IOSocket:
        """Return a new socket."""
        return self.createIOSocket_sync(identity, socket_type)

    def createIOSocket_sync(self, /, identity: str, socket_type: IOSocketType) -> IOSocket:
        """Return a new socket."""
        if not isinstance(socket_type, IOSocketType):
            raise TypeError("expected socket_type to be of type IOSocketType")
        return IOSocket(self._context, identity, socket_type)
