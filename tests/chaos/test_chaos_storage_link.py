"""Links to the object storage that break in the midst of objects: what arrives is right, whatever it took."""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chaos_processes import more_workers
from chaos_tasks import History, measure, note_and_fill
from settle import check_no_failed_events, check_ports_free, wait_until
from tcp_proxy import TcpProxy

from scaler import Client
from scaler.cluster.object_storage_server import ObjectStorageServerProcess
from scaler.cluster.scheduler import SchedulerProcess
from scaler.cluster.scheduler_gauges import SchedulerGauges
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.scaling_controller_strategy import ScalingControllerStrategy
from scaler.config.types.zmq import ZMQConfig, ZMQType
from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.utility.exceptions import ObjectStorageException

pytestmark = pytest.mark.timeout(150)

_LOGGING: dict[str, Any] = {
    "logging_paths": ("/dev/stdout",),
    "logging_config_file": None,
    "logging_level": "CRITICAL",
}
_CALLS = 150


def digest_and_answer(content: bytes, seed: int) -> tuple[str, bytes]:
    """Return the digest of the argument, and bytes that the seed decides."""
    return hashlib.sha256(content).hexdigest(), random.Random(seed).randbytes(len(content))


@pytest.fixture
def storage(leftovers: Any) -> Iterator[ObjectStorageServerProcess]:
    # Without shared memory, because the local channel would go round the proxy.
    process = ObjectStorageServerProcess(
        object_storage_address=ObjectStorageConfig("127.0.0.1", 0), shared_memory=False, **_LOGGING
    )
    process.start()
    port = process.address.port
    yield process
    _stop(process)
    leftovers.wait_until_none()
    check_ports_free([port])


@pytest.fixture
def proxy(storage: ObjectStorageServerProcess) -> Iterator[TcpProxy]:
    with TcpProxy(storage.address.port) as proxy:
        yield proxy


@pytest.fixture
def scheduler(request: pytest.FixtureRequest, proxy: TcpProxy) -> Iterator[SchedulerProcess]:
    """A scheduler that tells everybody the address of the proxy for that of the storage.

    Its parameter, if there is one, is the time-out of sessions in seconds.
    """
    timeout_seconds = getattr(request, "param", 60)
    process = SchedulerProcess(
        address=ZMQConfig(ZMQType.tcp, "127.0.0.1", 0),
        object_storage_address=ObjectStorageConfig("127.0.0.1", proxy.port),
        monitor_address=ZMQConfig(ZMQType.tcp, "127.0.0.1", 0),
        scaling_controller_strategy=ScalingControllerStrategy.NULL,
        adapter_webhook_urls=(),
        io_threads=1,
        max_number_of_tasks_waiting=-1,
        client_timeout_seconds=timeout_seconds,
        worker_timeout_seconds=timeout_seconds,
        object_retention_seconds=60,
        load_balance_seconds=1,
        load_balance_trigger_times=2,
        protected=True,
        allocate_policy=AllocatePolicy.even,
        event_loop="builtin",
        **_LOGGING,
    )
    process.start()
    yield process
    _stop(process)


def test_drops_in_the_midst_of_objects(
    storage: ObjectStorageServerProcess, scheduler: SchedulerProcess, proxy: TcpProxy, plan: random.Random
) -> None:
    """A call whose objects were on the way either has its right value or fails with an error that names the storage."""
    address = scheduler.address.to_address()
    pids = scheduler.pid, storage.pid
    failed = 0
    with more_workers(_Cluster(scheduler), address, 2, registered=2), Client(address) as client:
        assert client.submit(digest_and_answer, b"first", 1).result(timeout=30)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            calls = []
            for number in range(_CALLS):
                size = plan.choice((50_000, 300_000, 1_500_000))
                content = random.Random(-number - 1).randbytes(size)
                calls.append((pool.submit(_call, client, content, number), content, number))
            while not all(call.done() for call, _, _ in calls):
                proxy.faults.cut_after_bytes = plan.choice((0, 0, 0, 0, 100, 60_000, 1_000_000))
                if plan.random() < 0.2:
                    proxy.reset_all()
                concurrent.futures.wait([call for call, _, _ in calls], plan.uniform(0.02, 0.2))
            proxy.faults.cut_after_bytes = 0
        for call, content, number in calls:
            try:
                digest, answer = call.result()
            except ObjectStorageException as error:
                assert "object storage" in str(error)
                failed += 1
                continue
            assert digest == hashlib.sha256(content).hexdigest()
            assert answer == random.Random(number).randbytes(len(content))
        print(f"{failed} of {_CALLS} calls failed; {proxy.connections_made} connections were made")
        assert proxy.connections_made > 10 and failed < _CALLS
        digest, answer = client.submit(digest_and_answer, b"x" * 1_000_000, 7).result(timeout=30)
        assert digest == hashlib.sha256(b"x" * 1_000_000).hexdigest()
        assert answer == random.Random(7).randbytes(1_000_000)
    with SchedulerGauges(address) as gauges:
        wait_until(lambda: not any(gauges.read(10)[name] for name in ("tasks", "objects", "clients")), 20)
    check_no_failed_events(address)
    with SyncObjectStorageConnector(storage.address.to_address()) as connector:
        wait_until(lambda: connector.get_info_total() == (0, 0, 0), 20, connector.get_info_total)
    assert (scheduler.pid, storage.pid) == pids and scheduler.is_alive() and storage.is_alive()


@pytest.mark.parametrize("scheduler", [4], indirect=True)
def test_objects_on_the_way_for_longer_than_the_timeout(
    storage: ObjectStorageServerProcess, scheduler: SchedulerProcess, proxy: TcpProxy, tmp_path: Path
) -> None:
    """Who moves an object over a slow link is not taken for lost: sessions do not depend on it."""
    address, history, size = scheduler.address.to_address(), History(tmp_path), 6_000_000
    with (
        more_workers(_Cluster(scheduler), address, 2, registered=2),
        Client(address, timeout_seconds=4) as client,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        proxy.faults.bytes_per_second = 1_000_000
        start = time.monotonic()
        storing = pool.submit(client.submit, measure, bytes(size))
        returned = client.submit(note_and_fill, history.path, 0, size)
        assert returned.result(timeout=60) == bytes(size)
        assert storing.result(timeout=60).result(timeout=60) == size
        assert time.monotonic() - start > 10, "both were to be on the way twice for six seconds"
        history.check(1)
        with SchedulerGauges(address) as gauges:
            read = gauges.read(10)
            assert (read["clients"], read["workers"], read["stale_messages"]) == (1, 2, 0)
    check_no_failed_events(address)


class _Cluster:
    """Waits for workers, as a local cluster does, at a scheduler of its own."""

    def __init__(self, scheduler: SchedulerProcess) -> None:
        self._address = scheduler.address.to_address()

    def wait_for_workers(self, n: int, timeout_seconds: float) -> None:
        with SchedulerGauges(self._address) as gauges:
            wait_until(lambda: gauges.read(10)["workers"] >= n, timeout_seconds)


def _call(client: Client, content: bytes, seed: int) -> tuple[str, bytes]:
    with contextlib.suppress(ObjectStorageException):
        return client.submit(digest_and_answer, content, seed).result(timeout=60)
    time.sleep(0.3)  # a call that failed may be made again
    return client.submit(digest_and_answer, content, seed).result(timeout=60)


def _stop(process: SchedulerProcess | ObjectStorageServerProcess) -> None:
    process.terminate()
    process.join(5)
    process.close()
