"""Decides when a function's serialized form may be used again without serializing it anew.

A task must see its function as it is at ``submit``. A function that is pickled by its name never changes in pickled
form. One that is pickled by value (of ``__main__``, of a notebook) carries what it refers to; its form is reused only
while its code, its defaults and every global it names are the very same immutable objects. Closures, bound methods,
partials and other objects are always serialized again.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any, Final

import cloudpickle

_MISSING: Final = object()
_IMMUTABLE_TYPES: Final = frozenset({int, float, complex, str, bytes, bool, type(None), type(...)})
_MAXIMUM_DEPTH: Final = 8


class FunctionStability:
    """A snapshot of everything that a function's serialized form depends on."""

    __slots__ = ("_absent_modules", "_functions", "_globals")

    def __init__(self) -> None:
        self._functions: list[tuple[types.FunctionType, types.CodeType, Any, dict[str, Any] | None]] = []
        self._globals: list[tuple[dict[str, Any], str, Any]] = []
        self._absent_modules: list[str] = []

    @staticmethod
    def of(function: Callable[..., Any]) -> FunctionStability | None:
        """Return the snapshot, or None when the function's form must not be reused."""
        if cloudpickle.list_registry_pickle_by_value():
            return None
        snapshot = FunctionStability()
        return snapshot if snapshot._include(function, _MAXIMUM_DEPTH) else None

    def holds(self) -> bool:
        """Return whether nothing has changed since the snapshot."""
        if cloudpickle.list_registry_pickle_by_value():
            return False
        for function, code, defaults, keyword_defaults in self._functions:
            if function.__code__ is not code or function.__defaults__ is not defaults or function.__dict__:
                return False
            if function.__kwdefaults__ is not None and not _is_same(function.__kwdefaults__, keyword_defaults):
                return False
        for namespace, name, value in self._globals:
            if namespace.get(name, _MISSING) is not value:
                return False
        return all(name not in sys.modules for name in self._absent_modules)

    def _include(self, value: Any, depth: int) -> bool:
        """Add one object that the form contains; return whether it is stable."""
        if type(value) in _IMMUTABLE_TYPES:
            return True
        if is_pickled_by_name(value):
            if "." not in value.__qualname__:
                self._globals.append((vars(sys.modules[value.__module__]), value.__qualname__, value))
            return True
        if type(value) is not types.FunctionType or depth == 0:
            return False
        if any(value is function for function, *_ in self._functions):  # recursion
            return True
        if value.__closure__ or value.__dict__:
            return False
        defaults = (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values())
        if any(type(default) not in _IMMUTABLE_TYPES for default in defaults):
            return False
        keyword_defaults = None if value.__kwdefaults__ is None else dict(value.__kwdefaults__)
        self._functions.append((value, value.__code__, value.__defaults__, keyword_defaults))
        names = _names(value.__code__)
        return all(self._include_global(value.__globals__, name, names, depth) for name in names)

    def _include_global(self, namespace: dict[str, Any], name: str, names: set[str], depth: int) -> bool:
        value = namespace.get(name, _MISSING)
        self._globals.append((namespace, name, value))
        if value is _MISSING:  # a built-in, or the name of an attribute
            return True
        if not isinstance(value, types.ModuleType):
            return self._include(value, depth - 1)
        if sys.modules.get(value.__name__) is not value:
            return False
        self._include_package(value, value.__name__, names)
        return True

    def _include_package(self, module: types.ModuleType, full_name: str, names: set[str]) -> None:
        """Add the modules of a package that the code may use: the form names those that are loaded, at any depth."""
        if not hasattr(module, "__path__"):
            return
        for name in names:
            submodule_name = f"{full_name}.{name}"
            if submodule_name in sys.modules:
                self._include_package(sys.modules[submodule_name], submodule_name, names)
            else:
                self._absent_modules.append(submodule_name)


def _is_same(now: dict[str, Any], before: dict[str, Any] | None) -> bool:
    """Return whether two tables of defaults hold the very same objects."""
    if before is None or now.keys() != before.keys():
        return False
    return all(now[name] is value for name, value in before.items())


def _names(code: types.CodeType) -> set[str]:
    """Return every name that the code, or a function defined in it, may look up globally."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def is_pickled_by_name(value: Any) -> bool:
    """Return whether a pickle holds only the module and the name of the function or class."""
    if not isinstance(value, (types.FunctionType, types.BuiltinFunctionType, type)):
        return False
    module_name, qualified_name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module_name, str) or not isinstance(qualified_name, str) or module_name == "__main__":
        return False
    found: Any = sys.modules.get(module_name, _MISSING)
    for part in qualified_name.split("."):
        found = getattr(found, part, _MISSING)
    return found is value
