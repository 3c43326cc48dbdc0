"""What the tasks of the client's model do: each ends in one way that is known beforehand, unless it is cancelled."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

from scaler import Client


class Unfit(Exception):
    """An exception of a class that a task's client knows."""


class HoldsLock(Exception):
    """An exception that cannot travel."""

    def __init__(self, number: int) -> None:
        super().__init__(f"holds a lock {number}")
        self.lock = threading.Lock()


def square(number: int) -> int:
    """Return the square."""
    return number * number


def fill(number: int, size: int) -> bytes:
    """Return so many bytes."""
    return bytes([number % 256]) * size


def measure(content: bytes, factor: int = 1) -> int:
    """Return the size of an argument, multiplied."""
    return len(content) * factor


def nap(number: int, seconds: float) -> int:
    """Return the number after a time."""
    time.sleep(seconds)
    return number


def wait_for_file(path: str, number: int) -> int:
    """Return the number once there is such a file."""
    while not os.path.exists(path):
        time.sleep(0.005)
    return number


def fail(number: int) -> None:
    """Raise an exception."""
    raise Unfit(f"bad {number}")


def fail_untravelled(number: int) -> None:
    """Raise an exception that cannot be pickled."""
    raise HoldsLock(number)


def return_lock(number: int) -> Any:
    """Return what cannot be pickled."""
    return threading.Lock()


def end_process(code: int) -> None:
    """End the processor."""
    os._exit(code)


def fail_at_first(path: str, times: int, number: int) -> int:
    """Raise as many times, and return the number then."""
    with open(path, "ab") as file:
        file.write(b"x")
    if Path(path).stat().st_size <= times:
        raise OSError(f"not yet {number}")
    return number


def square_of_a_child(number: int) -> int:
    """Let another task do it."""
    with Client() as client:
        return int(client.submit(square, number).result())


def add(*values: tuple[int, bytes]) -> tuple[int, bytes]:
    """Return the sum of the numbers, and what comes along with the first."""
    return sum(number for number, _ in values), values[0][1]


def add_when_there_is(gate: str, *values: tuple[int, bytes]) -> tuple[int, bytes]:
    """Return what ``add`` does once there is such a file."""
    wait_for_file(gate, 0)
    return add(*values)


def fail_with_values(*values: tuple[int, bytes]) -> None:
    """Raise an exception that names the sum."""
    raise Unfit(f"bad sum {add(*values)[0]}")
