"""The tasks that run while viewers are looked at, in a module that loads nothing else."""

import os
import signal
import time
from pathlib import Path

MEGABYTES = 40


def hold_memory(seconds: float) -> int:
    data = b"x" * (MEGABYTES * 1_000_000)
    time.sleep(seconds)
    return len(data)


def sleep_for(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def wait_for_file(path: str) -> None:
    while not Path(path).exists():
        time.sleep(0.02)


def fail_at_once() -> None:
    raise ValueError("on purpose")


def kill_its_worker() -> None:
    time.sleep(0.5)  # its start and its end are told apart: what is told within 50 ms is of one moment
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)


def add(left: int, right: int) -> int:
    return left + right


def wait_in_a_task(path: str) -> None:
    from scaler import Client

    with Client() as client:
        client.submit(wait_for_file, path).result()
