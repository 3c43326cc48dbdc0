"""The workers of a cluster: started, waited for, and replaced when they die and that is wanted."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from scaler.cluster.supervision import describe_exit, let_drain, stop_all, wait_for_any
from scaler.utility.restarts import NO_RESTART_EXIT_CODE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scaler.cluster.supervision import StopSignals
    from scaler.cluster.worker_restarts import WorkerRestarts
    from scaler.utility.interpreter import Interpreter
    from scaler.worker.worker import Worker


class WorkerPlaces:
    """One place for each worker; without ``restarts`` nobody gets the place of a worker that has ended.

    ``make_worker`` makes the worker of a place; it is called for every start: each worker has an identity of its own.
    """

    def __init__(
        self,
        number: int,
        make_worker: Callable[[int], Worker],
        restarts: WorkerRestarts | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._number = number
        self._make_worker = make_worker
        self._restarts = restarts
        self._now = now
        self._workers: dict[int, Worker] = {}

    def start(self, interpreters: Sequence[Interpreter]) -> None:
        """Start all workers, the first ones in interpreters that were spawned before."""
        for place in range(self._number):
            self._start(place, interpreters[place] if place < len(interpreters) else None)

    def wait_for_all(self, signals: StopSignals) -> bool:
        """Wait until every worker has ended, and return whether all of them ended well or were replaced."""
        succeeded = True
        while True:
            succeeded = self._restart_due() and succeeded
            timeout_seconds = self._next_start_seconds()
            if not self._workers and timeout_seconds is None:
                return succeeded
            for worker in wait_for_any(list(self._workers.values()), signals, timeout_seconds):
                succeeded = self._on_end(worker) and succeeded

    def stop(self, grace_seconds: float, signals: StopSignals | None = None) -> bool:
        """Drain those that drain, stop and forget all workers; return whether none had to be killed."""
        workers = list(self._workers.values())
        self._workers.clear()
        let_drain(workers, signals)
        ended_well = stop_all(workers, grace_seconds)
        for worker in workers:
            worker.close()
        return ended_well

    def _start(self, place: int, interpreter: Interpreter | None = None) -> None:
        worker = self._make_worker(place)
        self._workers[place] = worker
        if self._restarts is not None:
            self._restarts.on_start(place, self._now())
        worker.start(interpreter=interpreter)
        logging.info("%r started", worker.identity)

    def _on_end(self, worker: Worker) -> bool:
        """Return whether the worker ended well, or will be replaced."""
        place = next(place for place, each in self._workers.items() if each is worker)
        del self._workers[place]
        exit_code = worker.exitcode
        worker.close()
        if not exit_code:
            logging.info("%r ended", worker.identity)
            return True
        logging.error("%r ended: %s", worker.identity, describe_exit(exit_code))
        return self._will_restart(place, exit_code)

    def _will_restart(self, place: int, exit_code: int) -> bool:
        if self._restarts is None:
            return False
        if not self._restarts.on_end(place, exit_code, self._now()):
            why = "cannot work" if exit_code == NO_RESTART_EXIT_CODE else "died again and again"
            logging.error("worker %d of %d %s: it is not restarted any more", place + 1, self._number, why)
            return False
        return True

    def _restart_due(self) -> bool:
        """Start what is due; return whether no place was given up because the system refuses."""
        due = [] if self._restarts is None else self._restarts.take_due(self._now())
        outcomes = [self._restart(place) for place in due]
        return all(outcomes)

    def _restart(self, place: int) -> bool:
        try:
            self._start(place)
        except OSError as error:
            logging.error("cannot start a worker: %s", error)
            self._workers.pop(place).close()
            return self._will_restart(place, 1)
        return True

    def _next_start_seconds(self) -> float | None:
        due_at = None if self._restarts is None else self._restarts.next_due_at()
        return None if due_at is None else max(0.0, due_at - self._now())
