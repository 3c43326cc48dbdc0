"""Processes of a real cluster are killed while they work; see "Promises" in the README for what must hold."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from process_ends import wait_ended
from settle import check_no_failed_events

from scaler import Client, SchedulerClusterCombo
from scaler.utility.exceptions import ProcessorDiedError

_MAP_TASKS = 5_000


def _note_and_square(path: str, number: int) -> int:
    """Write down that the task starts here, work a little, and return the square."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, f"{number} {os.getpid()}\n".encode())
    os.close(descriptor)
    time.sleep(0.0005)
    return number * number


def _note_and_sleep(path: str, number: int) -> int:
    """Write down which process runs the task, for as long as it runs."""
    running = Path(path) / str(os.getpid())
    running.write_text(str(number))
    time.sleep(0.05)
    running.unlink()
    return number


@pytest.fixture
def combo() -> Iterator[SchedulerClusterCombo]:
    combo = SchedulerClusterCombo(n_workers=3)
    try:
        combo.wait_for_workers(timeout_seconds=20)
        yield combo
        check_no_failed_events(combo.get_address())
    finally:
        combo.shutdown()


def _agents(combo: SchedulerClusterCombo) -> list[psutil.Process]:
    assert combo._cluster.pid is not None
    return psutil.Process(combo._cluster.pid).children()


def _starts(path: Path) -> dict[int, list[int]]:
    """Return by task the processes that started it."""
    starts = defaultdict(list)
    for line in path.read_text().splitlines():
        number, pid = line.split()
        starts[int(number)].append(int(pid))
    return starts


def _wait_until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} seconds"
        time.sleep(0.005)


@pytest.mark.timeout(120)
def test_killed_agent_loses_nothing_and_repeats_only_what_had_started_on_it(
    combo: SchedulerClusterCombo, tmp_path: Path
) -> None:
    history = tmp_path / "history"
    history.touch()
    scheduler_pid, storage_pid = combo._scheduler.pid, combo._object_storage.pid
    with Client(combo.get_address()) as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
        mapped = pool.submit(client.map, _note_and_square, [(str(history), i) for i in range(_MAP_TASKS)])
        _wait_until(lambda: history.stat().st_size > 4_000, 30)
        victim = _agents(combo)[0]
        processors = victim.children(recursive=True)
        its_pids = {processor.pid for processor in processors}
        victim.kill()
        assert mapped.result(timeout=90) == [i * i for i in range(_MAP_TASKS)]
        starts = _starts(history)
        assert set(starts) == set(range(_MAP_TASKS))
        for number, pids in starts.items():
            assert len(pids) == 1 or set(pids[:-1]) <= its_pids, f"task {number} was repeated: {pids}"
        assert client.submit(pow, 2, 5).result(timeout=10) == 32
    assert (combo._scheduler.pid, combo._object_storage.pid) == (scheduler_pid, storage_pid)
    assert combo._scheduler.is_alive() and combo._object_storage.is_alive()
    wait_ended(processors)


@pytest.mark.timeout(60)
def test_killed_processor_fails_exactly_its_running_task(combo: SchedulerClusterCombo, tmp_path: Path) -> None:
    with Client(combo.get_address()) as client:
        futures = [client.submit(_note_and_sleep, str(tmp_path), i) for i in range(100)]
        _wait_until(lambda: len(list(tmp_path.iterdir())) == 3, 20)
        running = next(tmp_path.iterdir())
        pid = int(running.name)
        os.kill(pid, signal.SIGKILL)
        killed_at = time.monotonic()
        failed = [future for future in futures if future.exception(timeout=30) is not None]
        assert len(failed) == 1
        error = failed[0].exception()
        assert isinstance(error, ProcessorDiedError)
        assert "SIGKILL" in str(error) and str(pid) in str(error)
        assert sorted(future.result() for future in futures if future not in failed) == sorted(
            set(range(100)) - {futures.index(failed[0])}
        )
        # The worker serves again: three tasks that overlap need three workers.
        barrier = tmp_path / "barrier"
        barrier.mkdir()
        together = [client.submit(_meet, str(barrier), 3) for _ in range(3)]
        assert all(future.result(timeout=10) for future in together)
        assert time.monotonic() - killed_at < 15


def _meet(path: str, count: int) -> bool:
    """Return whether that many tasks run at the same time."""
    (Path(path) / str(os.getpid())).touch()
    deadline = time.monotonic() + 8
    while len(list(Path(path).iterdir())) < count:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
