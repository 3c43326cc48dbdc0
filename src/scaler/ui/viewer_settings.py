"""What each viewer chooses for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

WINDOWS_MINUTES: Final = (5, 10, 30)
MEMORY_SCALES: Final = ("linear", "log")


@dataclass(frozen=True)
class ViewerSettings:
    """How far back charts reach, and how the axis of the memory chart is divided."""

    window_minutes: int = WINDOWS_MINUTES[0]
    memory_scale: str = MEMORY_SCALES[0]

    @property
    def window_seconds(self) -> int:
        return self.window_minutes * 60

    def to_plain(self) -> dict[str, Any]:
        """Return what can be stored."""
        return asdict(self)

    @classmethod
    def from_plain(cls, stored: Mapping[str, Any]) -> ViewerSettings:
        """Return settings that were stored; what is unknown, or of another version, is the default."""
        default = cls()
        minutes, scale = stored.get("window_minutes"), stored.get("memory_scale")
        return cls(
            minutes if minutes in WINDOWS_MINUTES else default.window_minutes,
            scale if scale in MEMORY_SCALES else default.memory_scale,
        )
