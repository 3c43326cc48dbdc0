"""A graph as the client plans it: checked, without what nobody asked for, and in the order of its dependencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from scaler.client.graph.call_order import in_order
from scaler.utility.garbage import without_collection
from scaler.utility.graph.optimization import cull_graph, is_call


class Call(NamedTuple):
    """A node that calls a function with the results of other nodes, in that order."""

    function: Callable[..., Any]
    takes: tuple[str, ...]


class GraphPlan(NamedTuple):
    """The nodes that are needed for ``keys``. A call comes after all calls whose results it takes."""

    keys: list[str]
    calls: dict[str, Call]
    data: dict[str, Any]

    @staticmethod
    @without_collection()
    def make(graph: Mapping[str, Any], keys: Iterable[str]) -> GraphPlan:
        """Return the plan for some keys of a graph.

        Raise KeyError for a key or argument that is no node, or a key that is repeated, TypeError for an argument that
        is not a name, or a text in the place of keys, and graphlib.CycleError when nodes need each other.
        """
        if isinstance(keys, (str, bytes)):
            raise TypeError(f"keys must be a list of names of nodes, but got the text {keys!r}: write [{keys!r}]")
        wanted = list(keys)
        repeated = [key for key, count in Counter(wanted).items() if count > 1]
        if repeated:
            raise KeyError(f"keys must not be repeated: {', '.join(map(repr, repeated))}")
        needed = cull_graph(graph, wanted)
        calls = {key: Call(value[0], value[1:]) for key, value in needed.items() if is_call(value)}
        data = {key: value for key, value in needed.items() if key not in calls}
        return GraphPlan(wanted, calls if _is_in_order(calls) else _in_order(calls), data)


def _is_in_order(calls: dict[str, Call]) -> bool:
    """Return whether each call comes after those whose results it takes, as in most graphs that programs make."""
    seen: set[str] = set()
    for key, call in calls.items():
        for name in call.takes:
            if name in calls and name not in seen:
                return False
        seen.add(key)
    return True


def _in_order(calls: dict[str, Call]) -> dict[str, Call]:
    """Return the calls so that each comes after those whose results it takes. Raise graphlib.CycleError."""
    predecessors = {key: [name for name in call.takes if name in calls] for key, call in calls.items()}
    return {key: calls[key] for key in in_order(predecessors)}
