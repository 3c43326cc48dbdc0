"""How one setting is declared: flag, TOML key, default, limits and help come from one line of a dataclass."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Any

from scaler.config.defaults import LONGEST_SECONDS

_KEY = "setting"


@dataclass(frozen=True)
class Setting:
    """What a declaration says beyond the field's name, type and default."""

    help: str
    short_flags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    positional: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    exclusive_minimum: float | None = None
    maximum: float | None = None
    default_text: str = ""
    normalise: Callable[[Any], Any] | None = None
    check: Callable[[Any], str] | None = None

    def expectation(self, value: Any) -> str:
        """Return what was expected instead of the value, or an empty text when it is fine."""
        if self.choices:
            return "" if value in self.choices else f"one of {', '.join(self.choices)}"
        if self.check is not None and (expected := self.check(value)):
            return expected
        return "" if self._is_within_limits(value) else self.limits_text()

    def limits_text(self) -> str:
        """Say in words which numbers are allowed; empty when all are."""
        words = []
        if self.minimum is not None:
            words.append(f"at least {self.minimum}")
        if self.exclusive_minimum is not None:
            words.append(f"above {self.exclusive_minimum}")
        if self.maximum is not None:
            words.append(f"at most {self.maximum}")
        return " and ".join(words)

    def _is_within_limits(self, value: Any) -> bool:
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return (
            (self.minimum is None or value >= self.minimum)
            and (self.exclusive_minimum is None or value > self.exclusive_minimum)
            and (self.maximum is None or value <= self.maximum)
        )


def setting(
    *short_flags: str,
    help: str,
    default: Any = MISSING,
    aliases: tuple[str, ...] = (),
    positional: bool = False,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    exclusive_minimum: float | None = None,
    maximum: float | None = None,
    default_text: str = "",
    normalise: Callable[[Any], Any] | None = None,
    check: Callable[[Any], str] | None = None,
) -> Any:
    """Declare a field of a section. Without a default it is required; ``None`` is always within the limits.

    ``aliases`` are other names of the field: each is a long flag and a TOML key, too. ``check`` returns what was
    expected instead of a value, or an empty text.
    """
    described = Setting(
        help=help,
        short_flags=short_flags,
        aliases=aliases,
        positional=positional,
        choices=choices,
        minimum=minimum,
        exclusive_minimum=exclusive_minimum,
        maximum=maximum,
        default_text=default_text,
        normalise=normalise,
        check=check,
    )
    return dataclasses.field(default=default, metadata={_KEY: described})


def seconds_setting(*short_flags: str, **declared: Any) -> Any:
    """Declare a number of seconds: as ``setting``, and never more than a clock can hold."""
    return setting(*short_flags, maximum=LONGEST_SECONDS, **declared)


def expect_host(host: str) -> str:
    """Return what is expected instead of a text that cannot be a host, or an empty text; for ``check``."""
    from scaler.utility.network_util import check_host

    try:
        check_host(host)
    except ValueError:
        return "a host name or an address, 0.0.0.0 for all addresses"
    return ""


def setting_of(field: dataclasses.Field[Any]) -> Setting:
    """Return what was declared for a field of a section; a field declared plainly has no limits and no help."""
    described: Setting = field.metadata.get(_KEY) or Setting("")
    return described


def flag_of(name: str) -> str:
    """Return the long flag of a setting."""
    return "--" + name.replace("_", "-")


def check_settings(section: Any) -> None:
    """Raise ConfigurationError for the first value that is wrong; for ``__post_init__`` of sections.

    A program may give values of any type: what passes here would otherwise fail in another process.
    """
    import typing

    from scaler.config.configuration_error import ConfigurationError
    from scaler.config.conversion import expected_text, field_type

    kinds = typing.get_type_hints(type(section))
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if value is None:
            continue
        described = setting_of(field)
        kind = field_type(kinds[field.name])
        if not _is_of_kind(kind, value):
            raise ConfigurationError(f"{field.name} must be {expected_text(kind)}, got {value!r}")
        if described.normalise is not None:
            value = described.normalise(value)
            object.__setattr__(section, field.name, value)
        try:
            expected = described.expectation(value)
        except TypeError:
            expected = f"a value of another type than {type(value).__name__}"
        if expected:
            raise ConfigurationError(f"{field.name} must be {expected}, got {value!r}")


def _is_of_kind(kind: Any, value: Any) -> bool:
    """Return whether a value is a number where one is wanted, those of NumPy among them, and no text for a switch."""
    if kind is int:
        return hasattr(value, "__index__")
    if kind is float:
        from numbers import Real

        return isinstance(value, Real)  # Decimal is none: it and a float make no sum
    return kind is not bool or not isinstance(value, str)


def redeclare(field: dataclasses.Field[Any], name: str) -> Any:
    """Declare a setting as another section does, under a name of its own; all other names stay aliases."""
    described = setting_of(field)
    names = dict.fromkeys((field.name, *described.aliases))
    described = dataclasses.replace(described, aliases=tuple(other for other in names if other != name))
    return dataclasses.field(default=field.default, metadata={_KEY: described})
