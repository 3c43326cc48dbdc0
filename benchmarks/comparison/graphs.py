"""Graphs of a given size in several shapes; what their nodes call is in ``work``, and small."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from comparison import work

_CHAINS = 20
_MOST_TAKEN = 3
_SEED = 1


class Graph(NamedTuple):
    """A graph as clients take it: calls with names of nodes, and one node of data that is not counted."""

    nodes: dict[str, Any]
    keys: list[str]

    def __len__(self) -> int:
        return len(self.nodes) - 1

    def expected(self) -> dict[str, int]:
        """Return what the keys must be; nodes come after those that they take."""
        values: dict[str, int] = {}
        for key, node in self.nodes.items():
            values[key] = node[0](*(values[name] for name in node[1:])) if isinstance(node, tuple) else node
        return {key: values[key] for key in self.keys}


def chains(size: int) -> Graph:
    """Return twenty chains, of which the last nodes are wanted."""
    nodes: dict[str, Any] = {"x": 1}
    last = ["x"] * _CHAINS
    for number in range(size):
        chain = number % _CHAINS
        nodes[f"n{number}"] = (work.one_more, last[chain])
        last[chain] = f"n{number}"
    return Graph(nodes, last)


def tree(size: int) -> Graph:
    """Return a tree in which every node takes two, down to leaves that take the data; its root is wanted."""
    nodes: dict[str, Any] = {"x": 1}
    for number in range(size - 1, -1, -1):
        below = [f"n{child}" for child in (2 * number + 1, 2 * number + 2) if child < size]
        nodes[f"n{number}"] = (work.one_more, *(below or ["x"]))
    return Graph(nodes, ["n0"])


def tangle(size: int) -> Graph:
    """Return nodes that take one to three of those before, at random; all that nobody takes are wanted."""
    choice = random.Random(_SEED)
    nodes: dict[str, Any] = {"x": 1}
    names, taken = ["x"], set()
    for number in range(size):
        takes = choice.sample(names, min(len(names), choice.randint(1, _MOST_TAKEN)))
        nodes[f"n{number}"] = (work.one_more, *takes)
        names.append(f"n{number}")
        taken.update(takes)
    return Graph(nodes, [name for name in names if name not in taken])


SHAPES: dict[str, Callable[[int], Graph]] = {"chains": chains, "tree": tree, "random": tangle}
