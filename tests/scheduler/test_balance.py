"""When tasks move from loaded workers to idle ones: the settings of balancing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scheduler_fixture import SchedulerFixture

from scaler.protocol import codec
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.utility.identifiers import WorkerID


def loaded_beside_idle(**settings: float) -> tuple[SchedulerFixture, WorkerID]:
    """Return a scheduler with a worker that gets nowhere with two tasks, and an idle one that came later."""
    scheduler = SchedulerFixture(**settings)
    client, loaded = scheduler.client(), scheduler.worker("loaded")
    scheduler.submit(client, 2)
    scheduler.take(loaded)
    scheduler.worker("idle")
    return scheduler, loaded


def asked_back(scheduler: SchedulerFixture, worker: WorkerID) -> int:
    return sum(isinstance(sent, codec.TaskCancel) for sent in scheduler.take(worker))


@pytest.mark.parametrize("seconds", [0, -1])
def test_period_that_is_not_positive_switches_balancing_off(seconds: float) -> None:
    scheduler, loaded = loaded_beside_idle(load_balance_seconds=seconds, load_balance_trigger_times=1)
    for second in range(100):
        scheduler.tick(float(second))
    assert asked_back(scheduler, loaded) == 0


@pytest.mark.parametrize("times", [1, 2, 5])
def test_task_moves_when_enough_looks_in_a_row_have_found_it(times: int) -> None:
    scheduler, loaded = loaded_beside_idle(load_balance_seconds=0.1, load_balance_trigger_times=times)
    scheduler.tick(10.0)  # since when it gets nowhere
    for look in range(1, times):
        scheduler.tick(10 + look / 10)
        assert asked_back(scheduler, loaded) == 0, look
    scheduler.tick(10 + times / 10)
    assert asked_back(scheduler, loaded) == 1


def test_look_that_finds_nothing_to_move_lets_the_count_begin_anew() -> None:
    scheduler, loaded = loaded_beside_idle(load_balance_seconds=0.1, load_balance_trigger_times=2)
    scheduler.tick(10.0)
    scheduler.tick(10.1)
    scheduler.lose(b"Worker|idle|" + b"0" * 32)
    scheduler.tick(10.2)
    scheduler.worker("idle")
    scheduler.tick(10.3)
    assert asked_back(scheduler, loaded) == 0
    scheduler.tick(10.4)
    assert asked_back(scheduler, loaded) == 1


def test_rounds_are_at_least_the_period_apart() -> None:
    scheduler = SchedulerFixture(load_balance_seconds=5, load_balance_trigger_times=1)
    client, first, second = scheduler.client(), scheduler.worker("1"), scheduler.worker("2")
    [known] = scheduler.submit(client)
    scheduler.finish(first, known, seconds=60)  # so an idle worker has time for one
    scheduler.take(first)
    scheduler.submit(client, 4)
    tasks = {worker: scheduler.tasks_sent_to(worker) for worker in (first, second)}
    assert [len(held) for held in tasks.values()] == [2, 2]
    scheduler.worker("3")
    scheduler.tick(10.0)
    scheduler.tick(10.1)
    assert asked_back(scheduler, first) + asked_back(scheduler, second) == 1
    scheduler.worker("4")
    for tenth in range(2, 50):
        scheduler.tick(10 + tenth / 10)
    assert asked_back(scheduler, first) + asked_back(scheduler, second) == 0
    scheduler.tick(15.0)
    assert asked_back(scheduler, first) + asked_back(scheduler, second) == 1


def test_short_tasks_behind_one_that_does_not_end_move_together() -> None:
    scheduler = SchedulerFixture(load_balance_seconds=1, load_balance_trigger_times=2)
    client, stuck = scheduler.client(), scheduler.worker("stuck")
    for task in scheduler.submit(client, 2, function=b"short"):
        scheduler.finish(stuck, task, seconds=1e-6)
    scheduler.take(stuck)
    [endless] = scheduler.submit(client, function=b"endless")
    behind = scheduler.submit(client, 40, function=b"short")
    assert scheduler.tasks_sent_to(stuck) == [endless, *behind]
    idle = scheduler.worker("idle")
    for tick in range(3):
        scheduler.tick(10 + tick / 10)
    asked = [sent.task_id for sent in scheduler.take(stuck) if isinstance(sent, codec.TaskCancel)]
    assert set(asked) == set(behind)
    for task in asked:
        scheduler.confirm(stuck, task, codec.TaskCancelConfirmType.canceled)
    assert len(scheduler.tasks_sent_to(idle)) > len(behind) / 2


def test_long_tasks_move_one_to_each_idle_worker() -> None:
    scheduler = SchedulerFixture(load_balance_seconds=1, load_balance_trigger_times=1)
    client, busy = scheduler.client(), [scheduler.worker(f"busy {number}") for number in range(8)]
    scheduler.submit(client, 16)
    for worker in busy:
        scheduler.take(worker)
    for number in range(2):
        scheduler.worker(f"idle {number}")
    scheduler.tick(10.0)
    scheduler.tick(12.0)  # they have not ended within the period: so long the others will take, too
    assert sum(asked_back(scheduler, worker) for worker in busy) == 2


class EndlessWorker:
    """A worker that starts its first task, never ends it, and gives up all others when it is asked to."""

    def __init__(self, scheduler: SchedulerFixture, name: str) -> None:
        self._scheduler = scheduler
        self._identity = scheduler.worker(name, keep=True)
        self.held: list[bytes] = []
        self.asked = 0

    def go_on(self) -> None:
        """Take what was sent, and answer it."""
        for sent in self._scheduler.take(self._identity):
            if isinstance(sent, codec.Task):
                self.held.append(sent.task_id)
            elif isinstance(sent, codec.TaskCancel):
                self.asked += 1
                self._give_up(sent.task_id)

    def _give_up(self, task_id: bytes) -> None:
        if task_id == self.held[0]:
            self._scheduler.confirm(self._identity, task_id, codec.TaskCancelConfirmType.cancelFailed)
        else:
            self.held.remove(task_id)
            self._scheduler.confirm(self._identity, task_id, codec.TaskCancelConfirmType.canceled)


@settings(deadline=None, max_examples=100)
@given(
    early=st.integers(1, 4),
    late=st.integers(0, 6),
    known_seconds=st.lists(st.sampled_from([1e-6, 1e-4, 0.01, 1.0]), min_size=1, max_size=3),
    functions=st.lists(st.integers(0, 3), max_size=120),
)
def test_balancing_ends_and_leaves_nobody_idle(
    early: int, late: int, known_seconds: list[float], functions: list[int]
) -> None:
    """However tasks lie on workers that get nowhere, each other worker gets one, and then nothing moves any more."""
    scheduler = SchedulerFixture()
    client = scheduler.client()
    teacher = scheduler.worker("teacher")
    for number, seconds in enumerate(known_seconds):
        [task] = scheduler.submit(client, function=b"f%d" % number)
        scheduler.finish(teacher, task, seconds=seconds)
    scheduler.lose(teacher)
    workers = [EndlessWorker(scheduler, f"early {number}") for number in range(early)]
    for function in functions:
        scheduler.submit(client, function=b"f%d" % function)
    workers += [EndlessWorker(scheduler, f"late {number}") for number in range(late)]
    asked = 0
    for tick in range(200):
        scheduler.tick(10 + tick / 10)
        for worker in workers:
            worker.go_on()
        if tick == 150:
            asked = sum(worker.asked for worker in workers)
    assert sum(worker.asked for worker in workers) == asked
    assert sum(bool(worker.held) for worker in workers) == min(len(workers), len(functions))
    held = [task for worker in workers for task in worker.held]
    assert len(set(held)) == len(held)
    assert len(held) + scheduler.core.gauges()["waiting_tasks"] == len(functions)


def seconds_of_a_look(workers: int) -> float:
    """Return how long a look takes when all workers are loaded, and no two tasks have the same needs."""
    scheduler = SchedulerFixture(allocate_policy=AllocatePolicy.capability)
    client = scheduler.client()
    for number in range(workers):
        scheduler.worker(str(number), capabilities={"memory": 1_000_000})
    for number in range(2 * workers):
        scheduler.submit(client, capabilities={"memory": number + 1})
    looks = []
    for tenth in range(10, 16):
        began = time.thread_time()
        scheduler.core._balance.balance(tenth / 10)
        looks.append(time.thread_time() - began)
        scheduler.tick(tenth / 10)
    return min(looks[1:])


def test_a_look_at_tasks_that_all_need_something_else_takes_a_time_by_their_number() -> None:
    """Eight times as many take eight times as long, and 64 times when each is compared with all."""
    few = min(seconds_of_a_look(40) for _ in range(3))
    assert seconds_of_a_look(320) < 24 * few
