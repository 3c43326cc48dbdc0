"""The connector for threads where its calls are interrupted: by signal handlers, finalizers and Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from interruption import Interruption
from raw_storage_peer import object_id
from storage_server_fixture import running_server

from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector

FIRST, SECOND, THIRD = object_id(1), object_id(2), object_id(3)
SECONDS = 5.0


@pytest.fixture
def connector(tmp_path: Path) -> Iterator[SyncObjectStorageConnector]:
    with (
        running_server(tmp_path) as server,
        SyncObjectStorageConnector(server.address, timeout_seconds=SECONDS) as connector,
    ):
        yield connector


@contextlib.contextmanager
def interrupted_by(handler: Callable[[], None]) -> Iterator[None]:
    """Call the handler in this thread, soon."""
    before = signal.signal(signal.SIGALRM, lambda *_: handler())
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_call_in_the_midst_of_another_one_with_the_lock(connector: SyncObjectStorageConnector) -> None:
    def ids() -> Iterator[bytes]:
        connector.set_object(FIRST, b"one")
        assert connector.get_info_total()[0] == 1
        yield FIRST

    assert connector.delete_objects(ids()) == [True]


def test_a_signal_handler_calls_while_its_thread_reads(connector: SyncObjectStorageConnector) -> None:
    counted: list[int] = []

    def handler() -> None:
        counted.append(connector.get_info_total()[0])
        connector.set_object(FIRST, b"one")

    start = time.monotonic()
    with interrupted_by(handler):
        connector.duplicate_object_id(FIRST, SECOND)  # waits for the first
    assert counted == [0]
    assert connector.get_object(SECOND).data == b"one"
    assert time.monotonic() - start < SECONDS - 1


def test_a_reader_that_stands_still_does_not_fail_others(connector: SyncObjectStorageConnector) -> None:
    counted: list[int] = []

    def handler() -> None:
        other = threading.Thread(target=lambda: counted.append(connector.get_info_total(timeout_seconds=0.3)[0]))
        other.start()
        other.join()
        connector.set_object(FIRST, b"one")

    with interrupted_by(handler):
        connector.duplicate_object_id(FIRST, SECOND)
    assert counted == [0]


def test_a_reader_whose_answer_another_thread_took_goes_on(connector: SyncObjectStorageConnector) -> None:
    def handler() -> None:
        connector.set_object(FIRST, b"one")
        other = threading.Thread(target=connector.get_info_total, args=(0.3,))
        other.start()
        other.join()

    start = time.monotonic()
    with interrupted_by(handler):
        connector.duplicate_object_id(FIRST, SECOND)
    assert time.monotonic() - start < SECONDS - 1


def test_closing_in_the_midst_of_a_call(connector: SyncObjectStorageConnector) -> None:
    def ids() -> Iterator[bytes]:
        connector.close()
        yield FIRST

    with pytest.raises(Exception, match="closed"):
        connector.delete_objects(ids())


def test_a_call_that_is_interrupted_anywhere_harms_no_other(connector: SyncObjectStorageConnector) -> None:
    for place in range(1_000):
        content = b"%d" % place
        with contextlib.suppress(KeyboardInterrupt), Interruption(place, "/scaler/io/") as interruption:
            connector.delete_object(THIRD)
        connector.set_objects([(FIRST, content)])
        assert connector.delete_objects([THIRD]) == [False]
        assert connector.get_object(FIRST).data == content
        if not interruption.has_struck:
            break
    assert place > 20
