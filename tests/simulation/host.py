"""A machine: what stands still, ends, and is badly connected together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass
class Network:
    """How the links of a machine are at present; it goes for what is sent meanwhile."""

    delay_seconds: float = 0.0
    spacing_seconds: float = 0.0
    """Between two frames of a link: the machine is slow."""
    stalled_until_seconds: float = 0.0
    """Nothing passes until then, and nothing is lost."""
    makes_copies: bool = False
    """Frames from and to workers may arrive twice, one right after the other."""
    has_made_copies: bool = False


class Host:
    """A machine with its processes. ``trouble`` names the fault it suffers from, if any."""

    def __init__(self, after: Callable[[float, Callable[[], None]], None]) -> None:
        self.network = Network()
        self.trouble = ""
        self._after = after
        self._life = 0
        self._put_off: list[Callable[[], None]] | None = None  # while everything stands still

    def do(self, action: Callable[[], None]) -> None:
        """Do something, or, while everything stands still, as soon as it goes on."""
        if self._put_off is None:
            action()
        else:
            self._put_off.append(action)

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later, unless the machine has ended by then."""
        life = self._life

        def if_alive() -> None:
            if self._life == life:
                action()

        self._after(seconds, lambda: self.do(if_alive))

    def freeze(self) -> None:
        """Let everything stand still."""
        self._put_off = []

    def thaw(self) -> None:
        """Let everything go on, and catch up."""
        put_off, self._put_off = self._put_off or [], None
        for action in put_off:
            action()

    def end(self) -> None:
        """End everything that goes on here; what comes later is a new life."""
        self._life += 1
        self._put_off = None
        self.network = Network()
