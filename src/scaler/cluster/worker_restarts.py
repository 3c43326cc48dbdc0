"""Which workers that died are replaced, and when. No clock and no processes: times are arguments."""

from __future__ import annotations

from typing import Final

from scaler.utility.restarts import NO_RESTART_EXIT_CODE, Restarts

FIRST_DELAY_SECONDS: Final = 1.0
LONGEST_DELAY_SECONDS: Final = 60.0
MOST_FUTILE_LIVES: Final = 10
"""How many workers in a row may die young at one place before that is given up."""

USEFUL_LIFE_SECONDS: Final = 60.0
"""A worker that has lived so long was of use: its place is filled again at once."""


class WorkerRestarts:
    """Remembers, for each place of a worker, how those that had it have fared.

    A worker that leaves on purpose, with exit code 0, is not replaced, nor one that says that it cannot work.
    """

    def __init__(self) -> None:
        self._places: dict[int, Restarts] = {}
        self._started_at: dict[int, float] = {}
        self._waiting: set[int] = set()

    def on_start(self, place: int, now: float) -> None:
        """Take note that a worker was started."""
        self._started_at[place] = now
        self._waiting.discard(place)

    def on_end(self, place: int, exit_code: int | None, now: float) -> bool:
        """Take note of the end of a worker; return whether another one will be started in its place."""
        if exit_code in (0, NO_RESTART_EXIT_CODE):
            return False
        restarts = self._places.setdefault(
            place, Restarts(FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, MOST_FUTILE_LIVES)
        )
        if now - self._started_at.get(place, now) >= USEFUL_LIFE_SECONDS:
            restarts.on_useful_death(now)
        else:
            restarts.on_futile_death(now)
        if restarts.exhausted:
            return False
        self._waiting.add(place)
        return True

    def take_due(self, now: float) -> list[int]:
        """Return the places to be filled now; each is then the caller's to start, or to report as ended."""
        due = sorted(place for place in self._waiting if self._places[place].is_due(now))
        self._waiting.difference_update(due)
        return due

    def next_due_at(self) -> float | None:
        """Return when the next place is to be filled, or None when none waits for it."""
        return min((self._places[place].due_at for place in self._waiting), default=None)
