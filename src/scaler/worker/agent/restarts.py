"""When a processor that died is replaced: at once, unless processors die again and again without doing anything."""

from __future__ import annotations

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
EXHAUSTED_AFTER = 5
"""How many futile deaths in a row mean that no processor will ever serve."""


class Restarts:
    """Counts futile deaths and sets the time of the next start."""

    def __init__(self) -> None:
        self.futile_deaths = 0
        self.due_at = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether so many processors in a row were of no use that the next will hardly be."""
        return self.futile_deaths >= EXHAUSTED_AFTER

    def on_useful_death(self, now: float) -> None:
        """Take note of a death after work, or on purpose."""
        self.futile_deaths = 0
        self.due_at = now

    def on_futile_death(self, now: float) -> None:
        """Take note of a death before anything was done."""
        self.futile_deaths += 1
        delay_seconds = FIRST_DELAY_SECONDS * 2.0 ** (self.futile_deaths - 1)
        self.due_at = now + min(delay_seconds, LONGEST_DELAY_SECONDS)

    def is_due(self, now: float) -> bool:
        """Return whether the next processor may be started."""
        return now >= self.due_at
