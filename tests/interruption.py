"""Ctrl-C, or another exception of a signal handler, at any place of the product's code."""

from __future__ import annotations

import sys
from types import FrameType


class Interruption:
    """Raises in this thread at the n-th place in files below ``within`` at which a signal handler may do so.

    The interpreter looks for signals when a function begins, and when a native one has returned.
    """

    def __init__(self, place: int, within: str, kind: type[BaseException] = KeyboardInterrupt) -> None:
        self._left = place
        self._within = within
        self._kind = kind
        self.has_struck = False

    def __enter__(self) -> Interruption:
        self._before = sys.getprofile()
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)

    def _profile(self, frame: FrameType, event: str, argument: object) -> None:
        is_place = event in ("call", "c_return") and self._within in frame.f_code.co_filename
        if is_place and not self.has_struck:
            self._left -= 1
            if self._left < 0:
                self.has_struck = True
                raise self._kind
