"""Makes large structures without a look for garbage among them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Put off the collection of cyclic garbage while something large is made that stays.

    The interpreter looks for garbage among all objects each time they have become a quarter more: for what only grows,
    that is for nothing, and costs more per object the more there are. For code of ours that runs shortly: what others
    may run for long, such as a serializer, does not belong in it. Any thread.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
