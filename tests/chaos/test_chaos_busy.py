"""Peers that are busy for longer than they may be silent: nobody takes them for lost."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chaos_tasks import History, note_and_square
from settle import Settlement

from scaler import Client, SchedulerClusterCombo

pytestmark = pytest.mark.timeout(120)

_TIMEOUT_SECONDS = 3
_BUSY_SECONDS = 2 * _TIMEOUT_SECONDS
_Start = Callable[..., SchedulerClusterCombo]


def _hold_the_interpreter(value: int) -> int:
    """Return the value after a time in which no other thread of the process may run Python."""
    for _ in range(_BUSY_SECONDS * 2):
        ctypes.PyDLL(None).usleep(500_000)
    return value


class _SlowToPickle:
    def __reduce__(self) -> tuple[Any, ...]:
        return int, (_hold_the_interpreter(7),)


def test_who_is_busy_for_longer_than_the_timeout_is_not_lost(start_combo: _Start, tmp_path: Path) -> None:
    """A client that pickles for long, and a task that never lets go of the interpreter, cost nothing but time."""
    combo, history = (
        start_combo(2, client_timeout_seconds=_TIMEOUT_SECONDS, worker_timeout_seconds=_TIMEOUT_SECONDS),
        History(tmp_path),
    )
    with Settlement(combo) as settlement:
        with Client(combo.get_address(), timeout_seconds=_TIMEOUT_SECONDS) as client:
            steady = client.submit(note_and_square, history.path, 0, _BUSY_SECONDS + 1.0)
            assert client.submit(abs, _SlowToPickle()).result(timeout=30) == 7
            start = time.monotonic()
            assert client.submit(_hold_the_interpreter, 5).result(timeout=30) == 5
            assert time.monotonic() - start > _TIMEOUT_SECONDS
            assert steady.result(timeout=30) == 0
        history.check(1)
        settlement.check(workers=2)
