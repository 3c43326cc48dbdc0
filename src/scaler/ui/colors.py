"""The colours of the task stream: one for each set of capabilities, and what tells the end of a task."""

from __future__ import annotations

import hashlib

from scaler.monitor.records import Capabilities
from scaler.scheduler.task.monitor_state import MonitorState

PLAIN = "#3fa34d"
_CANCELED = (MonitorState.canceled, MonitorState.canceledNotFound)
_FAILED = (MonitorState.failed, MonitorState.failedWorkerDied)


def capabilities_color(capabilities: Capabilities) -> str:
    """Return green for none, otherwise a colour that depends on nothing but the names."""
    if not capabilities:
        return PLAIN
    return name_color(" & ".join(sorted(capabilities)))


def name_color(name: str) -> str:
    """Return the colour of one capability, or of several in one text."""
    return f"#{hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()[:6]}"


def pattern_of(state: MonitorState) -> str:
    """Return what is drawn over a bar: a cross when it failed, a stroke when it was canceled."""
    if state in _FAILED:
        return "x"
    return "/" if state in _CANCELED else ""


def outline_of(state: MonitorState) -> str:
    """Return the colour of a bar's outline: yellow while it runs, red when it failed, black otherwise."""
    if state is MonitorState.running:
        return "#e6b800"
    return "#d00000" if state in _FAILED else "#000000"
