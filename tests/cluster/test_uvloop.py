"""Scheduler and workers in uvloop: tasks, tasks of tasks, lost processors, a lost worker, and an orderly end."""

import os
import signal
import time

import pytest

from scaler import Client, SchedulerClusterCombo
from scaler.utility.exceptions import ProcessorDiedError


def total(client: Client, numbers: list[int]) -> int:
    return sum(future.result() for future in [client.submit(abs, -number) for number in numbers])


def kill_own_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("hard_processor_suspend", [False, True])
def test_a_cluster_in_uvloop(hard_processor_suspend, leftovers, capfd):
    cluster = SchedulerClusterCombo(
        n_workers=1, event_loop="uvloop", hard_processor_suspend=hard_processor_suspend, protected=False
    )
    with cluster, Client(address=cluster.get_address()) as client:
        assert client.map(abs, [(-number,) for number in range(500)]) == list(range(500))
        assert len(client.submit(bytes, 5_000_000).result()) == 5_000_000
        assert client.submit(total, client, [1, 2, 3]).result() == 6
        with pytest.raises(ProcessorDiedError):
            client.submit(kill_own_process).result()
        assert client.submit(total, client, [4, 5]).result() == 9
        for pid in leftovers.named("Agent"):
            os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        cluster.shutdown()
        assert time.monotonic() - began < 10
    assert capfd.readouterr().out.count("use event loop: uvloop") == 2
