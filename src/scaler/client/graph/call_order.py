"""The order in which the calls of a graph are sent: each comes after those whose results it takes.

Where GraphBLAS is installed (the extra ``graphblas``), a large graph is ordered level by level, all calls of a level at
once. That is worth it while levels are wide; what comes when they are not is left to the standard library.
"""

from __future__ import annotations

import functools
import graphlib
import importlib
import logging
from types import ModuleType
from typing import Any, Final

logger = logging.getLogger(__name__)

_MANY_CALLS: Final = 20_000
"""So many are worth loading GraphBLAS, which takes longer than to order fewer of them."""
_WIDE_CALLS: Final = 64
"""So many in a level, on average, are worth what a level costs."""
_TRIED_LEVELS: Final = 8


def in_order(predecessors: dict[str, list[str]]) -> list[str]:
    """Return the keys so that each comes after its predecessors, which are keys, too. Raise graphlib.CycleError."""
    first: list[str] = []
    if len(predecessors) >= _MANY_CALLS and (graphblas := _graphblas()) is not None:
        first = _first_levels(predecessors, graphblas)
        done = set(first)
        predecessors = {
            key: [name for name in names if name not in done] for key, names in predecessors.items() if key not in done
        }
    return first + list(graphlib.TopologicalSorter(predecessors).static_order())


@functools.cache
def _graphblas() -> ModuleType | None:
    try:
        module = importlib.import_module("graphblas")
    except ImportError:  # it is not installed, or a part that it needs is not
        return None
    logger.debug("GraphBLAS %s orders the calls of large graphs", module.__version__)
    return module


def _first_levels(predecessors: dict[str, list[str]], graphblas: Any) -> list[str]:
    """Return the keys of the first levels in order: of all, unless they get narrow, or there is a cycle."""
    import numpy  # GraphBLAS needs it

    names = list(predecessors)
    numbers = {name: number for number, name in enumerate(names)}
    edges = [
        (numbers[before], number) for number, name in enumerate(names) for before in dict.fromkeys(predecessors[name])
    ]
    sources, targets = zip(*edges, strict=True) if edges else ((), ())
    size, count = len(names), graphblas.semiring.plus_pair
    followers = graphblas.Matrix.from_coo(sources, targets, True, dtype=bool, nrows=size, ncols=size)
    missing = numpy.bincount(numpy.asarray(targets, dtype=numpy.int64), minlength=size)
    level = numpy.flatnonzero(missing == 0)
    ordered: list[int] = []
    levels = 0
    while len(level) > 0 and (levels < _TRIED_LEVELS or len(ordered) >= levels * _WIDE_CALLS):
        ordered += level.tolist()
        levels += 1
        ended = graphblas.Vector.from_coo(level, True, dtype=bool, size=size)
        indices, counts = count(ended @ followers).new(dtype=numpy.int64).to_coo()
        missing[indices] -= counts
        level = indices[missing[indices] == 0]
    return [names[number] for number in ordered]
