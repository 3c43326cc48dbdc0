"""Workers that died are replaced, with growing pauses; those that left on purpose are not."""

from __future__ import annotations

import math
from typing import Any

import pytest

import scaler.cluster.worker_places as worker_places
from scaler.cluster.worker_places import WorkerPlaces
from scaler.cluster.worker_restarts import (
    FIRST_DELAY_SECONDS,
    LONGEST_DELAY_SECONDS,
    MOST_FUTILE_LIVES,
    USEFUL_LIFE_SECONDS,
    WorkerRestarts,
)
from scaler.utility.restarts import NO_RESTART_EXIT_CODE

KILLED = -9


def die_young(restarts: WorkerRestarts, place: int, now: float) -> bool:
    restarts.on_start(place, now)
    return restarts.on_end(place, KILLED, now)


@pytest.mark.parametrize("exit_code", [0, NO_RESTART_EXIT_CODE])
def test_who_leaves_on_purpose_or_cannot_work_is_not_replaced(exit_code: int) -> None:
    restarts = WorkerRestarts()
    restarts.on_start(0, 0.0)
    assert not restarts.on_end(0, exit_code, 1.0)
    assert restarts.take_due(1e6) == [] and restarts.next_due_at() is None


@pytest.mark.parametrize("exit_code", [1, KILLED])
def test_who_dies_after_a_useful_life_is_replaced_at_once(exit_code: int) -> None:
    restarts = WorkerRestarts()
    restarts.on_start(0, 0.0)
    assert restarts.on_end(0, exit_code, USEFUL_LIFE_SECONDS)
    assert restarts.take_due(USEFUL_LIFE_SECONDS) == [0]
    assert restarts.take_due(1e6) == []


def test_pauses_grow_to_a_bound_and_then_the_place_is_given_up() -> None:
    restarts, now, pauses = WorkerRestarts(), 0.0, []
    while die_young(restarts, 0, now):
        due_at = restarts.next_due_at()
        assert due_at is not None
        pauses.append(due_at - now)
        now = due_at
        assert restarts.take_due(math.nextafter(now, 0)) == [] and restarts.take_due(now) == [0]
    assert pauses[:3] == [FIRST_DELAY_SECONDS, 2 * FIRST_DELAY_SECONDS, 4 * FIRST_DELAY_SECONDS]
    assert max(pauses) == pauses[-1] == LONGEST_DELAY_SECONDS
    assert len(pauses) == MOST_FUTILE_LIVES - 1 and restarts.next_due_at() is None


def test_a_useful_life_lets_the_pauses_begin_anew() -> None:
    restarts = WorkerRestarts()
    for _ in range(3):
        die_young(restarts, 0, 0.0)
    restarts.on_start(0, 0.0)
    restarts.on_end(0, KILLED, USEFUL_LIFE_SECONDS)
    die_young(restarts, 0, 1000.0)
    assert restarts.next_due_at() == 1000.0 + FIRST_DELAY_SECONDS


def test_places_have_nothing_to_do_with_each_other() -> None:
    restarts = WorkerRestarts()
    for _ in range(3):
        die_young(restarts, 0, 0.0)
    die_young(restarts, 1, 0.0)
    assert restarts.next_due_at() == FIRST_DELAY_SECONDS
    assert restarts.take_due(FIRST_DELAY_SECONDS) == [1]


class StandIn:
    """A worker of a script: it ends as the script of its place says."""

    def __init__(self, place: int, ends: list[int | None]) -> None:
        self.identity = f"{place}"
        self.exitcode = ends.pop(0) if ends else 0
        self.is_closed = False

    def start(self, interpreter: Any = None) -> None:
        if self.exitcode is None:
            raise OSError("no more processes")

    def close(self) -> None:
        self.is_closed = True


class Stage:
    """Places on a clock that goes on when somebody waits, with workers that end in that moment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *scripts: list[int | None], restarts: bool = True) -> None:
        self.now = 0.0
        self.made: list[StandIn] = []
        self.scripts = scripts
        monkeypatch.setattr(worker_places, "wait_for_any", self._wait)
        core = WorkerRestarts() if restarts else None
        self.places = WorkerPlaces(len(scripts), self._make, core, lambda: self.now)  # type: ignore[arg-type]

    def run(self) -> bool:
        self.places.start([])
        return self.places.wait_for_all(None)  # type: ignore[arg-type]

    def _make(self, place: int) -> StandIn:
        worker = StandIn(place, self.scripts[place])
        self.made.append(worker)
        return worker

    def _wait(self, workers: list[StandIn], _signals: object, timeout_seconds: float | None) -> list[StandIn]:
        if workers:
            self.now += 0.25
            return workers[:1]
        assert timeout_seconds is not None
        self.now += timeout_seconds
        return []


def test_a_cluster_goes_on_until_all_have_left_on_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, [KILLED, 1, 0], [0])
    assert stage.run()
    assert len(stage.made) == 4 and all(worker.is_closed for worker in stage.made)


def test_without_restarts_nobody_is_replaced_and_the_cluster_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, [KILLED], [0], restarts=False)
    assert not stage.run()
    assert len(stage.made) == 2


def test_a_place_that_is_given_up_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(monkeypatch, [KILLED] * 50)
    assert not stage.run()
    assert len(stage.made) == MOST_FUTILE_LIVES
    assert "worker 1 of 1 died again and again" in caplog.text


def test_a_system_that_refuses_a_process_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, [KILLED, None, None, 0])
    assert stage.run()
    assert len(stage.made) == 4
