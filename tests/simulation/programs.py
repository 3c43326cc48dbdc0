"""What a nested task does: it works, submits children, and waits for them; which, its one argument says."""

from __future__ import annotations

import struct
from collections.abc import Callable, Generator
from random import Random
from typing import NamedTuple, TypeAlias

_LAYOUT = struct.Struct("<BBB???")
_SHAPES = ((1, 10, 1), (1, 2, 3), (2, 3, 1), (2, 2, 2), (3, 2, 1), (3, 2, 1), (5, 1, 1), (12, 1, 1), (0, 0, 0))
"""Depth, width, and batches: one after the other is waited for."""


class Program(NamedTuple):
    """A tree of tasks of that depth. A task has ``batches`` times ``width`` children."""

    depth: int
    width: int
    batches: int
    is_tolerant: bool = False
    """It goes on when a child has failed."""
    has_own_client: bool = False
    """It makes a client, and leaves with it, instead of using that of its processor."""
    makes_graph: bool = False
    """Its last batch is a graph."""

    @staticmethod
    def choose(random: Random) -> Program:
        """Return a program of some shape."""
        depth, width, batches = random.choice(_SHAPES)
        return Program(depth, width, batches, *(random.random() < rate for rate in (0.6, 0.2, 0.2)))

    def encode(self) -> bytes:
        """Return what ``decode`` takes."""
        return _LAYOUT.pack(*self)

    @staticmethod
    def decode(data: bytes) -> Program:
        """Return the program again."""
        return Program(*_LAYOUT.unpack(data))

    def child(self) -> Program:
        """Return what its children run."""
        return self._replace(depth=self.depth - 1)


class Children:
    """Tasks that a task waits for. ``on_over`` is called when the last one has ended."""

    def __init__(self, on_over: Callable[[], None]) -> None:
        self.unended = 0
        self.is_any_lost = False
        self._on_over = on_over

    def on_end(self, how: str) -> None:
        """Take note of the end of one."""
        self.unended -= 1
        self.is_any_lost = self.is_any_lost or how != "success"
        if self.unended == 0:
            self._on_over()


Wait: TypeAlias = "float | Children"
Submit: TypeAlias = Callable[[Program, bool], Children]
Body: TypeAlias = "Generator[Wait, None, bool]"


def body(program: Program, seconds: float, submit: Submit) -> Body:
    """Do what the program says: yield what to wait for, and return whether it is a failure that a child was lost.

    ``submit`` submits a batch of children, or a graph.
    """
    yield seconds / 2
    for batch in range(program.batches if program.depth > 0 else 0):
        children = submit(program, program.makes_graph and batch == program.batches - 1)
        if children.unended:
            yield children
        if children.is_any_lost and not program.is_tolerant:
            return True
    yield seconds / 2
    return False
