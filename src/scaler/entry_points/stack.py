"""``scaler``: runs everything that one TOML file has a section for, and stops everything when one part ends."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from scaler.about import __version__
from scaler.cluster.stack import Stack, run_stack
from scaler.config.command_line import OneLineParser
from scaler.config.configuration_error import ConfigurationError
from scaler.config.defaults import DEFAULT_LOGGING_LEVEL, DEFAULT_LOGGING_PATHS
from scaler.config.loader import load_section, read_document, similar_text
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.zmq import ZMQConfig
from scaler.entry_points.command import run_command
from scaler.entry_points.commands import COMMANDS, CommandDefinition

PROGRAM = "scaler"

# Stands for an address that is known only when its part runs; what it is given with is checked before anything starts.
_LATER = "tcp://127.0.0.1:1"


@dataclasses.dataclass(frozen=True)
class Part:
    """A command to start, with its settings as far as they are known; ``open`` ones come from parts before it."""

    command: CommandDefinition
    config: Any
    open: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _LauncherLogging:
    """The launcher itself says little, and always to the terminal; every part has settings of its own."""

    logging_paths: tuple[str, ...] = DEFAULT_LOGGING_PATHS
    logging_level: str = DEFAULT_LOGGING_LEVEL
    logging_config_file: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = _make_parser()
    namespace = parser.parse_args(arguments)
    path = namespace.config or namespace.config_file
    if path is None or (namespace.config and namespace.config_file):
        parser.error("expected one configuration file, like: scaler example_config.toml")
    try:
        parts, left_out = plan(path)
    except ConfigurationError as error:
        parser.refuse(error)

    def run() -> int:
        for name in left_out:
            logging.warning("%s: %s: no command reads the section [%s], it is left out", PROGRAM, path, name)
        return run_stack(PROGRAM, lambda stack: _start(stack, parts))

    return run_command(PROGRAM, _LauncherLogging(), run)


def plan(path: str, commands: Iterable[CommandDefinition] = COMMANDS) -> tuple[list[Part], list[str]]:
    """Return the parts that a file asks for, in the order of their start, and the sections that belong to none.

    Every section is checked here. Raise ConfigurationError for a wrong one, and for one that looks like a misspelt
    section of a command.
    """
    document = read_document(path)
    known = {command.section: command for command in commands}
    left_out = [name for name in document if name not in known]
    for name in left_out:
        if hint := similar_text(name, known):
            raise ConfigurationError(f"{path}: unknown section [{name}] ({hint})")
    parts: list[Part] = []
    given: set[str] = set()
    for command in known.values():
        if command.is_part and command.section in document:
            parts.append(_part(command, document, path, given))
            given.update(command.gives)
    if not parts:
        sections = ", ".join(f"[{command.section}]" for command in known.values() if command.is_part)
        raise ConfigurationError(f"{path}: nothing to start: expected one of the sections {sections}")
    return parts, left_out


def _part(command: CommandDefinition, document: dict[str, Any], path: str, given: set[str]) -> Part:
    table = document[command.section]
    is_open = isinstance(table, dict)
    open_names = tuple(name for name in command.takes if is_open and name in given and name not in table)
    later = {name: _placeholder(name) for name in open_names}
    config = load_section(command.config_class, document, path, argparse.Namespace(**later), command.section)
    return Part(command, config, open_names)


def _placeholder(name: str) -> ZMQConfig | ObjectStorageConfig:
    kind = ObjectStorageConfig if name == "object_storage_address" else ZMQConfig
    return kind.from_string(_LATER)


def _start(stack: Stack, parts: Iterable[Part]) -> None:
    addresses: dict[str, Any] = {}
    for part in parts:
        known = {name: addresses[name] for name in part.open}
        addresses.update(part.command.module.start(stack, dataclasses.replace(part.config, **known)))


def _make_parser() -> OneLineParser:
    sections = ", ".join(f"[{command.section}]" for command in COMMANDS if command.is_part)
    parser = OneLineParser(
        prog=PROGRAM,
        description="Run everything that a TOML file has a section for, on this machine, until one part of it ends.",
        epilog=f"Sections: {sections}. Each is that of a command, whose --help lists its keys. A section need not "
        "repeat the address of another part of the file.",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument("config_file", nargs="?", help="the TOML file, like example_config.toml")
    parser.add_argument("--config", "-c", metavar="PATH", help="the same (default: none)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
