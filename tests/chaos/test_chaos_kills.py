"""Processes of a working cluster are killed one after another, by a plan; the rest goes on as if nothing were."""

from __future__ import annotations

import concurrent.futures
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from chaos_processes import agents, processors
from chaos_tasks import History, note_and_square
from settle import Settlement, wait_until

from scaler import Client, SchedulerClusterCombo
from scaler.utility.exceptions import ProcessorDiedError

pytestmark = pytest.mark.timeout(150)

_TASKS = 5_000
_Start = Callable[..., SchedulerClusterCombo]


def test_agents_killed_one_after_another(start_combo: _Start, plan: random.Random, tmp_path: Path) -> None:
    """A map loses nothing with the workers that run it, and repeats only what had started on them."""
    combo, history = start_combo(4), History(tmp_path)
    lost: set[int] = set()
    with Settlement(combo) as settlement:
        with Client(combo.get_address()) as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
            rows = [(history.path, number, 0.002) for number in range(_TASKS)]
            mapped = pool.submit(client.map, note_and_square, rows)
            for mark in sorted(plan.sample(range(200, 3_500), 2)):
                wait_until(lambda mark=mark: len(history) >= mark, 60)
                victim = plan.choice(agents(combo._cluster))
                lost |= {process.pid for process in processors(victim)}
                victim.kill()
            assert mapped.result(timeout=90) == [number * number for number in range(_TASKS)]
        history.check(_TASKS, lost)
        settlement.check(workers=2)


def test_processors_and_an_agent_killed_one_after_another(
    start_combo: _Start, plan: random.Random, tmp_path: Path
) -> None:
    """The death of a processor fails exactly the task it runs, with an error that names its signal and process."""
    combo, history = start_combo(3), History(tmp_path)
    killed: set[int] = set()
    lost: set[int] = set()
    workers = 3
    with Settlement(combo) as settlement:
        with Client(combo.get_address()) as client:
            futures = [client.submit(note_and_square, history.path, number, 0.002) for number in range(_TASKS)]
            for mark in sorted(plan.sample(range(200, 3_000), 5)):
                wait_until(lambda mark=mark: len(history) >= mark, 60)
                victim = plan.choice(agents(combo._cluster))
                if (serving := processors(victim)) and plan.random() < 0.8:
                    killed.add(serving[0].pid)
                    serving[0].kill()
                elif workers == 3:  # its processor may just have been killed
                    lost |= {process.pid for process in serving}
                    victim.kill()
                    workers = 2
            failed = set()
            for number, future in enumerate(futures):
                if (error := future.exception(timeout=90)) is None:
                    assert future.result() == number * number
                    continue
                failed.add(number)
                assert isinstance(error, ProcessorDiedError), repr(error)
                assert "SIGKILL" in str(error) and error.attributes["pid"] in killed | lost, str(error)
        assert len(failed) <= len(killed | lost)
        # A task that was about to start in the moment of the kill has failed without a line of its own.
        missing = set(range(_TASKS)) - set(history.starts())
        assert missing <= failed
        repeated = {number: pids for number, pids in history.starts().items() if not set(pids[:-1]) <= killed | lost}
        assert repeated == {}
        settlement.check(futures, workers=workers)


_DOOMED = """
import sys, time
from scaler import Client
client = Client(sys.argv[1])
futures = [client.submit(time.sleep, 60) for _ in range(100)]
reference = client.send_object(bytes(10_000_000))
futures += [client.submit(len, reference) for _ in range(100)]
print("submitted", flush=True)
time.sleep(60)
"""


def test_killed_client_frees_its_slots(start_combo: _Start, tmp_path: Path) -> None:
    """The work of a client that was killed holds up nobody: its slots serve others at once, its objects go."""
    combo, history = start_combo(2), History(tmp_path)
    with Settlement(combo) as settlement:
        doomed = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(_DOOMED), combo.get_address()], stdout=subprocess.PIPE, text=True
        )
        with Client(combo.get_address()) as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
            try:
                assert doomed.stdout is not None and doomed.stdout.readline() == "submitted\n"
                rows = [(history.path, number, 0.001) for number in range(_TASKS)]
                mapped = pool.submit(client.map, note_and_square, rows)
                time.sleep(0.5)
                assert len(history) == 0, "the doomed client was meant to hold all slots"
            finally:
                doomed.send_signal(signal.SIGKILL)
                start = time.monotonic()
                doomed.wait()
                doomed.stdout.close()
            wait_until(lambda: len(history) > 0, 20)
            print(f"the slots of the killed client served another after {time.monotonic() - start:.2f} seconds")
            assert mapped.result(timeout=60) == [number * number for number in range(_TASKS)]
        history.check(_TASKS)
        settlement.check(workers=2)
