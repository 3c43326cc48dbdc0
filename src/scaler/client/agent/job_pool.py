"""A few threads for what must not run on the thread that receives: one pool for users' callbacks, one for fetches."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

_THREADS: Final = 4


class JobPool:
    """Runs jobs on threads that are made when the first job comes. Its queue is bounded by the client's futures."""

    def __init__(self, name: str) -> None:
        """``name`` is that of the threads."""
        self._name = name
        self._lock = threading.RLock()
        self._executor: ThreadPoolExecutor | None = None
        self._is_closed = False

    def run(self, job: Callable[[], None]) -> None:
        """Run the job on a thread of the pool; after the end, on the caller's."""
        with self._lock:
            if self._executor is None and not self._is_closed:
                self._executor = ThreadPoolExecutor(_THREADS, self._name)
            executor = self._executor
        if executor is not None:
            try:
                executor.submit(job)
                return
            except RuntimeError:  # closed meanwhile, or the interpreter ends
                pass
        job()

    def close(self) -> None:
        """Take no more jobs. Those that wait are still run; this does not wait for them."""
        with self._lock:
            self._is_closed = True
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=False)
