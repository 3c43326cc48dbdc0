"""Chooses the implementation of the asyncio loop."""

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

EVENT_LOOPS = ("builtin", "uvloop")
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_in_event_loop(event_loop: str, main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end in a new loop; raise TypeError for an unknown kind, ImportError without uvloop.

    SIGINT and SIGTERM are ignored afterwards if the loop had handlers for them: the process ends already.
    """
    try:
        run = _runner(event_loop)
    except (TypeError, ImportError):
        main.close()
        raise
    logging.info("use event loop: %s", event_loop)
    result: Result = run(_heeding_signals_no_more(main))
    return result


async def _heeding_signals_no_more(main: Coroutine[Any, Any, Result]) -> Result:
    """Ignore, behind a coroutine, the signals that it has heeded: closing the loop would let them kill the process."""
    try:
        return await main
    finally:
        loop = asyncio.get_running_loop()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        for number in _STOP_SIGNALS:
            if loop.remove_signal_handler(number):
                signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _runner(event_loop: str) -> Any:
    if event_loop not in EVENT_LOOPS:
        raise TypeError(f"event_loop must be one of {', '.join(EVENT_LOOPS)}, got {event_loop!r}")
    if event_loop == "builtin":
        return _run_with_socket_selector
    try:
        import uvloop
    except ImportError:
        raise ImportError("the event loop 'uvloop' is not installed: pip install opengris-scaler[uvloop]") from None
    return uvloop.run


def _run_with_socket_selector(main: Coroutine[Any, Any, Result]) -> Result:
    """Do as ``asyncio.run``, in a loop that receives the messages of our sockets itself."""
    from scaler.io.ymq.receiving_loop import ReceivingLoop

    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=ReceivingLoop) as runner:
            return runner.run(main)

    class Policy(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            return ReceivingLoop()

    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(Policy())
    try:
        return asyncio.run(main)
    finally:
        asyncio.set_event_loop_policy(before)
