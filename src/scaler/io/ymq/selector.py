"""A selector for asyncio that waits for sockets of ours without a descriptor, a second thread or a second wait."""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scaler.io.ymq.ymq import Poller, Socket

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

__all__ = ["SocketSelector"]

_Event = tuple[selectors.SelectorKey, int]


class SocketSelector(selectors.BaseSelector):
    """Waits in a ``Poller`` once a ``Socket`` is registered, and in the system's selector for everything else.

    A socket that is registered by itself, and not by its ``fileno()``, is received by the thread that selects. Sockets
    of other contexts, or of further I/O threads, are watched by their descriptor.

    A socket may be served instead: then ``select`` calls a function when there is something to receive, and goes on
    selecting. It must not raise.
    """

    def __init__(self) -> None:
        self._descriptors = selectors.EpollSelector()
        self._sockets: dict[int, selectors.SelectorKey] = {}
        self._served: dict[int, Callable[[], None]] = {}
        self._poller: Poller | None = None
        self._is_released = False

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        """Wait for a socket of ours to receive something, or for anything else as the system's selector does."""
        if isinstance(fileobj, Socket) and events == selectors.EVENT_READ:
            descriptor = fileobj.fileno()
            if descriptor in self._sockets:
                raise KeyError(f"{fileobj!r} is already registered")
            if self._poller is None:
                self._poller = Poller(fileobj, self._descriptors.fileno())
            if self._poller.add(fileobj):
                key = self._sockets[descriptor] = selectors.SelectorKey(fileobj, descriptor, events, data)
                return key
        return self._descriptors.register(fileobj, events, data)

    def serve(self, socket: Socket, function: Callable[[], None]) -> bool:
        """Register a socket to be served; return False for one that is watched by its descriptor, which cannot be."""
        descriptor = socket.fileno()
        if descriptor not in self._sockets:
            self.register(socket, selectors.EVENT_READ)
            if descriptor not in self._sockets:
                self._descriptors.unregister(socket)
                return False
        self._served[descriptor] = function
        return True

    def stop_serving(self, socket: Socket) -> bool:
        """Unregister a socket that is served; return whether it was."""
        if socket.fileno() not in self._served:
            return False
        self.unregister(socket)
        return True

    def release(self) -> None:
        """Let ``select`` return after the function that it calls now, though nothing is ready."""
        self._is_released = True

    def unregister(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """Wait for it no more. Raise KeyError when it is not registered."""
        descriptor = _descriptor_of(fileobj)
        key = self._sockets.pop(descriptor, None)
        if key is None:
            return self._descriptors.unregister(fileobj)
        self._served.pop(descriptor, None)
        assert self._poller is not None
        assert isinstance(key.fileobj, Socket)
        self._poller.remove(key.fileobj)
        return key

    def modify(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> selectors.SelectorKey:
        """Change what is waited for, and the data."""
        descriptor = _descriptor_of(fileobj)
        key = self._sockets.get(descriptor)
        if key is None:
            return self._descriptors.modify(fileobj, events, data)
        if events != selectors.EVENT_READ:
            raise ValueError(f"a socket of ours can only be read, events is {events}")
        changed = self._sockets[descriptor] = key._replace(data=data)
        return changed

    def select(self, timeout: float | None = None) -> list[_Event]:
        """Return what is ready; wait for something at most so many seconds, or for ever."""
        if not self._sockets or self._poller is None:
            return self._descriptors.select(timeout)
        deadline = None if timeout is None or timeout <= 0 else time.monotonic() + timeout
        self._is_released = False
        while True:
            all_ready = self._poller.wait(timeout)
            events = self._serve_or_report(all_ready)
            if events or self._is_released or not all_ready or not self._sockets:
                return events
            if timeout is not None:
                timeout = 0.0 if deadline is None else deadline - time.monotonic()
                if timeout <= 0:
                    return events

    def _serve_or_report(self, all_ready: list[Socket | int]) -> list[_Event]:
        events: list[_Event] = []
        for ready in all_ready:
            if not isinstance(ready, Socket):
                events += self._descriptors.select(0)
                continue
            descriptor = ready.fileno()
            function = self._served.get(descriptor)
            if function is not None:
                function()
            elif descriptor in self._sockets:  # else a function has just unregistered it
                events.append((self._sockets[descriptor], selectors.EVENT_READ))
        return events

    def get_map(self) -> Mapping[FileDescriptorLike, selectors.SelectorKey]:
        """Return the keys of everything that is registered, by descriptor or object."""
        return _Registered(self._sockets, self._descriptors.get_map())

    def close(self) -> None:
        """Wait for nothing any more."""
        for key in list(self._sockets.values()):
            self.unregister(key.fd)
        self._poller = None
        self._descriptors.close()


class _Registered(Mapping[Any, selectors.SelectorKey]):
    """A view of both kinds of keys."""

    def __init__(
        self, sockets: dict[int, selectors.SelectorKey], descriptors: Mapping[Any, selectors.SelectorKey]
    ) -> None:
        self._sockets = sockets
        self._descriptors = descriptors

    def __len__(self) -> int:
        return len(self._sockets) + len(self._descriptors)

    def __getitem__(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._sockets.get(_descriptor_of(fileobj))
        return self._descriptors[fileobj] if key is None else key

    def __iter__(self) -> Iterator[Any]:
        yield from self._sockets
        yield from self._descriptors


def _descriptor_of(fileobj: FileDescriptorLike) -> int:
    return fileobj if isinstance(fileobj, int) else fileobj.fileno()
