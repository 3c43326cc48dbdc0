"""Ten thousand tasks are submitted and cancelled from several threads, while workers are killed and replaced."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chaos_processes import Fleet
from chaos_tasks import measure, note_and_square
from settle import Settlement, wait_until

from scaler import Client, SchedulerClusterCombo
from scaler.utility.exceptions import ProcessorDiedError, WorkerDiedError

pytestmark = pytest.mark.timeout(240)

_TASKS = 10_000
_THREADS = 8
_CLIENTS = 4
_WORKERS = 3
_LEAST_KILLED = 5
_VERDICT_SECONDS = 60.0
_LARGE_BYTES = 50_000
_Start = Callable[..., SchedulerClusterCombo]


def _nap(folder: str, number: int, seconds: float) -> int:
    """Return the number after a time; the first time in a process, write down which it is."""
    path = Path(folder) / str(os.getpid())
    if not path.exists():
        path.touch()
    time.sleep(seconds)
    return number


def _add(*numbers: int) -> int:
    return sum(numbers)


class Storm:
    """One thread's part: submits and cancels in several ways, and keeps what each future may have as its value."""

    def __init__(self, client: Client, seed: int, tasks: int, folder: Path, is_enough: threading.Event) -> None:
        self._client = client
        self._plan = random.Random(seed)
        self._left = tasks
        self._folder = str(folder)
        self._is_enough = is_enough
        self.expected: list[tuple[Any, Any]] = []
        self.counts: Counter[str] = Counter()

    def run(self) -> None:
        """Submit and cancel until no task is left, and enough has been killed meanwhile."""
        ways = {
            self._cancel_at_once: 6,
            self._cancel_many: 6,
            self._cancel_large: 2,
            self._cancel_a_graph: 2,
            self._cancel_what_runs: 1,
        }
        while self._left > 0 or not self._is_enough.is_set():
            self._plan.choices(list(ways), list(ways.values()))[0]()

    def _expect(self, future: Any, value: Any) -> Any:
        self._left -= 1
        self.expected.append((future, value))
        return future

    def _cancel(self, future: Any) -> None:
        is_cancelled = future.cancel(timeout=_VERDICT_SECONDS)
        assert future.done() and future.cancelled() is is_cancelled

    def _cancel_at_once(self) -> None:
        for number in range(20):
            self._cancel(self._expect(self._client.submit(_nap, self._folder, number, 0.0), number))

    def _cancel_many(self) -> None:
        """Some wait then, some are placed, some run, and some have ended; a few are left alone."""
        futures = [
            self._expect(
                self._client.submit_verbose(_nap, (self._folder, number, 0.002), {}, retries=number % 3), number
            )
            for number in range(40)
        ]
        time.sleep(self._plan.uniform(0, 0.02))
        self._plan.shuffle(futures)
        for future in futures[4:]:
            self._cancel(future)

    def _cancel_large(self) -> None:
        reference = self._client.send_object(bytes(_LARGE_BYTES))
        arguments = [reference, bytes(_LARGE_BYTES)] * 5
        futures = [self._expect(self._client.submit(measure, argument), _LARGE_BYTES) for argument in arguments]
        for future in futures:
            self._cancel(future)

    def _cancel_a_graph(self) -> None:
        leaves = {f"leaf {number}": (_nap, "folder", "one", "seconds") for number in range(8)}
        graph = {
            "folder": self._folder,
            "one": 1,
            "seconds": 0.002,
            **leaves,
            "sum": (_add, *leaves),
            "after": (_add, "sum"),
        }
        futures = self._client.get(graph, [*leaves, "after"], block=False)
        for key, future in futures.items():
            self._expect(future, 8 if key == "after" else 1)
        time.sleep(self._plan.uniform(0, 0.02))
        self._cancel(self._plan.choice(list(futures.values())))

    def _cancel_what_runs(self) -> None:
        path = Path(self._folder) / f"task {threading.get_ident()} {self._left}"
        future = self._expect(self._client.submit(note_and_square, str(path), 3, 120.0), 9)
        wait_until(lambda: path.exists() or future.done(), _VERDICT_SECONDS, "a task starts")
        self.counts["cancelled while running"] += path.exists()
        self._cancel(future)

    def check(self) -> None:
        """Check that everything has ended as it may: as its value, as cancelled, or with whom it was killed with."""
        for future, value in self.expected:
            try:
                error = future.exception(timeout=_VERDICT_SECONDS)
            except concurrent.futures.CancelledError:
                self.counts["cancelled"] += 1
                continue
            if error is None:
                self.counts["results"] += 1
                assert future.result() == value
            else:
                self.counts[type(error).__name__] += 1
                assert isinstance(error, (ProcessorDiedError, WorkerDiedError)), repr(error)


def test_tasks_are_cancelled_while_workers_are_killed(start_combo: _Start, plan: random.Random, tmp_path: Path) -> None:
    """Every task reaches one end, nothing of any is left, and what was killed is all that has died."""
    combo, is_enough = start_combo(0), threading.Event()
    with contextlib.ExitStack() as stack:
        settlement = stack.enter_context(Settlement(combo))
        fleet = stack.enter_context(Fleet(combo.get_address(), _WORKERS))
        combo.wait_for_workers(_WORKERS, timeout_seconds=30)
        with contextlib.ExitStack() as clients:
            connected = [clients.enter_context(Client(combo.get_address())) for _ in range(_CLIENTS)]
            storms = [
                Storm(connected[number % _CLIENTS], plan.randrange(2**32), _TASKS // _THREADS, tmp_path, is_enough)
                for number in range(_THREADS)
            ]
            _rage(storms, fleet, plan, tmp_path, is_enough)
            for storm in storms:
                storm.check()
        fleet.check_alive()
        print(
            f"killed {fleet.killed_agents} agents, {fleet.killed_processors} processors;",
            dict(sum((storm.counts for storm in storms), Counter())),
        )
        settlement.check((future for storm in storms for future, _ in storm.expected), workers=_WORKERS)


def _rage(storms: list[Storm], fleet: Fleet, plan: random.Random, folder: Path, is_enough: threading.Event) -> None:
    """Let the storms run, and kill while they do.

    Processors are killed when they have served: a worker whose processors die before they do gives up.
    """
    with concurrent.futures.ThreadPoolExecutor(len(storms)) as pool:
        runs = [pool.submit(storm.run) for storm in storms]
        while not all(run.done() for run in runs):
            if min(fleet.killed_agents, fleet.killed_processors) >= _LEAST_KILLED:
                is_enough.set()
            fleet.kill_a_processor(plan, {int(path.name) for path in folder.glob("[0-9]*")})
            concurrent.futures.wait(runs, plan.uniform(0, 0.4))
            if plan.random() < 0.15:
                fleet.replace_an_agent(plan)
        for run in runs:
            run.result()
