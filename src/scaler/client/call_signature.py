"""Checks the arguments of a call where it is made, so that a wrong call fails at ``submit`` and not on a worker."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any, Final

logger = logging.getLogger(__name__)

_IGNORED_KEYWORD: Final = "profiling"  # older programs pass it to submit; profiling is always on


class CallSignature:
    """The signature of one callable; one that has none (some built-in functions) accepts every call."""

    __slots__ = ("_has_required_keyword", "_maximum", "_minimum", "_name", "_signature")

    def __init__(self, function: Callable[..., Any]) -> None:
        """Read the signature. Raise TypeError when the object cannot be called, or only be awaited."""
        if not callable(function):
            raise TypeError(f"{function!r} is not callable")
        self._name = getattr(function, "__name__", None) or repr(function)
        if _is_async(function):
            raise TypeError(
                f"{self._name}() is an async function, which cannot be a task: submit a function that calls asyncio.run"
            )
        self._minimum, self._maximum = 0, float("inf")
        self._has_required_keyword = False
        try:
            # what is called is the wrapper, with its own signature, not what it wraps
            self._signature: inspect.Signature | None = inspect.signature(function, follow_wrapped=False)
        except (TypeError, ValueError):
            self._signature = None
            return
        self._read_limits(self._signature)

    def bind(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        """Return the keywords to pass on. Raise TypeError, as the call itself would, when the arguments do not fit."""
        if not keywords and self._minimum <= len(arguments) <= self._maximum and not self._has_required_keyword:
            return keywords
        if self._signature is None:
            return keywords
        if _IGNORED_KEYWORD in keywords and not self._takes_keyword(_IGNORED_KEYWORD):
            logger.warning("%s() takes no argument %r: it is ignored", self._name, _IGNORED_KEYWORD)
            keywords = {name: value for name, value in keywords.items() if name != _IGNORED_KEYWORD}
        try:
            self._signature.bind(*arguments, **keywords)
        except TypeError as error:
            raise TypeError(f"{self._name}() {error}") from None
        return keywords

    def _read_limits(self, signature: inspect.Signature) -> None:
        positional = 0
        is_unlimited = False
        for parameter in signature.parameters.values():
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                positional += 1
                self._minimum += parameter.default is parameter.empty
            elif parameter.kind is parameter.VAR_POSITIONAL:
                is_unlimited = True
            elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
                self._has_required_keyword = True
        if not is_unlimited:
            self._maximum = float(positional)

    def _takes_keyword(self, name: str) -> bool:
        assert self._signature is not None
        parameters = self._signature.parameters
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
            return True
        parameter = parameters.get(name)
        return parameter is not None and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)


def _is_async(function: Any) -> bool:
    called = type(function).__call__  # of an object whose class defines what a call does
    return any(inspect.iscoroutinefunction(each) or inspect.isasyncgenfunction(each) for each in (function, called))
