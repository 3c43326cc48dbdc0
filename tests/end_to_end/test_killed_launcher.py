"""Whoever started a cluster may be killed at any moment: nothing of it stays."""

import signal
import subprocess
import sys
import time

import pytest

LAUNCHER = """
import time
from scaler import Client, SchedulerClusterCombo

def pause(seconds):
    time.sleep(seconds)

print("starting", flush=True)
cluster = SchedulerClusterCombo(n_workers=2, address="tcp://127.0.0.1:{port}", logging_level="ERROR")
cluster.wait_for_workers()
print("workers", flush=True)
client = Client(address=cluster.get_address())
client.submit(abs, -1).result()
futures = [client.submit(pause, 60) for _ in range(4)]
time.sleep(0.3)
print("busy", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", ["starting", "workers", "busy"])
def test_nothing_stays_behind_a_killed_launcher(moment, number, chosen_port, leftovers):
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER.format(port=chosen_port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as launcher:
        while (line := launcher.stdout.readline().strip()) != moment:
            assert line, "the launcher ended before that moment"
        if moment == "starting":
            time.sleep(0.4)  # in the middle of the start
        began = time.monotonic()
        launcher.send_signal(number)
        launcher.wait(15)
        leftovers.wait_until_none(10.0)
        assert time.monotonic() - began < 10.5
