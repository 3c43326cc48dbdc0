"""A worker that drains at SIGTERM, in a real cluster: nothing that it holds is lost or runs twice."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

import pytest
from worker_bench import make_worker

from scaler import Client, Cluster, SchedulerClusterCombo
from scaler.config.types.worker import WorkerNames

DEADLINE_SECONDS = 30.0


def note_and_sleep(notes: str, seconds: float) -> int:
    with open(notes, "a", encoding="ascii") as file:
        file.write("started\n")
    time.sleep(seconds)
    return os.getpid()


def started(notes: Path) -> int:
    return len(notes.read_text().splitlines()) if notes.exists() else 0


def note_and_wait(notes: str, release: str) -> int:
    note_and_sleep(notes, 0)
    while not Path(release).exists():
        time.sleep(0.02)
    return os.getpid()


def wait_until_started(notes: Path, tasks: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while started(notes) < tasks:
        assert time.monotonic() < deadline
        time.sleep(0.01)


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


@pytest.fixture
def combo(leftovers: Any) -> Any:
    with SchedulerClusterCombo(n_workers=0, logging_level="ERROR") as combo:
        yield combo


def start_cluster(combo: SchedulerClusterCombo, drain_seconds: float) -> Cluster:
    """Start a cluster of one worker beside a scheduler."""
    config = dataclasses.replace(
        combo._cluster._config, num_of_workers=1, worker_names=WorkerNames(["one"]), drain_seconds=drain_seconds
    )
    cluster = Cluster.from_config(config)
    cluster.start()
    return cluster


def test_a_cluster_that_drains_ends_what_runs_and_gives_the_rest_away_at_once(combo: Any, tmp_path: Path) -> None:
    notes, release = tmp_path / "notes", tmp_path / "release"
    with Client(combo.get_address()) as client:
        leaving = start_cluster(combo, drain_seconds=60)
        running = client.submit(note_and_wait, str(notes), str(release))
        wait_until_started(notes, 1)
        waiting = client.submit(note_and_wait, str(notes), os.devnull)
        leaving.terminate()
        staying = start_cluster(combo, drain_seconds=0)
        elsewhere = waiting.result(timeout=DEADLINE_SECONDS)
        assert leaving.is_alive()
        assert not running.done()
        release.touch()
        assert running.result(timeout=DEADLINE_SECONDS) != elsewhere
        leaving.join(DEADLINE_SECONDS)
        assert leaving.exitcode == 0
        assert started(notes) == 2
        for cluster in (leaving, staying):
            cluster.terminate()
            cluster.join(10)
            cluster.close()


def test_a_cluster_runs_its_tasks_elsewhere_when_their_time_is_over(combo: Any, tmp_path: Path) -> None:
    notes, release = tmp_path / "notes", tmp_path / "release"
    with Client(combo.get_address()) as client:
        leaving = start_cluster(combo, drain_seconds=0.5)
        running = client.submit(note_and_wait, str(notes), str(release))
        wait_until_started(notes, 1)
        leaving.terminate()
        leaving.join(10)
        assert leaving.exitcode == 0
        staying = start_cluster(combo, drain_seconds=0)
        wait_until_started(notes, 2)
        release.touch()
        assert running.result(timeout=DEADLINE_SECONDS) > 0
        for cluster in (leaving, staying):
            cluster.terminate()
            cluster.join(10)
            cluster.close()
