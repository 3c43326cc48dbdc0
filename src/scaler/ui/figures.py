"""How figures and names are written on the screen."""

from __future__ import annotations

from scaler.monitor.records import Capabilities
from scaler.scheduler.task.monitor_state import MonitorState

NOT_AVAILABLE = "N/A"
_NAME_LENGTH = 15
_UNIQUE_LENGTH = 6
_BYTES_PER_MEGABYTE = 1_000_000


def identity_label(identity: bytes) -> str:
    """Return a short name of a worker or client: its name and the beginning of what makes its identity unique."""
    parts = identity.decode(errors="replace").split("|")
    if len(parts) < 2:
        return _cut(parts[0])
    name, unique = "|".join(parts[1:-1]), parts[-1][:_UNIQUE_LENGTH]
    return f"{_cut(name)} {unique}" if name else unique


def capabilities_label(capabilities: Capabilities) -> str:
    """Return names, sorted, each with its amount when it has one."""
    if not capabilities:
        return "<no capabilities>"
    named = sorted(capabilities.items())
    return " & ".join(name if amount < 0 else f"{name}={amount}" for name, amount in named)


def state_label(state: MonitorState) -> str:
    """Return the name of a state with a capital letter: ``FailedWorkerDied``."""
    return state.name[0].upper() + state.name[1:]


def percent(permille: int) -> float:
    """Return thousandths of a core as percent of a core."""
    return permille / 10


def megabytes(size_bytes: int) -> float:
    """Return millions of bytes, with one decimal."""
    return round(size_bytes / _BYTES_PER_MEGABYTE, 1)


def microseconds_text(duration_us: int) -> str:
    """Return a delay as milliseconds, or as seconds from one second on."""
    if duration_us < 1000:
        return f"{duration_us / 1000:.1f}ms"
    return f"{duration_us // 1000}ms" if duration_us < 1_000_000 else f"{duration_us / 1_000_000:.1f}s"


def age_text(age_seconds: int) -> str:
    """Return the age of a heartbeat; a message has room for 255 seconds at most."""
    return "255s+" if age_seconds >= 255 else f"{age_seconds}s"


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_LENGTH else f"{name[:_NAME_LENGTH]}+"
