"""What of a graph is needed for some of its keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def is_call(value: Any) -> bool:
    """Return whether the value of a node is a call: a tuple of a callable and the names of what it takes."""
    return isinstance(value, tuple) and len(value) > 0 and callable(value[0])


def cull_graph(graph: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """Return the nodes that the keys depend on, the keys included, in the order of the graph.

    Raise KeyError, which names it, for a key or an argument of a call that the graph does not have, and TypeError for
    an argument that is not the name of a node.
    """
    needed: set[str] = set()
    waiting = []
    for key in keys:
        if key not in graph:
            raise KeyError(f"the graph has no node {key!r}")
        waiting.append(key)
    while waiting:
        key = waiting.pop()
        if key in needed:
            continue
        needed.add(key)
        value = graph[key]
        if not is_call(value):
            continue
        for argument in value[1:]:
            if not isinstance(argument, str):
                raise TypeError(
                    f"argument {argument!r} of node {key!r} must be a string, the name of a node: make a value a node "
                    "of its own"
                )
            if argument not in graph:
                raise KeyError(f"node {key!r} takes {argument!r}, which is no node of the graph")
            waiting.append(argument)
    return {key: value for key, value in graph.items() if key in needed}
