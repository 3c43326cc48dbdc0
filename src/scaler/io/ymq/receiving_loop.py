"""An asyncio loop that lets the readers of sockets of ours receive while it selects.

Design note. A reader that was added for a ``Socket`` is called inside ``select``, which then selects again, instead of
by a handle in the next turn of the loop: what a turn costs is more than what most messages cost. ``select`` returns as
soon as there is something for the loop: a descriptor, a timer that is due, a signal, or something that was scheduled
meanwhile; the loop's thread schedules through the methods below, other threads write to a descriptor of the loop.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from scaler.io.ymq.selector import SocketSelector
from scaler.io.ymq.ymq import Socket

if TYPE_CHECKING:
    import contextvars

    from _typeshed import FileDescriptorLike
    from typing_extensions import TypeVarTuple, Unpack

    _Arguments = TypeVarTuple("_Arguments")

__all__ = ["ReceivingLoop"]


class ReceivingLoop(asyncio.SelectorEventLoop):
    """Does as its base class, faster for readers of our sockets; those run in no context of their own."""

    def __init__(self) -> None:
        self._sockets = SocketSelector()
        super().__init__(self._sockets)

    def add_reader(
        self, fd: FileDescriptorLike, callback: Callable[[Unpack[_Arguments]], Any], *args: Unpack[_Arguments]
    ) -> None:
        """Call the callback whenever there is something to read; a socket of ours, it has to drain."""
        if isinstance(fd, Socket) and self._sockets.serve(fd, functools.partial(self._receive, callback, args)):
            return
        super().add_reader(fd, callback, *args)

    def remove_reader(self, fd: FileDescriptorLike) -> bool:
        """Call the callback no more, and return whether there was one."""
        if isinstance(fd, Socket) and not self.is_closed() and self._sockets.stop_serving(fd):
            return True
        return super().remove_reader(fd)

    def call_soon(
        self,
        callback: Callable[[Unpack[_Arguments]], object],
        *args: Unpack[_Arguments],
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Call the callback in the next turn."""
        self._sockets.release()
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[_Arguments]], object],
        *args: Unpack[_Arguments],
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Call the callback at a time of the loop."""
        self._sockets.release()  # it may be due before what was known when selecting began
        return super().call_at(when, callback, *args, context=context)

    def stop(self) -> None:
        """Let the loop return after this turn."""
        self._sockets.release()
        super().stop()

    def _receive(self, callback: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            callback(*args)
        except Exception as error:
            self.call_exception_handler({"message": f"Exception in reader {callback!r}", "exception": error})
