"""When a process that died is replaced: at once, unless it dies again and again without having been of use."""

from __future__ import annotations

from typing import Final

NO_RESTART_EXIT_CODE: Final = 78
"""With this exit code (EX_CONFIG of sysexits.h) a process says that another one would end the same way."""


class Restarts:
    """Counts futile deaths in a row and sets the time of the next start.

    The pause doubles with each of them, from the first to the longest delay; so many in a row as ``exhausted_after``
    mean that no such process will ever serve.
    """

    def __init__(self, first_delay_seconds: float, longest_delay_seconds: float, exhausted_after: int) -> None:
        self._first_delay_seconds = first_delay_seconds
        self._longest_delay_seconds = longest_delay_seconds
        self._exhausted_after = exhausted_after
        self.futile_deaths = 0
        self.due_at = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether so many processes in a row were of no use that the next will hardly be."""
        return self.futile_deaths >= self._exhausted_after

    def on_useful_death(self, now: float) -> None:
        """Take note of a death after work, or on purpose."""
        self.futile_deaths = 0
        self.due_at = now

    def on_futile_death(self, now: float) -> None:
        """Take note of a death before anything was done."""
        self.futile_deaths += 1
        delay_seconds = self._first_delay_seconds * 2.0 ** (self.futile_deaths - 1)
        self.due_at = now + min(delay_seconds, self._longest_delay_seconds)

    def is_due(self, now: float) -> bool:
        """Return whether the next process may be started."""
        return now >= self.due_at
