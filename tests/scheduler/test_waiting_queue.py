"""The central queue: first in, first out per needs and rank; what ended is passed over without a search."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from growth import growth

from scaler.scheduler.allocate_policy.needs import NO_NEEDS, Needs
from scaler.scheduler.controllers.client_controller import ClientRecord
from scaler.scheduler.task.task_kind import TaskKind
from scaler.scheduler.task.task_record import TaskRecord
from scaler.scheduler.task.task_state_machine import TaskState
from scaler.scheduler.task.waiting_queue import WaitingQueue

GPU: Needs = frozenset({("gpu", 1)})
CLIENT = ClientRecord(b"Client|c")


def task(number: int, needs: Needs = NO_NEEDS, priority: int = 0, level: int = 0) -> TaskRecord:
    kind = TaskKind(bytes(32), needs, priority, level)
    return TaskRecord(number.to_bytes(16, "big"), CLIENT, b"frame", kind, 0)


def end(queue: WaitingQueue, record: TaskRecord) -> None:
    record.state = TaskState.ended
    queue.removed(record)


def take_all(queue: WaitingQueue, needs: Needs = NO_NEEDS) -> list[TaskRecord]:
    taken = []
    while (record := queue.first(needs)) is not None:
        queue.pop_first(record)
        record.state = TaskState.placed
        taken.append(record)
    return taken


@pytest.fixture
def queue() -> WaitingQueue:
    return WaitingQueue()


def test_first_in_first_out_with_removal_in_the_middle(queue: WaitingQueue) -> None:
    tasks = [task(number) for number in range(5)]
    for record in tasks:
        queue.append(record)
    end(queue, tasks[0])
    end(queue, tasks[2])
    assert (len(queue), queue.count(NO_NEEDS)) == (3, 3)
    assert take_all(queue) == [tasks[1], tasks[3], tasks[4]]
    assert (len(queue), queue.count(NO_NEEDS), queue.classes()) == (0, 0, [])


def test_higher_priority_first_negative_last_ties_in_order(queue: WaitingQueue) -> None:
    priorities = (0, -5, 3, 0, 3, -2_000_000_000, 2_000_000_000)
    tasks = [task(number, priority=priority) for number, priority in enumerate(priorities)]
    for record in tasks:
        queue.append(record)
    assert take_all(queue) == [tasks[number] for number in (6, 2, 4, 0, 3, 1, 5)]


def test_deeper_levels_come_before_any_priority(queue: WaitingQueue) -> None:
    shallow, deep = task(1, priority=2_000_000_000), task(2, priority=-2_000_000_000, level=1)
    queue.append(shallow)
    queue.append(deep)
    assert take_all(queue) == [deep, shallow]


def test_what_was_placed_before_goes_to_the_front_of_its_line(queue: WaitingQueue) -> None:
    first, second, third = (task(number) for number in range(3))
    for record in (first, second, third):
        queue.append(record)
    queue.pop_first(first)
    queue.put_back(first)
    assert take_all(queue) == [first, second, third]


def test_needs_are_lines_of_their_own(queue: WaitingQueue) -> None:
    special, plain = task(1, GPU), task(2)
    queue.append(special)
    queue.append(plain)
    assert (set(queue.classes()), queue.count(GPU), queue.count(NO_NEEDS)) == ({GPU, NO_NEEDS}, 1, 1)
    assert (take_all(queue, GPU), take_all(queue)) == ([special], [plain])
    assert queue.first(frozenset({("tpu", 1)})) is None


def test_ended_tasks_do_not_pile_up_behind_one_that_waits(queue: WaitingQueue) -> None:
    stays = task(0)
    queue.append(stays)
    for number in range(1, 20_000):
        record = task(number)
        queue.append(record)
        end(queue, record)
    assert sum(len(line.records) for lines in queue._lines.values() for line in lines.by_rank.values()) < 5_000
    assert (len(queue), queue.count(NO_NEEDS)) == (1, 1)


@pytest.mark.parametrize("seed", range(10))
def test_counts_are_those_of_a_simple_list(queue: WaitingQueue, seed: int) -> None:
    chance, waiting = random.Random(seed), []
    for number in range(3_000):
        kind = chance.choice(("append", "append", "end", "place", "return"))
        if kind == "append":
            waiting.append(task(number, chance.choice((NO_NEEDS, GPU)), chance.choice((-1, 0, 1))))
            queue.append(waiting[-1])
        elif kind == "end" and waiting:
            end(queue, waiting.pop(chance.randrange(len(waiting))))
        elif (record := queue.first(chance.choice((NO_NEEDS, GPU)))) is not None:
            queue.pop_first(record)
            waiting.remove(record)
            if kind == "return":
                queue.put_back(record)
                waiting.append(record)
            else:
                record.state = TaskState.placed
        assert len(queue) == len(waiting)
        for needs in (NO_NEEDS, GPU):
            assert queue.count(needs) == sum(record.needs == needs for record in waiting)


def test_needs_that_were_put_aside_keep_their_tasks_and_what_is_still_to_come(queue: WaitingQueue) -> None:
    first, second, third = (task(number, GPU) for number in range(3))
    queue.append(first)
    queue.park(GPU)
    queue.append(second)
    queue.put_back(third)
    assert (queue.active(), queue.parked(), queue.classes(), queue.count(GPU)) == ([], [GPU], [GPU], 3)
    end(queue, first)
    queue.unpark(GPU)
    assert (queue.active(), queue.parked()) == ([GPU], [])
    assert take_all(queue, GPU) == [third, second]


def test_needs_that_nothing_waits_with_are_not_put_aside_any_more(queue: WaitingQueue) -> None:
    only = task(1, GPU)
    queue.append(only)
    queue.park(GPU)
    end(queue, only)
    assert (queue.active(), queue.parked(), queue.classes()) == ([], [], [])
    queue.append(task(2, GPU))
    assert queue.active() == [GPU]


def test_tasks_of_very_many_ranks_are_found_in_a_time_by_their_number() -> None:
    def prepare(number: int) -> Callable[[], None]:
        queue = WaitingQueue()
        tasks = [task(each, priority=each * 7919 % 30_011) for each in range(number)]

        def append_and_take() -> None:
            for record in tasks:
                queue.append(record)
            assert take_all(queue) == sorted(tasks, key=lambda record: record.rank, reverse=True)

        return append_and_take

    assert growth(prepare, 2_500, 20_000) < 24  # and 64, when the highest rank is searched for each time


def test_ranks_that_come_and_go_do_not_pile_up(queue: WaitingQueue) -> None:
    queue.append(task(0, priority=9))
    for number in range(1, 1000):
        record = task(number, priority=number % 5)
        queue.append(record)
        end(queue, record)
    assert len(queue._lines[NO_NEEDS]._ranks) < 100
    assert [record.kind.priority for record in take_all(queue)] == [9]


def test_to_count_what_waits_looks_at_none_of_it() -> None:
    def prepare(number: int) -> Callable[[], None]:
        queue = WaitingQueue()
        for each in range(number):
            queue.append(task(each, priority=each))

        def count() -> None:
            for _ in range(1000):
                assert queue.count(NO_NEEDS) == number

        return count

    assert growth(prepare, 200, 20_000) < 10  # and a hundred, when each is looked at
