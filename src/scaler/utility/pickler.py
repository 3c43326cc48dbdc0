"""The pickler of the product: cloudpickle's, which sends also functions with a cache by value where it has to."""

from __future__ import annotations

import collections
import functools
import io
import sys
from collections.abc import Callable
from typing import Any, ClassVar, Final

import cloudpickle

_CachedFunction: Final = type(functools.lru_cache(lambda: None))
_MISSING: Final = object()


class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Pickles functions of ``functools.lru_cache`` and ``cache`` that are of the main file with an empty cache.

    Python pickles these by name only. A table of types costs nothing where no such function comes.
    """

    dispatch_table: ClassVar[Any] = collections.ChainMap(
        {_CachedFunction: lambda function: _reduce_cached_function(function)}, cloudpickle.Pickler.dispatch_table
    )


def dumps(value: Any, protocol: int) -> bytes:
    """Return the value's pickle."""
    file = io.BytesIO()
    Pickler(file, protocol=protocol).dump(value)
    return file.getvalue()


def _reduce_cached_function(function: Any) -> str | tuple[Any, ...]:
    if _is_found_by_name(function):
        name: str = function.__qualname__
        return name
    return _make_cached_function, (function.__wrapped__, function.cache_parameters())


def _make_cached_function(function: Callable[..., Any], parameters: dict[str, Any]) -> Callable[..., Any]:
    cached: Callable[..., Any] = functools.lru_cache(**parameters)(function)
    return cached


def _is_found_by_name(function: Any) -> bool:
    """Return whether workers find the function, as cloudpickle decides it for others."""
    module_name = function.__module__
    parents = module_name.split(".")
    by_value = cloudpickle.list_registry_pickle_by_value()
    if module_name == "__main__" or any(".".join(parents[:count]) in by_value for count in range(1, len(parents) + 1)):
        return False
    found: Any = sys.modules.get(module_name)
    for part in function.__qualname__.split("."):
        found = getattr(found, part, _MISSING)
    return found is function
