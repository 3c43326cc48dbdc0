"""What ``scaler`` makes of a TOML file: which commands to start, in which order, with which settings."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterable
from typing import Any

from scaler.cluster.stack import Stack
from scaler.config.configuration_error import ConfigurationError
from scaler.config.loader import load_section, read_document, refuse_misspelt_sections
from scaler.config.setting import setting_of
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.zmq import ZMQConfig
from scaler.entry_points.commands import COMMANDS, CommandDefinition

# Stands for an address that is known only when its part runs; what it is given with is checked before anything starts.
_LATER = "tcp://127.0.0.1:1"


@dataclasses.dataclass(frozen=True)
class Part:
    """A command to start, with its settings as far as they are known; ``open`` ones come from parts before it."""

    command: CommandDefinition
    config: Any
    open: tuple[str, ...]


def plan(path: str, commands: Iterable[CommandDefinition] = COMMANDS) -> tuple[list[Part], list[str]]:
    """Return the parts that a file asks for, in the order of their start, and the sections that belong to none.

    Every section is checked here. Raise ConfigurationError for a wrong one, and for one that looks like a misspelt
    section of a command.
    """
    document = read_document(path)
    known = {command.section: command for command in commands}
    left_out = refuse_misspelt_sections(document, path, known)
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
    said = document[command.section]
    open_names = tuple(name for name in command.takes if name in given and not _says(command, said, name))
    later = {name: _placeholder(name) for name in open_names}
    config = load_section(command.config_class, document, path, argparse.Namespace(**later), command.section)
    return Part(command, config, open_names)


def _says(command: CommandDefinition, table: Any, name: str) -> bool:
    """Return whether a section gives a setting, by any of its names; one that is no section is refused elsewhere."""
    field = next(field for field in dataclasses.fields(command.config_class) if field.name == name)
    return not isinstance(table, dict) or any(key in table for key in (name, *setting_of(field).aliases))


def _placeholder(name: str) -> ZMQConfig | ObjectStorageConfig:
    kind = ObjectStorageConfig if name == "object_storage_address" else ZMQConfig
    return kind.from_string(_LATER)


def start_parts(stack: Stack, parts: Iterable[Part]) -> None:
    """Start the parts, each with the real addresses of those before it."""
    addresses: dict[str, Any] = {}
    for part in parts:
        known = {name: addresses[name] for name in part.open}
        addresses.update(part.command.module.start(stack, dataclasses.replace(part.config, **known)))
