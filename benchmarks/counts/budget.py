"""The budget: what each count may be, with its tolerance and the reason, in ``budget.json`` beside this file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

BUDGET_FILE = Path(__file__).with_name("budget.json")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One count. It may exceed the value by the tolerance, a fraction of it; without tolerance it must be the value."""

    value: float
    tolerance: float
    why: str

    def complaint(self, name: str, measured: float) -> str | None:
        """Return what is wrong with a measured count, or None."""
        if self.tolerance == 0:
            return (
                None if measured == self.value else f"{name} is {measured:g}, but must be {self.value:g} ({self.why})"
            )
        limit = self.value * (1 + self.tolerance)
        return None if measured <= limit else f"{name} is {measured:g}, but at most {limit:g} is allowed ({self.why})"


def load(path: Path = BUDGET_FILE) -> dict[str, Entry]:
    """Return the entries by name."""
    return {name: Entry(**fields) for name, fields in json.loads(path.read_text()).items()}


def complaints(budget: Mapping[str, Entry], measured: Mapping[str, float], kinds: tuple[str, ...]) -> list[str]:
    """Return what is wrong with counts; each in the budget whose name holds one of the kinds must be among them."""
    expected = {name for name in budget if any(kind in name for kind in kinds)}
    found = [f"{name} was not measured" for name in sorted(expected - set(measured))]
    for name, count in sorted(measured.items()):
        if name not in budget:
            found.append(f"{name} is {count:g}, and has no budget")
        elif (complaint := budget[name].complaint(name, count)) is not None:
            found.append(complaint)
    return found


def rewrite(measured: Mapping[str, float], path: Path = BUDGET_FILE) -> None:
    """Take counts that are further from their values than the tolerance as new values; tolerances and reasons stay.

    Raise KeyError for counts without an entry.
    """
    budget = load(path)
    unknown = sorted(set(measured) - set(budget))
    if unknown:
        raise KeyError(f"write the tolerance and the reason of these into {path.name} first: {', '.join(unknown)}")
    for name, count in measured.items():
        entry = budget[name]
        if abs(count - entry.value) > entry.tolerance * entry.value:
            budget[name] = dataclasses.replace(entry, value=round(count, 1))
    entries = {name: dataclasses.asdict(entry) for name, entry in sorted(budget.items())}
    path.write_text(json.dumps(entries, indent=2) + "\n")
