"""Values for each setting of each section, and how they are written in a TOML file and on a command line."""

import dataclasses
import enum
import typing
from pathlib import Path

import pytest

from scaler.config.command_line import read_command_line
from scaler.config.conversion import field_type, is_many
from scaler.config.setting import flag_of, setting_of
from scaler.config.types.metrics_address import MetricsAddress
from scaler.config.types.worker import WorkerCapabilities
from scaler.entry_points.commands import COMMANDS

SECTIONS = {command.section: command.config_class for command in COMMANDS}
# Settings that depend on each other: they have tests of their own.
DEPENDENT = {"scaling_controller_strategy", "adapter_webhook_urls", "worker_names", "num_of_workers"}


def two_values(field, kind: typing.Any) -> tuple[str, str]:
    """Return two different valid texts for a setting."""
    described = setting_of(field)
    if described.choices:
        return described.choices[1], described.choices[0]
    if kind is MetricsAddress:
        return "127.0.0.1:11", "[::1]:12"
    if hasattr(kind, "to_address"):
        return "tcp://127.0.0.1:11", "tcp://[::1]:12"
    if is_many(kind):
        return "/tmp/one", "/tmp/two"
    if kind in (int, float):
        return "7", "9"
    if kind is WorkerCapabilities:
        return "gpu=2", "linux"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        first, second, *_ = kind.__members__
        return second, first
    if field.name == "preload":
        return "first:function", "second:function(1)"
    if field.name.endswith("_file"):
        return __file__, str(Path(__file__).with_name("test_types.py"))
    return "first", "second"


def fields_of(section):
    kinds = typing.get_type_hints(SECTIONS[section])
    for field in dataclasses.fields(SECTIONS[section]):
        yield field, field_type(kinds[field.name])


def required_of(section) -> dict[str, str]:
    """Return a TOML line for each setting of a section that has no default."""
    return {
        field.name: toml_line(field.name, kind, two_values(field, kind)[0])
        for field, kind in fields_of(section)
        if field.default is dataclasses.MISSING
    }


def cases():
    """Return every setting of every section, once for each name that it has."""
    for section in SECTIONS:
        for field, kind in fields_of(section):
            if field.name not in DEPENDENT:
                for name in (field.name, *setting_of(field).aliases):
                    yield pytest.param(section, field, kind, name, id=f"{section}.{name}")


def toml_line(name: str, kind: typing.Any, text: str) -> str:
    if kind is bool or kind in (int, float):
        return f"{name} = {text}"
    return f'{name} = ["{text}"]' if is_many(kind) else f'{name} = "{text}"'


def flags(field, kind, name, text):
    if setting_of(field).positional:
        return [text]
    flag = flag_of(name)
    if kind is bool:
        return [flag if text == "true" else flag.replace("--", "--no-", 1)]
    return [flag, text]


def read(section, tmp_path, lines, arguments):
    path = tmp_path / "config.toml"
    path.write_text(f"[{section}]\n" + "\n".join(lines) + "\n")
    return read_command_line(SECTIONS[section], "program", section, "", ["--config", str(path), *arguments])


def as_text(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return " ".join(value)
    return value.name if isinstance(value, enum.Enum) else str(value)
