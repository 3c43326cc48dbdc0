"""A worker that drains at SIGTERM, in a real cluster: nothing that it holds is lost or runs twice."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from worker_bench import make_worker

from scaler import Client, SchedulerClusterCombo


def note_and_sleep(notes: str, seconds: float) -> int:
    with open(notes, "a", encoding="ascii") as file:
        file.write("started\n")
    time.sleep(seconds)
    return os.getpid()


def started(notes: Path) -> int:
    return len(notes.read_text().splitlines()) if notes.exists() else 0


def test_a_worker_that_drains_costs_no_task(leftovers: Any, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with SchedulerClusterCombo(n_workers=0, logging_level="ERROR") as combo, Client(combo.get_address()) as client:
        leaving = make_worker(combo.get_address(), drain_seconds=60)
        leaving.start()
        combo.wait_for_workers(1)
        futures = [client.submit(note_and_sleep, str(notes), 2.0) for _ in range(2)]  # the second one is held ahead
        deadline = time.monotonic() + 20
        while started(notes) == 0:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        leaving.terminate()
        leaving.join(20)
        assert leaving.exitcode == 0
        assert futures[0].result(timeout=20) > 0  # it ended before its worker did
        assert (started(notes), futures[1].done()) == (1, False)
        staying = make_worker(combo.get_address())
        staying.start()
        assert futures[1].result(timeout=30) != futures[0].result()
        assert started(notes) == 2
        staying.terminate()
        staying.join(10)
        leaving.close()
        staying.close()
    leftovers.wait_until_none(1.0)
