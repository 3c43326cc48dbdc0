"""Chooses the implementation of the asyncio loop."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

EVENT_LOOPS = ("builtin", "uvloop")


def run_in_event_loop(event_loop: str, main: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end in a new loop; raise TypeError for an unknown kind, ImportError without uvloop."""
    try:
        run = _runner(event_loop)
    except (TypeError, ImportError):
        main.close()
        raise
    logging.info("use event loop: %s", event_loop)
    result: Result = run(main)
    return result


def _runner(event_loop: str) -> Any:
    if event_loop not in EVENT_LOOPS:
        raise TypeError(f"event_loop must be one of {', '.join(EVENT_LOOPS)}, got {event_loop!r}")
    if event_loop == "builtin":
        return asyncio.run
    try:
        import uvloop
    except ImportError:
        raise ImportError("the event loop 'uvloop' is not installed: pip install opengris-scaler[uvloop]") from None
    return uvloop.run
