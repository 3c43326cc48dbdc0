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
from scaler.config.setting import Setting, flag_of, setting_of

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
    known_sections: typing.Collection[str] = (),
) -> Section:
    """Build a section from parsed flags (``None`` = not given) and a table of a TOML file, or the whole file.

    Raise ConfigurationError, a ValueError, whose text is one line for the user; also for a section of the file that
    looks like one of ``known_sections``.
    """
    document = read_document(config_path) if config_path else {}
    refuse_misspelt_sections(document, config_path, known_sections)
    return load_section(config_class, document, config_path, namespace, section_name)


def load_section(
    config_class: type[Section],
    document: dict[str, Any],
    config_path: str | None,
    namespace: argparse.Namespace,
    section_name: str | None = None,
) -> Section:
    """Do the same with what ``read_document`` has returned of the file."""
    fields = {field.name: field for field in dataclasses.fields(config_class)}  # type: ignore[arg-type]  # a dataclass
    kinds = {name: field_type(hint) for name, hint in typing.get_type_hints(config_class).items()}
    given = {name: value for name, value in vars(namespace).items() if value is not None and name not in _NOT_SETTINGS}
    place = _place(config_path, section_name)
    written = _by_field(config_class, _table_of(document, config_path, section_name), place)
    _refuse_unknown(config_class, dict.fromkeys(given), set(fields), "")

    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in given:
            values[name] = _convert(field, kinds[name], given[name], flag_source(field, given[name]), convert_text)
        elif name in written:
            key, value = written[name]
            values[name] = _convert(field, kinds[name], value, f"{place} {key} = {_show(value)}".strip(), convert_value)
    missing = [name for name, field in fields.items() if name not in values and _is_required(field)]
    if missing:
        raise ConfigurationError(
            f"{place + ': ' if place else ''}Missing required configuration arguments: {', '.join(missing)}. "
            "Please provide them via command line or a TOML config file."
        )
    try:
        return config_class(**values)
    except ConfigurationError as error:  # of settings that do not go together
        raise ConfigurationError(f"{place}: {error}" if place else str(error)) from None


def read_document(config_path: str) -> dict[str, Any]:
    """Read a TOML file with all its sections; raise ConfigurationError."""
    try:
        # Some editors begin a file with a mark that TOML does not know.
        document: dict[str, Any] = tomllib.loads(Path(config_path).read_bytes().decode("utf-8-sig"))
        return document
    except FileNotFoundError:
        raise ConfigurationFileNotFoundError(f"Configuration file not found at: {config_path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"Error parsing TOML file at {config_path}: {error}") from None
    except RecursionError:
        raise ConfigurationError(f"Error parsing TOML file at {config_path}: it is nested too deeply") from None
    except OSError as error:
        raise ConfigurationError(f"Cannot read the configuration file {config_path}: {error.strerror}") from None


def flag_source(field: dataclasses.Field[Any], value: Any) -> str:
    """Return the words of the command line that gave a value."""
    flag = field.name if setting_of(field).positional else flag_of(field.name)
    return f"{flag} {' '.join(value) if isinstance(value, (list, tuple)) else value}"


def refuse_misspelt_sections(
    document: dict[str, Any], config_path: str | None, known: typing.Collection[str]
) -> list[str]:
    """Return the sections that are not known; raise ConfigurationError for one that looks like a known one."""
    others = [name for name in document if name not in known]
    for name in others:
        if hint := similar_text(name, known):
            raise ConfigurationError(f"{config_path}: unknown section [{name}] ({hint})")
    return others


def similar_text(name: str, known: typing.Iterable[str]) -> str:
    """Return a hint at the known name that looks most like another one, or an empty text."""
    similar = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {similar[0]}?" if similar else ""


def _table_of(document: dict[str, Any], config_path: str | None, section_name: str | None) -> dict[str, Any]:
    table = document if section_name is None else document.get(section_name, {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"{config_path}: {section_name} must be a section, got {_show(table)}")
    return {key: value for key, value in table.items() if key not in _NOT_SETTINGS}


def _by_field(config_class: type, table: dict[str, Any], place: str) -> dict[str, tuple[str, Any]]:
    """Return key and value of each field that a table has under its name or another one of it."""
    fields = dataclasses.fields(config_class)
    names = {name: field.name for field in fields for name in (field.name, *setting_of(field).aliases)}
    _refuse_unknown(config_class, table, set(names), place)
    found: dict[str, tuple[str, Any]] = {}
    for key, value in table.items():
        if names[key] in found:
            raise ConfigurationError(f"{place}: {found[names[key]][0]} and {key} are the same setting: give only one")
        is_one_of_many = names[key] == f"{key}s" and isinstance(value, str)  # the older, singular name of a list
        found[names[key]] = (key, [value] if is_one_of_many else value)
    return found


def _refuse_unknown(config_class: type, table: dict[str, Any], known: set[str], place: str) -> None:
    unknown = sorted(set(table) - known)
    if not unknown:
        return
    hint = similar_text(unknown[0], known) or "--help lists what there is"
    where = f"{place} {unknown[0]} = {_show(table[unknown[0]])}: " if place else ""
    raise ConfigurationError(
        f"{where}Unknown configuration key(s) for {config_class.__name__}: {', '.join(unknown)} ({hint})"
    )


def _convert(field: dataclasses.Field[Any], kind: Any, raw: Any, source: str, converter: Any) -> Any:
    described = setting_of(field)
    # A value that was converted before, by a caller that made the namespace itself, is taken as it is.
    converted = isinstance(kind, type) and kind is not str and isinstance(raw, kind)
    try:
        value = raw if converted and kind not in (int, float, bool) else converter(kind, raw)
    except (ValueError, TypeError, OverflowError) as error:
        expected = f"expected {_expectation(kind, described)}"
        if kind not in (int, float) and str(error):
            expected = str(error)
        raise ConfigurationError(f"{source}: {expected}") from None
    if described.normalise is not None:
        value = described.normalise(value)
    if wrong := described.expectation(value):
        raise ConfigurationError(f"{source}: expected {wrong if described.check else _expectation(kind, described)}")
    return value


def _expectation(kind: Any, described: Setting) -> str:
    if described.choices:
        return f"one of {', '.join(described.choices)}"
    limits = described.limits_text()
    joint = " of " if limits.startswith("at ") else " "
    return expected_text(kind) + (joint + limits if limits else "")


def _place(config_path: str | None, section_name: str | None) -> str:
    if not config_path:
        return ""
    return config_path if section_name is None else f"{config_path}: [{section_name}]"


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
