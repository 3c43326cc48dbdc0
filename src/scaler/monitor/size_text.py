"""How viewers write sizes."""

from __future__ import annotations

from typing import Final

_SIZE_UNITS: Final = "BKMGT"
_SIZE_STEP: Final = 1024.0


def size_text(size_bytes: float) -> str:
    """Return a size in the largest unit that leaves at least one of it, in steps of 1024."""
    power = 0
    while size_bytes >= _SIZE_STEP and power < len(_SIZE_UNITS) - 1:
        size_bytes /= _SIZE_STEP
        power += 1
    return f"{size_bytes:.{0 if power == 0 else 1}f}{_SIZE_UNITS[power]}"
