"""Tells an object whether it is used in the process that made it, or in a forked copy, without a system call."""

from __future__ import annotations

import os
import weakref


class ProcessMark:
    """True in the process that made it, and false in its forked children."""

    __slots__ = ("__weakref__", "is_own")

    def __init__(self) -> None:
        self.is_own = True
        _marks.add(self)


_marks: weakref.WeakSet[ProcessMark] = weakref.WeakSet()


def _after_fork() -> None:
    for mark in _marks:
        mark.is_own = False
    _marks.clear()


if hasattr(os, "register_at_fork"):  # otherwise nothing forks, as on Windows
    os.register_at_fork(after_in_child=_after_fork)
