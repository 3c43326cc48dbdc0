"""Logs how long something took."""

from __future__ import annotations

import datetime
import functools
import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class ScopedLogger:
    """Context manager that logs the beginning and the end of a block, with the time it took."""

    def __init__(self, message: str, logging_level: int = logging.INFO) -> None:
        self._message = message
        self._level = logging_level
        self._began = 0.0

    def __enter__(self) -> ScopedLogger:
        logging.log(self._level, "beginning %s", self._message)
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        took = datetime.timedelta(seconds=time.perf_counter() - self._began)
        logging.log(self._level, "completed %s in %s", self._message, took)


def log_function(
    logging_level: int = logging.INFO,
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Decorate a function so that each call is logged, with the time it took."""

    def decorate(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        code = getattr(function, "__code__", None)
        place = f"{code.co_filename}:{code.co_firstlineno}" if code is not None else function.__module__

        @functools.wraps(function)
        def logged(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            with ScopedLogger(f"execute {function.__name__} at {place}", logging_level):
                return function(*args, **kwargs)

        return logged

    return decorate
