"""How the work of something grows with its size: a ratio, so that the machine does not matter."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

_TRIES = 3


def growth(prepare: Callable[[int], Callable[[], object]], few: int, many: int) -> float:
    """Return how much longer the action for many takes than that for few, in processor time of this thread.

    ``prepare`` makes an action of that size; each is taken at its best of some tries.
    """
    return _least_seconds(prepare, many) / _least_seconds(prepare, few)


def _least_seconds(prepare: Callable[[int], Callable[[], object]], size: int) -> float:
    return min(_seconds(prepare(size)) for _ in range(_TRIES))


def _seconds(action: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    try:
        began = time.thread_time()
        action()
        return time.thread_time() - began
    finally:
        gc.enable()
