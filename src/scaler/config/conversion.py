"""Turns texts of the command line and values of TOML files into the type of a field."""

from __future__ import annotations

import enum
import math
import types
import typing
from collections.abc import Callable
from typing import Any


def field_type(annotation: Any) -> Any:
    """Return the type of a field without ``None``."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        inner = [argument for argument in typing.get_args(annotation) if argument is not type(None)]
        return inner[0]
    return annotation


def is_many(kind: Any) -> bool:
    """Return whether the type holds several values."""
    return typing.get_origin(kind) is tuple


def expected_text(kind: Any) -> str:
    """Say in words what a value of the type looks like."""
    if is_many(kind):
        return "a list of texts"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"one of {', '.join(kind.__members__)}"
    if hasattr(kind, "to_address"):
        return "an address like tcp://127.0.0.1:2345"
    words = {int: "a whole number", float: "a number", bool: "true or false"}
    return words.get(kind, "a text")


def convert_text(kind: Any, text: Any) -> Any:
    """Convert what the command line gave; raise ValueError."""
    if kind is bool or is_many(kind):
        return tuple(text) if is_many(kind) else text
    if kind is int:
        return int(text)
    if kind is float:
        return _whole_if_possible(_finite(float(text)))
    return _convert_named(kind, text)


def convert_value(kind: Any, value: Any) -> Any:
    """Convert what a TOML file gave, without guessing between types; raise ValueError."""
    if is_many(kind):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise ValueError
    if kind is bool or isinstance(value, bool):
        return _require(kind is bool and isinstance(value, bool), value)
    if kind is int:
        return _require(isinstance(value, int), value)
    if kind is float:
        return _finite(_require(isinstance(value, (int, float)), value))
    return _convert_named(kind, _require(isinstance(value, str), value))


def _convert_named(kind: Any, text: str) -> Any:
    if kind is str:
        return text
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _require(text in kind.__members__, text) and kind[text]
    from_string: Callable[[str], Any] = kind.from_string
    return from_string(text)


def _require(condition: bool, value: Any) -> Any:
    if not condition:
        raise ValueError
    return value


def _finite(number: float) -> float:
    """Refuse NaN, which is within every limit and beyond every limit, and infinity, which no clock can wait for."""
    if not math.isfinite(number):
        raise ValueError
    return number


def _whole_if_possible(number: float) -> float:
    return int(number) if number.is_integer() else number
