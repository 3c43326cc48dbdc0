"""Calls are checked where they are submitted, with Python's own rules."""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from typing import Any

import pytest

from scaler.client.call_signature import CallSignature


def plain(a: Any, b: Any, c: Any = 3) -> None: ...
def variadic(a: Any, *rest: Any, **options: Any) -> None: ...
def keyword_only(a: Any, *, b: Any, c: Any = 3) -> None: ...
def positional_only(a: Any, /, b: Any) -> None: ...
def profiled(a: Any, profiling: Any = False) -> None: ...


@functools.wraps(plain)
def wrapper(*args: Any, **kwargs: Any) -> None: ...


class Callable_:
    def __call__(self, a: Any) -> None: ...

    def method(self, a: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (plain, (1, 2), {}),
        (plain, (1, 2, 3), {}),
        (plain, (1,), {"c": 4, "b": 2}),
        (plain, (), {"a": 1, "b": 2}),
        (variadic, (1, 2, 3, 4), {"x": 1, "profiling": True}),
        (keyword_only, (1,), {"b": 2}),
        (positional_only, (1,), {"b": 2}),
        (functools.partial(plain, 1, c=5), (2,), {}),
        (functools.partial(plain, 1), (2,), {"c": 3}),
        (wrapper, (1, 2, 3, 4, 5), {"anything": 1}),
        (Callable_(), (1,), {}),
        (Callable_().method, (1,), {}),
        (Callable_, (), {}),
        (math.sqrt, (4.0,), {}),
        (max, (1, 2), {}),
        (max, ([],), {"default": 0}),
        (int, ("7",), {"base": 8}),
        (dict, (), {"a": 1}),
        (profiled, (1,), {"profiling": True}),
    ],
)
def test_fitting_calls_are_passed_on_as_they_are(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    assert CallSignature(function).bind(args, kwargs) == kwargs


@pytest.mark.parametrize(
    ("function", "args", "kwargs"),
    [
        (plain, (1,), {}),
        (plain, (), {"b": 1}),
        (plain, (1, 2, 3, 4), {}),
        (plain, (1, 2), {"a": 1}),
        (plain, (1, 2), {"d": 1}),
        (variadic, (), {}),
        (keyword_only, (1,), {}),
        (keyword_only, (1, 2), {}),
        (keyword_only, (1, 2), {"b": 1}),
        (positional_only, (), {"a": 1, "b": 2}),
        (functools.partial(plain, 1, 2, 3), (4,), {}),
        (Callable_(), (), {}),
        (Callable_().method, (1, 2), {}),
        (math.sqrt, (1, 2), {}),
    ],
)
def test_calls_that_do_not_fit_are_type_errors(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        function(*args, **kwargs)
    with pytest.raises(TypeError):
        CallSignature(function).bind(args, kwargs)


def test_error_names_the_function_and_the_argument() -> None:
    with pytest.raises(TypeError, match=r"plain\(\) missing a required argument: 'b'"):
        CallSignature(plain).bind((1,), {})


@pytest.mark.parametrize("value", [5, "name", None, object()])
def test_what_cannot_be_called_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError, match="not callable"):
        CallSignature(value)


def test_unknown_profiling_keyword_is_ignored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert CallSignature(plain).bind((1, 2), {"profiling": True, "c": 4}) == {"c": 4}
    assert "profiling" in caplog.text
