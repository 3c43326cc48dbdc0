"""The functions that are run as tasks; every engine's workers import this module, so only its names travel."""

from __future__ import annotations

import time

import numpy


def no_op(value: int) -> int:
    """Return the argument."""
    return value


def one_more(*values: int) -> int:
    """Return one more than the sum, kept small."""
    return (1 + sum(values)) % 1_000_003


def sleep_seconds(seconds: float) -> float:
    """Sleep, and return for how long."""
    time.sleep(seconds)
    return seconds


def spin_seconds(seconds: float) -> float:
    """Use a processor for a time, and return for how long."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return seconds


def sum_array(array: numpy.ndarray) -> int:
    """Return the sum of an array, which reads all of it."""
    return int(array.sum())


def make_array(size_bytes: int, seed: int) -> numpy.ndarray:
    """Return an array in which the seed can be recognised."""
    return numpy.full(size_bytes // 8, seed, dtype=numpy.int64)
