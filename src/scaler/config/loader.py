"""Builds the configuration of a command: command line over TOML file over default."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import sys
import typing
from pathlib import Path
from typing import Any, TypeVar

from scaler.config.configuration_error import ConfigurationError, ConfigurationFileNotFoundError
from scaler.config.conversion import convert_text, convert_value, expected_text, field_type
from scaler.config.setting import setting_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Section = TypeVar("Section")

_NOT_SETTINGS = {"config"}


def load_config(
    config_class: type[Section],
    config_path: str | None,
    namespace: argparse.Namespace,
    section_name: str | None = None,
) -> Section:
    """Build a section from parsed flags (``None`` = not given) and a table of a TOML file, or the whole file.

    Raise ConfigurationError, a ValueError, whose text is one line for the user.
    """
    fields = {field.name: field for field in dataclasses.fields(config_class)}  # type: ignore[arg-type]  # a dataclass
    kinds = {name: field_type(hint) for name, hint in typing.get_type_hints(config_class).items()}
    given = {name: value for name, value in vars(namespace).items() if value is not None and name not in _NOT_SETTINGS}
    table = _read_table(config_path, section_name) if config_path else {}
    _refuse_unknown(config_class, {*given, *table}, set(fields), _table_name(config_path, section_name))

    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in given:
            values[name] = _convert(field, kinds[name], given[name], flag_source(field, given[name]), convert_text)
        elif name in table:
            source = f"{_table_name(config_path, section_name)} {name} = {_show(table[name])}"
            values[name] = _convert(field, kinds[name], table[name], source, convert_value)
    missing = [name for name, field in fields.items() if name not in values and _is_required(field)]
    if missing:
        raise ConfigurationError(
            f"Missing required configuration arguments: {', '.join(missing)}. "
            "Please provide them via command line or a TOML config file."
        )
    return config_class(**values)


def flag_source(field: dataclasses.Field[Any], value: Any) -> str:
    """Return the words of the command line that gave a value."""
    flag = field.name if setting_of(field).positional else "--" + field.name.replace("_", "-")
    return f"{flag} {' '.join(value) if isinstance(value, (list, tuple)) else value}"


def _convert(field: dataclasses.Field[Any], kind: Any, raw: Any, source: str, converter: Any) -> Any:
    described = setting_of(field)
    # A value that was converted before, by a caller that made the namespace itself, is taken as it is.
    converted = isinstance(kind, type) and kind is not str and isinstance(raw, kind)
    try:
        value = raw if converted and kind not in (int, float, bool) else converter(kind, raw)
    except (ValueError, TypeError) as error:
        expected = str(error) or f"expected {_expectation(kind, described)}"
        if kind in (int, float):
            expected = f"expected {_expectation(kind, described)}"
        raise ConfigurationError(f"{source}: {expected}") from None
    if described.normalise is not None:
        value = described.normalise(value)
    wrong = described.expectation(value)
    if wrong:
        raise ConfigurationError(f"{source}: expected {_expectation(kind, described)}")
    return value


def _expectation(kind: Any, described: Any) -> str:
    if described.choices:
        return f"one of {', '.join(described.choices)}"
    words = expected_text(kind)
    if described.minimum is not None:
        return f"{words} of at least {described.minimum}"
    if described.exclusive_minimum is not None:
        return f"{words} above {described.exclusive_minimum}"
    return words


def _read_table(config_path: str, section_name: str | None) -> dict[str, Any]:
    try:
        with Path(config_path).open("rb") as file:
            document = tomllib.load(file)
    except FileNotFoundError:
        raise ConfigurationFileNotFoundError(f"Configuration file not found at: {config_path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Error parsing TOML file at {config_path}: {error}") from None
    except OSError as error:
        raise ConfigurationError(f"Cannot read the configuration file {config_path}: {error.strerror}") from None
    table = document if section_name is None else document.get(section_name, {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"{config_path}: {section_name} must be a section, got {_show(table)}")
    return table


def _refuse_unknown(config_class: type, names: set[str], known: set[str], table_name: str) -> None:
    unknown = sorted(names - known - _NOT_SETTINGS)
    if not unknown:
        return
    similar = difflib.get_close_matches(unknown[0], known, n=1)
    hint = f" (did you mean {similar[0]}?)" if similar else ""
    prefix = f"{table_name}: " if table_name else ""
    raise ConfigurationError(
        f"{prefix}Unknown configuration key(s) for {config_class.__name__}: {', '.join(unknown)}{hint}"
    )


def _table_name(config_path: str | None, section_name: str | None) -> str:
    if not config_path:
        return ""
    return config_path if section_name is None else f"{config_path}: [{section_name}]"


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
