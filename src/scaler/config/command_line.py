"""Makes the parser of a command from its section, so that flags, TOML keys, defaults and help cannot disagree."""

from __future__ import annotations

import argparse
import dataclasses
import enum
import typing
from collections.abc import Sequence
from typing import Any, NoReturn, TypeVar

from scaler.about import __version__
from scaler.config.configuration_error import ConfigurationError
from scaler.config.conversion import field_type, is_many
from scaler.config.loader import load_config, similar_text
from scaler.config.setting import flag_of, setting_of

Section = TypeVar("Section")

USAGE_ERROR_EXIT_CODE = 2


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, with code 2, and where to look; prefixes of long flags stay allowed."""

    def error(self, message: str) -> NoReturn:
        text = " ".join(message.split())
        self.exit(USAGE_ERROR_EXIT_CODE, f"{self.prog}: error: {text} ({self._hint(text)}see {self.prog} --help)\n")

    def _hint(self, text: str) -> str:
        """Return the flag that looks most like the first unknown one, as a question."""
        given, *_ = text.removeprefix("unrecognized arguments: ").split("=")[0].split()
        hint = similar_text(given, self._option_string_actions) if given.startswith("--") else ""
        return f"{hint} " if hint else ""

    def refuse(self, error: ConfigurationError) -> NoReturn:
        """End the process because of a wrong setting."""
        self.exit(USAGE_ERROR_EXIT_CODE, f"{self.prog}: error: {' '.join(str(error).split())}\n")


class _OneNameOnly(argparse.Action):
    """Stores what was given, under one of the names that a setting has."""

    _used: str | None = None

    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: str | None = None) -> None:
        self._used = self._used or option
        if option != self._used:
            parser.error(f"{self._used} and {option} are the same setting: give only one")
        setattr(namespace, self.dest, values)


def read_command_line(
    config_class: type[Section],
    program: str,
    section_name: str,
    description: str,
    arguments: Sequence[str] | None = None,
    known_sections: Sequence[str] = (),
) -> Section:
    """Return the configuration of a command, or end the process with code 2 and one line that says what is wrong.

    A section of the file that looks like a known one is wrong as well.
    """
    parser = make_parser(config_class, program, section_name, description)
    namespace = parser.parse_args(arguments)
    try:
        return load_config(config_class, namespace.config, namespace, section_name, known_sections)
    except ConfigurationError as error:
        parser.refuse(_with_hint(error, config_class, namespace))


def make_parser(config_class: type, program: str, section_name: str, description: str) -> OneLineParser:
    """Make a parser in which everything that was not given is ``None``."""
    parser = OneLineParser(
        prog=program,
        description=description,
        epilog="Every long option is also a key of the TOML file, with _ for -; the command line wins over the file.",
    )
    parser.add_argument("--version", action="version", version=f"{program} {__version__}")
    parser.add_argument(
        "--config", "-c", metavar="PATH", help=f"TOML file with a section [{section_name}] (default: none)"
    )
    kinds = typing.get_type_hints(config_class)
    for field in dataclasses.fields(config_class):
        _add_setting(parser, field, field_type(kinds[field.name]))
    return parser


def _add_setting(parser: argparse.ArgumentParser, field: dataclasses.Field[Any], kind: Any) -> None:
    described = setting_of(field)
    help_text = f"{described.help} ({_default_text(field)})".replace("%", "%%")
    if described.positional:
        parser.add_argument(field.name, nargs="?", metavar=field.name, help=help_text)
        return
    flags = [*map(flag_of, (field.name, *described.aliases)), *described.short_flags]
    if kind is bool:
        parser.add_argument(
            *flags, action=argparse.BooleanOptionalAction, default=None, dest=field.name, help=help_text
        )
        return
    choices = described.choices or _member_names(kind)
    metavar = "{" + ",".join(choices) + "}" if choices else _metavar(field.name, kind)
    many: dict[str, Any] = {"nargs": "*"} if is_many(kind) else {}
    parser.add_argument(*flags, action=_OneNameOnly, metavar=metavar, dest=field.name, help=help_text, **many)


def _with_hint(error: ConfigurationError, config_class: type, namespace: argparse.Namespace) -> ConfigurationError:
    """Say of a positional that is missing where it may have gone: a list takes everything that follows its flag."""
    for field in dataclasses.fields(config_class):
        values = getattr(namespace, field.name)
        if isinstance(values, list) and "Missing required" in str(error) and any("://" in value for value in values):
            return ConfigurationError(
                f"{error} {flag_of(field.name)} takes all that follows it ({' '.join(values)}): "
                "put the address in front of it."
            )
    return error


def _member_names(kind: Any) -> tuple[str, ...]:
    return tuple(kind.__members__) if isinstance(kind, type) and issubclass(kind, enum.Enum) else ()


def _metavar(name: str, kind: Any) -> str:
    if kind in (int, float):
        return "N"
    return "ADDRESS" if name.endswith("_address") else name.rsplit("_", 1)[-1].upper()


def _default_text(field: dataclasses.Field[Any]) -> str:
    described = setting_of(field)
    if described.default_text:
        return f"default: {described.default_text}"
    if field.default is dataclasses.MISSING:
        return "required"
    if field.default is None:
        return "default: none"
    if isinstance(field.default, bool):
        return f"default: {'on' if field.default else 'off'}"
    if isinstance(field.default, enum.Enum):
        return f"default: {field.default.name}"
    if isinstance(field.default, tuple):
        return f"default: {' '.join(field.default) or 'none'}"
    return f"default: {field.default if str(field.default) else 'none'}"
