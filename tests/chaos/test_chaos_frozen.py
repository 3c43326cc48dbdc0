"""Processes that stand still and come back."""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from chaos_processes import agents, freeze, more_workers, processors, thaw
from chaos_tasks import History, note_and_square
from settle import Settlement, wait_until

from scaler import Client, SchedulerClusterCombo

pytestmark = pytest.mark.timeout(120)

_TASKS = 5_000
_Start = Callable[..., SchedulerClusterCombo]


def test_worker_frozen_beyond_its_timeout(start_combo: _Start, tmp_path: Path) -> None:
    """Its tasks run elsewhere; when it is thawed, what it still sends changes nothing, and it serves again."""
    combo, history = start_combo(1, worker_timeout_seconds=8), History(tmp_path)
    with contextlib.ExitStack() as stack:
        settlement = stack.enter_context(Settlement(combo))
        cluster = stack.enter_context(more_workers(combo, combo.get_address(), 1, registered=2))
        lost = {process.pid for agent in agents(cluster) for process in processors(agent)}
        with Client(combo.get_address()) as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
            rows = [(history.path, number, 0.002) for number in range(_TASKS)]
            mapped = pool.submit(client.map, note_and_square, rows)
            wait_until(lambda: len(history) >= 500, 60)
            frozen = freeze(cluster)
            stack.callback(thaw, frozen)
            time.sleep(11)
            thaw(frozen)
            assert mapped.result(timeout=90) == [number * number for number in range(_TASKS)]
            history.check(_TASKS, lost)
            combo.wait_for_workers(2, timeout_seconds=30)
            assert client.map(pow, [(number, 2) for number in range(100)]) == [number**2 for number in range(100)]
        settlement.check(workers=2)


def test_worker_frozen_for_less_than_its_timeout(start_combo: _Start, tmp_path: Path) -> None:
    """A pause costs time only: no task runs twice."""
    combo, history = start_combo(1, worker_timeout_seconds=20), History(tmp_path)
    with contextlib.ExitStack() as stack:
        settlement = stack.enter_context(Settlement(combo))
        cluster = stack.enter_context(more_workers(combo, combo.get_address(), 1, registered=2))
        with Client(combo.get_address()) as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
            rows = [(history.path, number, 0.002) for number in range(_TASKS)]
            mapped = pool.submit(client.map, note_and_square, rows)
            wait_until(lambda: len(history) >= 500, 60)
            frozen = freeze(cluster)
            stack.callback(thaw, frozen)
            time.sleep(3)
            thaw(frozen)
            assert mapped.result(timeout=90) == [number * number for number in range(_TASKS)]
        history.check(_TASKS)
        settlement.check(workers=2)
