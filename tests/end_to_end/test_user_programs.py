"""Programs as users write them: without a guard, from any folder, started as a file."""

import re
import subprocess
import sys

import pytest
from commands import run_script, written_by_program

COMBO = """
from scaler import SchedulerClusterCombo

cluster = SchedulerClusterCombo(address="tcp://127.0.0.1:2345", n_workers=4)

...

cluster.shutdown()
"""

SQUARE = """
from scaler import SchedulerClusterCombo
cluster = SchedulerClusterCombo(address="tcp://127.0.0.1:2345", n_workers=2)
from scaler import Client


def square(value: int):
    return value * value


with Client(address="tcp://127.0.0.1:2345") as client:
    future = client.submit(square, 4) # submits a single task
    print(future.result()) # 16
"""

SUBMIT_AND_MAP = """
from scaler import SchedulerClusterCombo
cluster = SchedulerClusterCombo(address="tcp://127.0.0.1:2345", n_workers=2)
import math
from scaler import Client

with Client(address="tcp://127.0.0.1:2345") as client:
    # Compute a single task using `.submit()`
    future = client.submit(math.sqrt, 16)
    print(future.result()) # 4

    # Submit multiple tasks with `.map()`
    results = client.map(math.sqrt, [(i,) for i in range(100)])
    print(sum(results)) # 661.46
cluster.shutdown()
"""


@pytest.mark.parametrize(
    ("program", "expected"),
    [(COMBO, []), (SQUARE, ["16"]), (SUBMIT_AND_MAP, ["4.0", r"661\.46\d+"])],
    ids=["combo", "square_left_running", "submit_and_map"],
)
def test_examples_run_as_written(program, expected, tmp_path, chosen_port, leftovers):
    output = run_script(program.replace("2345", str(chosen_port)), tmp_path)
    lines = written_by_program(output)
    assert len(lines) == len(expected)
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(pattern, line)
    leftovers.wait_until_none(1.0)


FORKING = """
import os, sys, warnings
from scaler import Client, SchedulerClusterCombo

warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of every fork
with SchedulerClusterCombo(n_workers=1, logging_level="ERROR") as combo:
    if os.fork() == 0:
        sys.exit(0)  # runs what is registered for the exit of the copy
    assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
    with Client(address=combo.get_address()) as client:
        print(client.submit(abs, -1).result())
"""


def test_exit_of_a_forked_copy_does_not_stop_the_cluster(tmp_path, leftovers):
    assert written_by_program(run_script(FORKING, tmp_path)) == ["1"]


INTERACTIVE = """
from scaler import Client, SchedulerClusterCombo

def local(value):
    return helper(value) + 1

def helper(value):
    return value * 2

combo = SchedulerClusterCombo(n_workers=1, logging_level="ERROR")
client = Client(address=combo.get_address())
print(client.submit(local, 20).result())
client.disconnect()
combo.shutdown()
"""


def test_main_module_without_a_file(leftovers):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-"],
        input=INTERACTIVE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=50,
    )
    assert (done.returncode, written_by_program(done.stdout)) == (0, ["41"]), done.stdout
