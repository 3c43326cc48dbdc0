"""What a task needs of a worker: names of capabilities, each with an amount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

Needs: TypeAlias = frozenset[tuple[str, int]]
"""Names with amounts; an amount of 0 asks for the capability only, however much there is of it."""

NO_NEEDS: Final[Needs] = frozenset()


def needs_of(capabilities: Mapping[str, int]) -> Needs:
    """Return the needs of a task; an amount that is not positive asks for the name only."""
    return frozenset((name, max(0, amount)) for name, amount in capabilities.items())


def offers(capabilities: Mapping[str, int], needs: Needs) -> bool:
    """Return whether a worker has all that is needed; a negative amount of it is without limit.

    A worker runs one task at a time, so what its tasks need does not add up.
    """
    for name, amount in needs:
        offered = capabilities.get(name)
        if offered is None or 0 <= offered < amount:
            return False
    return True


def capabilities_of(needs: Needs) -> list[dict[str, str | int]]:
    """Return the needs as the capabilities of a message; an amount of -1 is any."""
    return [{"name": name, "value": amount or -1} for name, amount in sorted(needs)]


def describe(needs: Needs) -> str:
    """Return the needs as a person would write them."""
    return ", ".join(name if amount == 0 else f"{name}={amount}" for name, amount in sorted(needs)) or "nothing special"
