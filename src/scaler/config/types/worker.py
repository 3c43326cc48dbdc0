"""Names and capabilities of workers."""

from __future__ import annotations

from dataclasses import dataclass, field

UNLIMITED = -1
_LARGEST_AMOUNT = 2**63 - 1
_LONGEST_NAME_BYTES = 900
"""The identity of a worker, with its name and more, may have 1024 bytes."""


@dataclass(frozen=True)
class WorkerNames:
    """The names of workers, written as a list with commas; equal names are fine."""

    names: list[str] = field(default_factory=list)

    @classmethod
    def from_string(cls, value: str) -> WorkerNames:
        """Read ``a, b``; an empty text has no names."""
        return cls([name.strip() for name in value.split(",")] if value.strip() else [])

    def __post_init__(self) -> None:
        if any(not name for name in self.names):
            raise ValueError(f"a worker name must not be empty, got {','.join(self.names)!r}")
        if longest := next((name for name in self.names if len(name.encode()) > _LONGEST_NAME_BYTES), None):
            raise ValueError(f"a worker name has at most {_LONGEST_NAME_BYTES} bytes, got {longest!r}")

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        return ",".join(self.names)


@dataclass(frozen=True)
class WorkerCapabilities:
    """What a worker can do: names with a number, or without one (-1)."""

    capabilities: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, amount in self.capabilities.items():
            if not isinstance(name, str) or not hasattr(amount, "__index__"):
                raise TypeError(f"capabilities must be names with whole amounts, got {{{name!r}: {amount!r}}}")
            if not -_LARGEST_AMOUNT <= amount <= _LARGEST_AMOUNT:
                raise ValueError(
                    f"the amount of the capability {name!r} must be at most {_LARGEST_AMOUNT}, got {amount}"
                )

    @classmethod
    def from_string(cls, value: str) -> WorkerCapabilities:
        """Read ``linux, cpu=8``; raise ValueError for an empty or repeated name, or a value that is no number."""
        capabilities: dict[str, int] = {}
        for item in value.split(",") if value.strip() else []:
            name, equals, number = (part.strip() for part in item.partition("="))
            if not name:
                raise ValueError(f"a capability name must not be empty, got {value!r}")
            if name in capabilities:
                raise ValueError(f"the capability {name!r} is given twice in {value!r}")
            try:
                capabilities[name] = int(number) if equals else UNLIMITED
            except ValueError:
                raise ValueError(
                    f"Invalid capability value for '{name}'. Expected an integer, but got '{number}'."
                ) from None
        return cls(capabilities)

    def __len__(self) -> int:
        return len(self.capabilities)

    def __str__(self) -> str:
        return ",".join(name if value == UNLIMITED else f"{name}={value}" for name, value in self.capabilities.items())
