"""The preload hook: a function of the user that runs once in every processor before its first task.

Text form: ``package.module:function`` or ``package.module:function(literals, key=literal)``.
"""

from __future__ import annotations

import ast
import importlib
import logging
import os
from typing import Any

_FORMAT_TEXT = "preload must be in 'module.sub:func(...)' format"


class PreloadSpecError(Exception):
    """The text that names the hook, or what it names, cannot be used."""


def execute_preload(spec: str) -> None:
    """Import and call the hook. Raise PreloadSpecError for a bad text; what the hook itself raises passes through."""
    module_path, name, arguments, keywords = parse_preload_spec(spec)
    module = _import(module_path)
    try:
        target = getattr(module, name)
    except AttributeError as error:
        raise PreloadSpecError(f"module {module_path!r} has no attribute {name!r}") from error
    if not callable(target):
        raise PreloadSpecError(f"Preload target must be callable, but {module_path}:{name} is not")
    logging.info("preloading: %s:%s with args=%s kwargs=%s", module_path, name, arguments, keywords)
    try:
        target(*arguments, **keywords)
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
            raise  # it comes from the hook itself
        raise PreloadSpecError(f"cannot call {module_path}:{name} with the given arguments: {error}") from error


def parse_preload_spec(spec: str) -> tuple[str, str, tuple[Any, ...], dict[str, Any]]:
    """Return module path, function name, arguments and keyword arguments. Raise PreloadSpecError."""
    module_path, colon, right = spec.partition(":")
    if not colon or not module_path.strip() or not right.strip():
        raise PreloadSpecError(f"{_FORMAT_TEXT}, got {spec!r}")
    try:
        expression = ast.parse(right.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes
        raise PreloadSpecError(f"cannot parse {right!r} as a function or a call: {error}") from error
    if isinstance(expression, ast.Name):
        return module_path.strip(), expression.id, (), {}
    if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Name):
        raise PreloadSpecError(f"behind the colon a plain name or a call of one is expected, got {right!r}")
    if any(keyword.arg is None for keyword in expression.keywords):
        raise PreloadSpecError(f"keyword arguments must be written out, got {right!r}")
    try:
        arguments = tuple(ast.literal_eval(argument) for argument in expression.args)
        keywords = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in expression.keywords}
    except (ValueError, TypeError) as error:  # TypeError: for instance a dict as a key
        raise PreloadSpecError(f"preload arguments must be literals, got {right!r}") from error
    return module_path.strip(), expression.func.id, arguments, keywords


def _import(module_path: str) -> Any:
    if module_path.endswith(".py") and os.path.isfile(module_path):
        hint = module_path.removesuffix(".py").replace(os.sep, ".").lstrip(".")
        raise PreloadSpecError(f"preload takes a module, not a file: write {hint!r} instead of {module_path!r}")
    return importlib.import_module(module_path)
