"""The figures of a process agree with those of an independent library."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import psutil
import pytest

from scaler.utility.process_meter import ProcessMeter, available_memory_bytes


def burn_cpu(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_memory_of_a_process():
    resident = psutil.Process().memory_info().rss
    assert ProcessMeter().measure().rss_bytes == pytest.approx(resident, rel=0.2)


def test_load_is_that_since_the_last_call():
    meter = ProcessMeter()
    assert meter.measure().cpu_permille == 0
    burn_cpu(0.1)
    load = meter.measure().cpu_permille
    assert 0 < load <= 1000
    time.sleep(0.3)
    assert meter.measure().cpu_permille < max(load, 200)


def test_another_process():
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline()  # before, it may have no memory of its own yet
        meter = ProcessMeter(child.pid)
        assert meter.pid == child.pid
        assert meter.measure().rss_bytes > 0
    assert meter.measure() == (0, 0)  # it has ended


def test_a_name_with_blanks_and_parentheses(tmp_path):
    with open("/proc/self/comm") as comm:
        name = comm.read()
    try:
        with open("/proc/self/comm", "w") as comm:
            comm.write("a) 1 (b c")
        assert ProcessMeter(os.getpid()).measure().rss_bytes > 1024 * 1024
    finally:
        with open("/proc/self/comm", "w") as comm:
            comm.write(name)


def test_available_memory():
    assert available_memory_bytes() == pytest.approx(psutil.virtual_memory().available, rel=0.2)
