"""How one setting is declared: flag, TOML key, default, limits and help come from one line of a dataclass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, dataclass
from typing import Any

_KEY = "setting"


@dataclass(frozen=True)
class Setting:
    """What a declaration says beyond the field's name, type and default."""

    help: str
    short_flags: tuple[str, ...]
    positional: bool
    choices: tuple[str, ...]
    minimum: float | None
    exclusive_minimum: float | None
    default_text: str
    normalise: Callable[[Any], Any] | None

    def expectation(self, value: Any) -> str:
        """Return what was expected instead of the value, or an empty text when it is fine."""
        if self.choices and value not in self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.minimum is not None and value < self.minimum:
            return f"at least {self.minimum}"
        if self.exclusive_minimum is not None and value <= self.exclusive_minimum:
            return f"more than {self.exclusive_minimum}"
        return ""


def setting(
    *short_flags: str,
    help: str,
    default: Any = MISSING,
    positional: bool = False,
    choices: tuple[str, ...] = (),
    minimum: float | None = None,
    exclusive_minimum: float | None = None,
    default_text: str = "",
    normalise: Callable[[Any], Any] | None = None,
) -> Any:
    """Declare a field of a section. Without a default it is required; ``None`` is always within the limits."""
    described = Setting(help, short_flags, positional, choices, minimum, exclusive_minimum, default_text, normalise)
    return dataclasses.field(default=default, metadata={_KEY: described})


def setting_of(field: dataclasses.Field[Any]) -> Setting:
    """Return what was declared for a field of a section; a field declared plainly has no limits and no help."""
    described: Setting = field.metadata.get(_KEY) or Setting("", (), False, (), None, None, "", None)
    return described


def check_settings(section: Any) -> None:
    """Raise ConfigurationError for the first value outside of its limits; for ``__post_init__`` of sections."""
    from scaler.config.configuration_error import ConfigurationError

    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if value is None:
            continue
        described = setting_of(field)
        if described.normalise is not None:
            value = described.normalise(value)
            object.__setattr__(section, field.name, value)
        try:
            expected = described.expectation(value)
        except TypeError:
            expected = f"a value of another type than {type(value).__name__}"
        if expected:
            raise ConfigurationError(f"{field.name} must be {expected}, got {value!r}")


def redeclare(field: dataclasses.Field[Any], *further_flags: str) -> Any:
    """Declare a setting as another section does, with further short flags."""
    described = setting_of(field)
    described = dataclasses.replace(described, short_flags=(*described.short_flags, *further_flags))
    return dataclasses.field(default=field.default, metadata={_KEY: described})
