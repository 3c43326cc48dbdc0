"""What is measured of a task is the task's, whatever lies between two tasks."""

from __future__ import annotations

import mmap
import os
import resource
import subprocess
import sys
import time

import pytest

from scaler.utility.metadata.profile_result import ProfileResult
from scaler.utility.standstill import standstill
from scaler.worker.agent.processor.task_profiler import TaskProfiler, begin_peak_anew


class Machine:
    """A clock, CPU time, that of ended children, and a peak of memory that tests move."""

    def __init__(self, monkeypatch):
        self.now, self.cpu, self.children_cpu, self.peak_kibibytes, self.questions = 100.0, 1.0, 7.0, 1000, 0
        monkeypatch.setattr(time, "monotonic", lambda: self.now)
        monkeypatch.setattr(resource, "getrusage", self._usage)

    def _usage(self, who):
        self.questions += 1
        cpu = self.cpu if who == resource.RUSAGE_SELF else self.children_cpu
        return resource.struct_rusage((cpu / 2, cpu / 2, self.peak_kibibytes, *[0] * 13))

    def spend(self, seconds, cpu, kibibytes=0, children_cpu=0.0):
        self.now += seconds
        self.cpu += cpu
        self.children_cpu += children_cpu
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
        machine.spend(seconds=0.00001, cpu=0)
        assert measure(profiler, machine, seconds=0.00005, cpu=0.125).cpu_time_s == 0.125
    assert machine.questions == questions + 10


def test_the_time_of_fetching_and_of_standing_still_is_not_the_task_s(machine, monkeypatch):
    monkeypatch.setattr(standstill, "seconds", 5.0)
    profiler = TaskProfiler()
    profiler.start()
    machine.spend(seconds=10, cpu=1)
    standstill.count(9.0)
    assert ProfileResult.deserialize(profiler.finish(fetch_seconds=2.0)).duration_s == 4.0


def test_children_that_have_ended_count(machine):
    profiler = TaskProfiler()
    assert measure(profiler, machine, seconds=1, cpu=0.5, children_cpu=0.25).cpu_time_s == 0.75
    assert measure(profiler, machine, seconds=1, cpu=0.5).cpu_time_s == 0.5


def test_a_task_has_one_profile_however_often_it_is_asked_for(machine):
    profiler = TaskProfiler()
    first = measure(profiler, machine, seconds=1, cpu=1)
    machine.spend(seconds=1, cpu=1)
    assert ProfileResult.deserialize(profiler.finish()) == first


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


def test_children_of_the_real_system():
    profiler = TaskProfiler()
    profiler.start()
    work = "import time\nwhile time.process_time() < 0.2: pass"
    subprocess.run([sys.executable, "-c", work], check=True)
    result = ProfileResult.deserialize(profiler.finish())
    assert 0.2 <= result.cpu_time_s <= result.duration_s + 0.1


def touch(size_bytes):
    with mmap.mmap(-1, size_bytes) as memory:
        for position in range(0, size_bytes, mmap.PAGESIZE):
            memory[position] = 1


def test_a_task_that_uses_no_more_than_an_earlier_one_has_a_peak_of_its_own():
    profiler, size = TaskProfiler(), 64 << 20
    sizes = []
    for _ in range(3):
        profiler.start()
        touch(size)
        sizes.append(ProfileResult.deserialize(profiler.finish()).memory_peak)
    knows_new_peaks = os.access("/proc/self/clear_refs", os.W_OK)  # not in every container
    assert all(size * 0.8 < each < size * 1.3 for each in sizes[: 3 if knows_new_peaks else 1]), sizes


def test_where_the_peak_can_not_begin_anew_it_goes_on(monkeypatch):
    def refuse(*_arguments, **_options):
        raise PermissionError("read-only")

    monkeypatch.setattr("builtins.open", refuse)
    begin_peak_anew()
