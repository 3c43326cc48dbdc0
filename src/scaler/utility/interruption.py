"""Tells what a signal handler has raised in the midst of other code from what that code raised itself.

Such an exception, of an alarm for instance, is meant for the program that the signal has interrupted, so that code that
copes with every failure of its own must let it pass.
"""

from __future__ import annotations

from types import FrameType
from typing import Any, Final

_TAKES_MORE_ARGUMENTS: Final = 0x04  # as in the module inspect, which takes long to load
_TAKES_MORE_KEYWORDS: Final = 0x08


def is_interruption(error: BaseException) -> bool:
    """Return whether a signal handler raised the exception, or a trace function such as that of a debugger.

    These, and nothing else, are called with the frame that they interrupt.
    """
    if isinstance(error, KeyboardInterrupt):  # Python's own handler leaves no frame
        return True
    trace = error.__traceback__
    while trace is not None:
        if _is_given_a_frame(trace.tb_frame):
            return True
        trace = trace.tb_next
    return False


def _is_given_a_frame(frame: FrameType) -> bool:
    code, values = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    given: list[Any] = [values.get(name) for name in code.co_varnames[:count]]
    names_of_rest = list(code.co_varnames[count : count + 2])
    if code.co_flags & _TAKES_MORE_ARGUMENTS:
        given += values.get(names_of_rest.pop(0), ())
    if code.co_flags & _TAKES_MORE_KEYWORDS:
        given += values.get(names_of_rest.pop(0), {}).values()
    return any(isinstance(value, FrameType) for value in given)
