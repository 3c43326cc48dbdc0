"""The scheduler or the object storage is killed while calls are pending: each call ends, and says what was lost."""

from __future__ import annotations

import concurrent.futures
import contextlib
import functools
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from chaos_tasks import History, measure, note_and_fill_behind
from settle import wait_until

from scaler import Client, SchedulerClusterCombo
from scaler.utility.exceptions import ClientQuitException, DisconnectedError, ObjectStorageException

pytestmark = pytest.mark.timeout(120)

_LARGE = 10_000_000
_BOUND_SECONDS = 30
"""A processor waits eight seconds for a storage that cannot be reached before it fails the task that needs it."""
_Start = Callable[..., SchedulerClusterCombo]


def _errors(futures: Iterable[concurrent.futures.Future[Any]], since: float) -> list[BaseException]:
    """Return the errors of the futures, all of which must fail within the stated time."""
    errors = []
    for future in futures:
        left_seconds = max(0.001, since + _BOUND_SECONDS - time.monotonic())
        error = future.exception(timeout=left_seconds)
        assert error is not None, f"{future} succeeded"
        errors.append(error)
    print(f"{len(errors)} calls have failed after {time.monotonic() - since:.2f} seconds")
    return errors


def _names_the_storage(error: BaseException) -> bool:
    return "object storage" in str(error)


def test_scheduler_killed_with_calls_pending(start_combo: _Start) -> None:
    """Every pending call fails at once with an error that names the scheduler, and so does every later one."""
    combo = start_combo(2)
    address = combo.get_address()
    with (
        contextlib.closing(_Disconnecting(Client(address, timeout_seconds=20))) as owner,
        concurrent.futures.ThreadPoolExecutor(3) as pool,
    ):
        client = owner.client
        running = [client.submit(time.sleep, 60) for _ in range(50)]
        waiting = [client.submit(measure, bytes(_LARGE)) for _ in range(5)]
        mapped = pool.submit(client.map, time.sleep, [(60,)] * 100)
        time.sleep(1)
        start = time.monotonic()
        combo._scheduler.kill()
        errors = _errors([*running, *waiting, mapped], start)
        assert all(isinstance(error, DisconnectedError) for error in errors), errors
        assert all("scheduler" in str(error) and address in str(error) for error in errors), errors
        with pytest.raises((DisconnectedError, ClientQuitException)):
            client.submit(pow, 2, 3)
        assert time.monotonic() - start < _BOUND_SECONDS
    with pytest.raises(DisconnectedError, match=address):
        Client(address, timeout_seconds=2)


def test_storage_killed_with_calls_pending(start_combo: _Start, tmp_path: Path) -> None:
    """Calls that need the lost storage fail with an error that names it; all others go on."""
    combo = start_combo(2)
    history, gate = History(tmp_path), tmp_path / "gate"
    fill = functools.partial(note_and_fill_behind, str(gate), history.path)
    with Client(combo.get_address()) as client, concurrent.futures.ThreadPoolExecutor(8) as pool:
        reference = client.send_object(bytes(_LARGE))
        stored = client.submit(bytes, _LARGE)
        wait_until(stored.done, 30)  # its result is in the storage, and nobody has asked for it
        assert client.submit(measure, b"").result(timeout=30) == 0  # its function is in the storage from here on
        returning = [client.submit(fill, number, _LARGE) for number in range(2)]
        wait_until(lambda: len(history) == 2, 30)
        # From here on the storage answers nobody, so that nothing is fetched ahead.
        os.kill(combo._object_storage.pid, signal.SIGSTOP)
        needing = [client.submit(measure, reference) for _ in range(20)]
        # Both processors know this function: these calls need nothing of the storage.
        inline = [client.submit(fill, 2 + number, number) for number in range(100)]
        storing = [pool.submit(client.submit, measure, bytes(20 * _LARGE)) for _ in range(4)]
        start = time.monotonic()
        combo._object_storage.kill()
        gate.touch()
        for call in storing:
            with pytest.raises(ObjectStorageException, match="object storage"):
                call.result(timeout=_BOUND_SECONDS)
        fetching = pool.submit(stored.result)
        errors = _errors([fetching, *returning, *needing], start)
        assert all(map(_names_the_storage, errors)), errors
        with pytest.raises(ObjectStorageException, match="object storage"):
            client.send_object(bytes(_LARGE))
        assert [len(future.result(timeout=_BOUND_SECONDS)) for future in inline] == list(range(100))
        assert client.submit(fill, 102, 9).result(timeout=_BOUND_SECONDS) == bytes(9)
    assert combo._scheduler.is_alive()


class _Disconnecting:
    """Closes a client whose scheduler may be gone, within a bound."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def close(self) -> None:
        start = time.monotonic()
        self.client.disconnect()
        assert time.monotonic() - start < 10
