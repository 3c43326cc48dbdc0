"""Finds out what the commands understand by asking their entry points, so that documents need no copy of it."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import io
import sys
from pathlib import Path
from typing import Any
from unittest import mock

from scaler.config import command_line
from scaler.config.setting import setting_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class CommandDefinition:
    """One command: what it is called, the section it reads, and the parser of its command line.

    A command that reads no section has neither of these, but the text of its help.
    """

    program: str
    section: str
    description: str
    config_class: type | None
    parser: argparse.ArgumentParser | None
    help_text: str

    @property
    def options(self) -> list[argparse.Action]:
        """Return what may be given on the command line, in the order of the help."""
        return [] if self.parser is None else list(self.parser._actions)

    @property
    def flags(self) -> set[str]:
        """Return all flags, long and short ones."""
        return {flag for option in self.options for flag in option.option_strings}

    @property
    def keys(self) -> set[str]:
        """Return the keys of the section."""
        return set() if self.config_class is None else {field.name for field in dataclasses.fields(self.config_class)}

    def limits_of(self, key: str) -> str:
        """Say which numbers a key may have; empty when all are allowed."""
        field = next(field for field in dataclasses.fields(self.config_class) if field.name == key)  # type: ignore[arg-type]
        described = setting_of(field)
        words = {"minimum": "at least", "exclusive_minimum": "more than", "maximum": "at most"}
        limits = {name: getattr(described, name, None) for name in words}
        return ", ".join(f"{words[name]} {limit:g}" for name, limit in limits.items() if limit is not None)


class _Asked(BaseException):
    """Ends a command at the point where it has said what its parser is to be made of."""


def read_definitions() -> dict[str, CommandDefinition]:
    """Return what every command of the project understands, by the name of the command."""
    scripts: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    return {program: _ask(program, entry_point) for program, entry_point in scripts.items()}


def _ask(program: str, entry_point: str) -> CommandDefinition:
    module, _, name = entry_point.partition(":")
    main = getattr(importlib.import_module(module), name)
    make_parser = command_line.make_parser

    def stop(*wanted: Any) -> Any:
        raise _Asked(*wanted)

    output = io.StringIO()
    with mock.patch.object(command_line, "make_parser", stop), contextlib.redirect_stdout(output):
        try:
            main(["--help"])
        except _Asked as asked:
            config_class, _, section, description = asked.args
            parser = make_parser(config_class, program, section, description)
            return CommandDefinition(program, section, description, config_class, parser, "")
        except SystemExit:  # it has a parser of its own
            pass
    return CommandDefinition(program, "", "", None, None, output.getvalue())
