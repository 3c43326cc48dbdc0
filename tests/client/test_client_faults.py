"""Clients whose cluster, or whose own process, goes wrong. Each test says which promise it checks."""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest
from settle import check_no_failed_events

from scaler import Client, SchedulerClusterCombo
from scaler.cluster.object_storage_server import ObjectStorageServerProcess
from scaler.utility.exceptions import DisconnectedError, MissingObjects, ProcessorDiedError

pytestmark = pytest.mark.timeout(120)


def noop(value: Any) -> Any:
    return value


def test_frozen_scheduler_is_noticed_within_the_timeout() -> None:
    """Loss of the scheduler fails a client's futures with one distinct exception within its time-out."""
    combo = SchedulerClusterCombo(n_workers=1)
    scheduler = combo._scheduler.pid
    assert scheduler is not None
    try:
        client = Client(address=combo.get_address(), timeout_seconds=3)
        assert client.submit(noop, 1).result(timeout=30) == 1
        future = client.submit(time.sleep, 60)
        os.kill(scheduler, signal.SIGSTOP)
        start = time.monotonic()
        with pytest.raises(DisconnectedError, match="3 seconds"):
            future.result(timeout=30)
        assert time.monotonic() - start < 5
        start = time.monotonic()
        client.disconnect()
        assert time.monotonic() - start < 5
    finally:
        os.kill(scheduler, signal.SIGCONT)
        combo.shutdown()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "nothing there answers as a scheduler does"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "a frame of more bytes than allowed"),
    ],
)
def test_a_port_of_something_else_is_named(answer: bytes, reason: str) -> None:
    """An address that is no scheduler's gives an error that says what is wrong with it."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(1))

        def serve() -> None:
            with contextlib.suppress(OSError):  # the end of the test
                while True:
                    connection = stack.enter_context(server.accept()[0])
                    connection.sendall(answer)
                    if answer:
                        connection.close()

        pool.submit(serve)
        stack.callback(server.shutdown, socket.SHUT_RDWR)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(DisconnectedError, match=f"{address} could not be made within 3 seconds: {reason}"):
            Client(address, timeout_seconds=3)


def test_disconnect_from_a_frozen_scheduler_is_bounded() -> None:
    """Stopping takes bounded time, whatever happened before."""
    combo = SchedulerClusterCombo(n_workers=0)
    scheduler = combo._scheduler.pid
    assert scheduler is not None
    try:
        client = Client(address=combo.get_address())
        futures = [client.submit(noop, number) for number in range(10)]
        os.kill(scheduler, signal.SIGSTOP)
        start = time.monotonic()
        client.disconnect()
        assert time.monotonic() - start < 5
        assert all(future.cancelled() for future in futures)
    finally:
        os.kill(scheduler, signal.SIGCONT)
        combo.shutdown()


@pytest.mark.parametrize("workers", [0, 1])
def test_every_cancelled_task_ends(workers: int) -> None:
    """Every accepted task reaches one terminal state, also when it is cancelled at once or has no worker."""
    combo = SchedulerClusterCombo(n_workers=workers)
    try:
        with Client(address=combo.get_address()) as client:
            for number in range(1000):
                future = client.submit(noop, number)
                assert future.cancel(timeout=20) or future.result() == number
            futures = [client.submit(noop, number) for number in range(1000)]
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda future: future.cancel(timeout=20), futures))
            assert all(future.done() for future in futures)
            assert client._agent._core.sizes()["tasks"] == 0
    finally:
        combo.shutdown()


def test_storage_that_dies_fails_what_needs_it() -> None:
    """What needs a lost object storage fails within ten seconds with an error that says so; the rest goes on."""
    combo = SchedulerClusterCombo(n_workers=1)
    try:
        with Client(address=combo.get_address()) as client:
            assert client.submit(noop, 1).result(timeout=30) == 1
            combo._object_storage.kill()
            start = time.monotonic()
            with pytest.raises(Exception, match="object storage"):
                client.submit(noop, b"x" * 1_000_000)
            assert time.monotonic() - start < 15
            assert client.submit(noop, 2).result(timeout=30) == 2
    finally:
        combo.shutdown()


def test_what_a_storage_that_was_started_anew_has_lost_is_stored_again() -> None:
    """A function is stored again when it is called, a reference of before is refused, and nobody waits in vain."""
    combo = SchedulerClusterCombo(n_workers=1)
    storage = ObjectStorageServerProcess(combo._object_storage_address, (), "INFO", None)
    try:
        with Client(address=combo.get_address(), heartbeat_interval_seconds=0.1) as client:
            reference = client.send_object(1)
            assert client.submit(noop, reference).result(timeout=30) == 1
            combo._object_storage.kill()
            combo._object_storage.join(10)
            storage.start()
            storage.wait_until_ready()
            deadline = time.monotonic() + 30
            while client._agent.is_known_reference(reference.object_id) and time.monotonic() < deadline:
                time.sleep(0.05)
            assert isinstance(client.submit(os._exit, 1).exception(timeout=30), ProcessorDiedError)
            assert client.submit(noop, 2).result(timeout=30) == 2
            with pytest.raises(MissingObjects):
                client.submit(noop, reference)
    finally:
        combo.shutdown()
        storage.close()


ENDINGS = {
    "without a disconnect": "client = Client(address); client.submit(pow, 2, 3).result()",
    "with tasks that run": "client = Client(address); futures = [client.submit(time.sleep, 60) for _ in range(3)]",
    "with a dropped client": "Client(address).submit(time.sleep, 60)",
    "with several clients": "clients = [Client(address) for _ in range(5)]; clients[0].disconnect()",
    "with a failed client": """
        try:
            Client("tcp://127.0.0.1:9", timeout_seconds=1)
        except TimeoutError:
            client = Client(address)
    """,
    "with callbacks that wait": """
        client = Client(address)
        future = client.submit(pow, 2, 3)
        future.add_done_callback(lambda done: time.sleep(0.2))
        future.result()
    """,
    "with a callback that waits for a task": """
        client = Client(address)
        future = client.submit(pow, 2, 3)
        future.add_done_callback(lambda _: concurrent.futures.wait([client.submit(time.sleep, 60)]))
        future.result()
        time.sleep(0.5)
    """,
    "by an error": "client = Client(address); client.submit(time.sleep, 60); sys.exit(7)",
    "in a reference cycle": "holder = [Client(address)]; holder.append(holder); del holder",
    "in a forked child": """
        client = Client(address)
        if os.fork() == 0:
            sys.exit(0)
        assert os.wait()[1] == 0
    """,
}


@pytest.fixture(scope="module")
def small_combo() -> Any:
    combo = SchedulerClusterCombo(n_workers=1)
    yield combo
    try:
        check_no_failed_events(combo.get_address())
    finally:
        combo.shutdown()


@pytest.mark.parametrize("ending", ENDINGS)
def test_programs_end(small_combo: SchedulerClusterCombo, ending: str) -> None:
    """A program ends in bounded time, however it left its clients."""
    program = "\n".join(
        [
            "import concurrent.futures, os, sys, time",
            "from scaler import Client",
            f"address = {small_combo.get_address()!r}",
            textwrap.dedent(ENDINGS[ending]),
        ]
    )
    start = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", program], timeout=60, capture_output=True, text=True, check=False)
    assert ended.returncode == (7 if ending == "by an error" else 0), ended.stderr
    assert "Traceback" not in ended.stderr
    assert time.monotonic() - start < 15


def test_sessions_leave_nothing_behind(small_combo: SchedulerClusterCombo) -> None:
    """Nothing grows: a hundred sessions leave no thread and no descriptor."""

    def session() -> None:
        with Client(address=small_combo.get_address()) as client:
            assert client.submit(noop, 5).result(timeout=30) == 5

    for _ in range(3):
        session()
    descriptors = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        session()
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 3
