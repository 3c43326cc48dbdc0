"""Functions are serialized once where that is safe, and anew wherever something could have changed."""

from __future__ import annotations

import colorsys
import functools
import importlib
import math
import operator
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import cloudpickle
import pytest

from scaler.client.function_cache import FunctionCache
from scaler.client.serializer.default import DefaultSerializer

SOURCE = """
import functools
import threading
import collections
import math
import xml
FACTOR = 3
TABLE = [1]
class Scale: pass
def plain(x): return x * x
def scaled(x): return FACTOR * x
def inner(x): return math.sqrt(x) + FACTOR
def outer(x): return inner(x)
def recursive(n): return recursive(n - 1) if n else 1
def with_default(x, y=2, *, z="a"): return x
def with_list_default(x, y=[]): return x
def uses_table(x): return TABLE
def uses_class(x): return Scale()
def uses_package(x): return xml.sax
def uses_inner_package(x): return xml.etree.ElementTree
def nested(x): return (lambda y: FACTOR * y)(x)
LOCK = threading.Lock()
def uses_lock(x): return LOCK
@functools.singledispatch
def dispatched(x): return x
def make_closure():
    value = [0]
    return lambda: value
"""


@pytest.fixture
def cache() -> FunctionCache:
    return FunctionCache(DefaultSerializer())


@pytest.fixture
def script() -> Iterator[Any]:
    """A module whose functions are pickled by value, as those of a script are."""
    module = types.ModuleType("__main__")
    exec(SOURCE, module.__dict__)
    yield module


def call(record: Any, *args: Any) -> Any:
    payload = record.payload if isinstance(record.payload, bytes) else b"".join(record.payload)
    return cloudpickle.loads(payload)(*args)


@pytest.mark.parametrize("function", [math.sqrt, functools.reduce, operator.itemgetter, int, max, None])
def test_importable_functions_are_serialized_once(cache: FunctionCache, function: Callable[..., Any] | None) -> None:
    function = function or test_importable_functions_are_serialized_once
    assert cache.record(function) is cache.record(function)
    assert len(cache) == 1


@pytest.mark.parametrize("name", ["plain", "scaled", "inner", "outer", "recursive", "with_default", "nested"])
def test_stable_functions_of_scripts_are_serialized_once(cache: FunctionCache, script: Any, name: str) -> None:
    function = getattr(script, name)
    assert cache.record(function) is cache.record(function)


@pytest.mark.parametrize("name", ["with_list_default", "uses_table", "uses_class"])
def test_functions_that_refer_to_mutable_objects_are_serialized_each_time(
    cache: FunctionCache, script: Any, name: str
) -> None:
    function = getattr(script, name)
    assert cache.record(function) is not cache.record(function)
    assert len(cache) == 0


@pytest.mark.parametrize(
    "make",
    [lambda script: script.make_closure(), lambda script: functools.partial(script.plain, 1), lambda _: [].append],
)
def test_closures_partials_and_methods_are_serialized_each_time(cache: FunctionCache, script: Any, make: Any) -> None:
    function = make(script)
    assert cache.record(function) is not cache.record(function)


def test_changed_global_is_seen(cache: FunctionCache, script: Any) -> None:
    assert call(cache.record(script.scaled), 2) == 6
    script.FACTOR = 10
    assert call(cache.record(script.scaled), 2) == 20


def test_changed_global_of_a_called_function_is_seen(cache: FunctionCache, script: Any) -> None:
    assert call(cache.record(script.outer), 4) == 5
    script.FACTOR = 10
    assert call(cache.record(script.outer), 4) == 12


def test_replaced_function_is_seen(cache: FunctionCache, script: Any) -> None:
    cache.record(script.outer)
    script.inner = script.plain
    assert call(cache.record(script.outer), 4) == 16


def test_changed_code_defaults_and_attributes_are_seen(cache: FunctionCache, script: Any) -> None:
    function = script.with_default
    first = cache.record(function)
    function.__defaults__ = (5,)
    second = cache.record(function)
    function.__kwdefaults__ = {"z": "b"}
    third = cache.record(function)
    function.__code__ = (lambda x, y=2, *, z="a": -x).__code__
    fourth = cache.record(function)
    function.note = [1]
    fifth = cache.record(function)
    assert len({record.digest for record in (first, second, third, fourth, fifth)}) == 5
    assert call(fourth, 3) == -3


def test_name_that_came_to_exist_is_seen(cache: FunctionCache, script: Any) -> None:
    exec("def late(): return LATER", script.__dict__)
    cache.record(script.late)
    script.LATER = 5
    assert call(cache.record(script.late)) == 5


def test_module_of_a_package_loaded_later_is_seen(
    cache: FunctionCache, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "xml.sax", raising=False)
    first = cache.record(script.uses_package)
    assert cache.record(script.uses_package) is first
    monkeypatch.setitem(sys.modules, "xml.sax", types.ModuleType("xml.sax"))
    assert cache.record(script.uses_package).digest != first.digest


def test_module_inside_a_loaded_package_loaded_later_is_seen(
    cache: FunctionCache, script: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    importlib.import_module("xml.etree")
    monkeypatch.delitem(sys.modules, "xml.etree.ElementTree", raising=False)
    before = cache.record(script.uses_inner_package)
    assert cache.record(script.uses_inner_package) is before
    monkeypatch.setitem(sys.modules, "xml.etree.ElementTree", types.ModuleType("xml.etree.ElementTree"))
    assert cache.record(script.uses_inner_package).digest != before.digest


def test_module_registered_for_pickling_by_value_is_seen(cache: FunctionCache) -> None:
    first = cache.record(colorsys.rgb_to_hsv)
    cloudpickle.register_pickle_by_value(colorsys)
    try:
        assert cache.record(colorsys.rgb_to_hsv).digest != first.digest
    finally:
        cloudpickle.unregister_pickle_by_value(colorsys)
    assert cache.record(colorsys.rgb_to_hsv).digest == first.digest


def test_equal_functions_have_one_digest(cache: FunctionCache, script: Any) -> None:
    value = 5
    functions = [lambda: value for _ in range(2)]
    assert cache.record(functions[0]).digest == cache.record(functions[1]).digest
    assert cache.record(functions[0]).digest != cache.record(script.plain).digest


def test_other_serializers_are_asked_each_time() -> None:
    class Counting(DefaultSerializer):
        pass

    cache = FunctionCache(Counting())
    assert cache.record(math.sqrt) is not cache.record(math.sqrt)


def test_cache_is_bounded(cache: FunctionCache) -> None:
    for number in range(3000):
        cache.record(eval(f"lambda: {number}"))
    assert len(cache) <= 1024


def test_names_for_monitoring(cache: FunctionCache, script: Any) -> None:
    assert cache.record(script.plain).name == b"plain"
    assert cache.record(functools.partial(script.plain, 1)).name == b""


@pytest.mark.parametrize(("name", "reason"), [("uses_lock", "_thread.lock"), ("dispatched", "weakref")])
def test_a_function_that_cannot_be_serialized_is_named_with_the_remedy(
    cache: FunctionCache, script: Any, name: str, reason: str
) -> None:
    with pytest.raises(
        TypeError, match=f"^function {name} cannot be serialized: .*{reason}.* module which workers can"
    ):
        cache.record(getattr(script, name))
