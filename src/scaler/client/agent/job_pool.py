"""A few threads for what must not run on the thread that receives: one pool for users' callbacks, one for fetches.

They are daemons: the interpreter joins other threads before it ends the sessions of clients, and a callback that waits
for a task would keep the program from ending for as long as the task takes. So the pool itself waits for its threads,
once the client, which registers its end later and is ended earlier, has cancelled its tasks.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from collections.abc import Callable
from typing import Final

from scaler.utility.process_mark import ProcessMark

logger = logging.getLogger(__name__)

_THREADS: Final = 4


class JobPool:
    """Runs jobs on threads that are made when the first job comes. Its queue is bounded by the client's futures.

    A caller may be cut off anywhere by what a signal handler raises: then there is a thread more or less than needed.
    """

    def __init__(self, name: str) -> None:
        """``name`` is that of the threads."""
        self._name = name
        self._lock = threading.RLock()
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._unended_jobs = 0
        self._threads: list[threading.Thread] = []
        self._is_closed = False
        self._process = ProcessMark()
        atexit.register(self._end)

    def run(self, job: Callable[[], None]) -> None:
        """Run the job on a thread of the pool; after the end, on the caller's."""
        with self._lock:
            is_taken = not self._is_closed and self._has_thread()
            if is_taken:
                self._unended_jobs += 1
                self._jobs.put(job)
        if not is_taken:
            job()

    def close(self) -> None:
        """Take no more jobs. Those that wait are still run; this does not wait for them."""
        with self._lock:
            self._is_closed = True
            self._jobs.put(None)
            self._forget_end()

    def _end(self) -> None:
        """Wait for all jobs, at the end of the program. A forked child has no threads, but perhaps a lock of one."""
        if not self._process.is_own:
            return
        self.close()
        for thread in list(self._threads):
            thread.join()

    def _has_thread(self) -> bool:
        """Make a thread when all of them have a job, unless there are enough; return whether there is any."""
        if len(self._threads) <= min(self._unended_jobs, _THREADS - 1):
            name = f"{self._name}_{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            try:
                thread.start()
                self._threads.append(thread)
            except RuntimeError:  # there are too many, or the interpreter ends
                pass
        return bool(self._threads)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except BaseException:  # outermost: such as of a callback that calls sys.exit
                logger.exception("a job of %s failed", self._name)
            del job  # or it would be kept until the next one comes
            with self._lock:
                self._unended_jobs -= 1
        self._jobs.put(None)  # for the other threads
        with self._lock:
            if threading.current_thread() in self._threads:
                self._threads.remove(threading.current_thread())
            self._forget_end()

    def _forget_end(self) -> None:
        if self._is_closed and not self._threads:
            atexit.unregister(self._end)
