"""Functions with a cache, and what cannot be serialized."""

from __future__ import annotations

import functools
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest

from scaler.client.serializer.default import DefaultSerializer
from scaler.utility import pickler
from scaler.utility.serialization import deserialize, serialize, serialize_as


@functools.lru_cache(maxsize=7)
def of_a_module(value: int) -> int:
    return value


def of_the_main_file(decorate: Callable[..., Any]) -> Any:
    """Return a recursive function as the main file of a program would define it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec("def fibonacci(n): return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)", names)
    names["fibonacci"] = decorate(names["fibonacci"])
    return names["fibonacci"]


@pytest.mark.parametrize(
    ("decorate", "maximum"), [(functools.cache, None), (functools.lru_cache, 128), (functools.lru_cache(5, True), 5)]
)
def test_a_function_with_a_cache_goes_by_value_where_it_has_to(decorate: Callable[..., Any], maximum: int) -> None:
    function = of_the_main_file(decorate)
    assert function(3) == 2
    payload = serialize(DefaultSerializer(), function)
    assert isinstance(payload, bytes)
    loaded = deserialize(DefaultSerializer(), payload)
    assert loaded.cache_info() == (0, 0, maximum, 0)
    assert loaded.cache_parameters() == function.cache_parameters()
    assert loaded(60) == 1548008755920
    assert loaded.__wrapped__.__globals__["fibonacci"] is loaded


def test_a_function_with_a_cache_goes_with_what_refers_to_it() -> None:
    payload = DefaultSerializer.serialize({"by value": of_the_main_file(functools.cache), "by name": of_a_module})
    assert DefaultSerializer.deserialize(payload)["by value"](10) == 55
    assert DefaultSerializer.deserialize(payload)["by name"] is of_a_module


def test_a_function_with_a_cache_of_a_module_goes_by_name() -> None:
    assert len(pickler.dumps(of_a_module, 5)) < 80


def test_what_cannot_be_serialized_is_named() -> None:
    with pytest.raises(TypeError, match=r"^the lock cannot be serialized: cannot pickle .*lock.* \(why\)$"):
        serialize_as("the lock", DefaultSerializer(), threading.Lock(), " (why)")


class TextSerializer(DefaultSerializer):
    @staticmethod
    def serialize(obj: Any) -> Any:
        return str(obj) if isinstance(obj, int) else bytearray(obj)


def test_a_serializer_that_returns_no_bytes_is_named() -> None:
    text = "^serialize of the serializer TextSerializer must return bytes, but returned str$"
    with pytest.raises(TypeError, match=text):
        serialize(TextSerializer(), 1)
    assert serialize(TextSerializer(), b"a") == b"a"


def test_errors_of_other_kinds_stay_as_they_are() -> None:
    class Stubborn:
        def __reduce__(self) -> str:
            raise pickle.UnpicklingError("no")

    with pytest.raises(pickle.UnpicklingError, match=r"^no$"):
        serialize_as("it", DefaultSerializer(), Stubborn())
