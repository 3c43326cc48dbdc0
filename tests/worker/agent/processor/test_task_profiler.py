"""What is measured of a task is the task's, whatever lies between two tasks."""

from __future__ import annotations

import resource
import time

import pytest

from scaler.utility.metadata.profile_result import ProfileResult
from scaler.worker.agent.processor.task_profiler import TaskProfiler


class Machine:
    """A clock, CPU time and a peak of memory that tests move."""

    def __init__(self, monkeypatch):
        self.now, self.cpu, self.peak_kibibytes, self.questions = 100.0, 1.0, 1000, 0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(resource, "getrusage", self._usage)

    def _usage(self, _who):
        self.questions += 1
        return resource.struct_rusage((self.cpu / 2, self.cpu / 2, self.peak_kibibytes, *[0] * 13))

    def spend(self, seconds, cpu, kibibytes=0):
        self.now += seconds
        self.cpu += cpu
        self.peak_kibibytes += kibibytes


@pytest.fixture
def machine(monkeypatch):
    return Machine(monkeypatch)


def measure(profiler, machine, **spent):
    profiler.start()
    machine.spend(**spent)
    return ProfileResult.deserialize(profiler.finish())


def test_one_task(machine):
    result = measure(TaskProfiler(), machine, seconds=2, cpu=1.5, kibibytes=3)
    assert result == (2.0, 3 * 1024, 1.5)


def test_what_lies_between_tasks_is_nobody_s(machine):
    profiler = TaskProfiler()
    measure(profiler, machine, seconds=1, cpu=1)
    machine.spend(seconds=5, cpu=4)
    assert measure(profiler, machine, seconds=1, cpu=0.5).cpu_time_s == 0.5


def test_tasks_that_follow_each_other_ask_the_system_once_each(machine):
    profiler = TaskProfiler()
    measure(profiler, machine, seconds=1, cpu=1)
    questions = machine.questions
    for _ in range(10):
        machine.spend(seconds=0.00005, cpu=0)
        assert measure(profiler, machine, seconds=0.25, cpu=0.125).cpu_time_s == 0.125
    assert machine.questions == questions + 10


def test_the_growth_of_the_peak_counts_for_the_task_that_caused_it(machine):
    profiler = TaskProfiler()
    sizes = [measure(profiler, machine, seconds=1, cpu=0, kibibytes=size).memory_peak for size in (0, 7, 0)]
    assert sizes == [0, 7 * 1024, 0]


def test_the_real_system():
    profiler = TaskProfiler()
    profiler.start()
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    result = ProfileResult.deserialize(profiler.finish())
    assert result.duration_s >= 0.04 and result.cpu_time_s >= 0.04
