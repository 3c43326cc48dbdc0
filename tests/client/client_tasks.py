"""What tests of the client submit, and what they wait with."""

from __future__ import annotations

import time
from typing import Any

ADDRESS = "tcp://127.0.0.1:1"


def identity(value: Any) -> Any:
    return value


def add(a: Any, b: Any = 10, *, c: Any = 100) -> Any:
    return a + b + c


def fail_on(value: int, bad: int) -> int:
    if value == bad:
        raise ValueError(f"row {value}")
    return value


def eventually(condition: Any, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True


def noop(value: Any) -> Any:
    return value


def noop_sleep(seconds: float, *_: Any) -> float:
    time.sleep(seconds)
    return seconds
