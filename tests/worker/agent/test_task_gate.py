"""The task gate from Python, also between two processes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from scaler.worker.agent.task_gate import SlotState, TaskGate

# Starts every number it can, and prints those.
PROCESSOR = """
import os, sys
from scaler.worker.agent.task_gate import SlotState, TaskGate
gate = TaskGate.attach(int(sys.argv[1]))
os.close(int(sys.argv[1]))
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    while gate.state(number) not in (SlotState.fed, SlotState.revoked):
        pass
    if gate.try_start(number):
        gate.finish(number)
        print(number)
"""


def test_states_of_a_task():
    gate = TaskGate.create()
    assert gate.slots == 256
    assert gate.feed(0) and gate.state(0) is SlotState.fed
    assert gate.try_start(0) and gate.state(0) is SlotState.started
    assert not gate.revoke(0)
    gate.finish(0)
    assert gate.state(0) is SlotState.finished
    assert not gate.feed(256), "the slot is taken"
    gate.release(0)
    assert gate.state(0) is SlotState.free
    assert gate.feed(256) and gate.revoke(256) and gate.state(256) is SlotState.revoked
    assert not gate.try_start(256)


def test_an_attached_gate_is_the_same_gate():
    gate = TaskGate.create(4)
    other = TaskGate.attach(gate.fileno())
    gate.feed(1)
    gate.close()
    assert other.slots == 4
    assert other.try_start(1)


@pytest.mark.parametrize("slots", [0, 65537])
def test_refuses_bad_sizes(slots):
    with pytest.raises(ValueError, match="1 to 65536"):
        TaskGate.create(slots)


def test_refuses_a_descriptor_that_is_no_gate():
    with pytest.raises(OSError, match="not a task gate"), open("/dev/null") as null:
        TaskGate.attach(null.fileno())
    with pytest.raises(OSError, match="cannot attach") as caught:
        TaskGate.attach(-1)
    assert caught.value.errno is not None


def test_refuses_a_file_whose_size_may_change():
    descriptor = os.memfd_create("not a gate", os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, 64 + 8 * 4)
    with pytest.raises(OSError, match="not sealed"):
        TaskGate.attach(descriptor)
    os.close(descriptor)


def test_is_of_no_use_once_closed():
    gate = TaskGate.create()
    gate.close()
    gate.close()
    for use in (gate.fileno, lambda: gate.feed(0), lambda: gate.state(0), lambda: gate.slots):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_is_not_inherited_by_chance():
    gate = TaskGate.create()
    assert not os.get_inheritable(gate.fileno())


def test_every_number_is_started_or_revoked_never_both():
    count, slots = 20_000, 64
    gate = TaskGate.create(slots)
    command = [sys.executable, "-c", PROCESSOR, str(gate.fileno()), str(count)]
    with subprocess.Popen(command, pass_fds=[gate.fileno()], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        revoked = set()
        for number in range(count):
            while not gate.feed(number):
                gate.release(number - slots)
            if number % 2 and gate.revoke(number):
                revoked.add(number)
        started = {int(line) for line in child.stdout}
    assert child.returncode == 0
    assert started.isdisjoint(revoked)
    assert started | revoked == set(range(count))
    assert started and revoked
