"""How long runs of a function are expected to take, from how long they took."""

from __future__ import annotations

from typing import Final

_UNKNOWN_SECONDS: Final = 0.001
_WEIGHT: Final = 0.2
_MOST_FUNCTIONS: Final = 10_000


class DurationEstimator:
    """An exponentially weighted mean per function; of too many functions those are forgotten that were met first.

    Such a one is measured anew when it runs again, which is cheaper than to note every use.
    """

    def __init__(self) -> None:
        self._seconds: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._seconds)

    def estimate(self, function_id: bytes) -> float:
        """Return the expected seconds of one run."""
        return self._seconds.get(function_id, _UNKNOWN_SECONDS)

    def observe(self, function_id: bytes, seconds: float) -> None:
        """Take a finished run into account. A run much longer than expected counts in full."""
        known = self._seconds.get(function_id)
        if known is None:
            if len(self._seconds) >= _MOST_FUNCTIONS:
                del self._seconds[next(iter(self._seconds))]
            self._seconds[function_id] = seconds
        elif seconds > 10 * known:
            self._seconds[function_id] = seconds
        else:
            self._seconds[function_id] = known + _WEIGHT * (seconds - known)
