"""A local cluster: real ports, bounded ends, errors at once."""

import dataclasses
import decimal
import gc
import math
import operator
import os
import signal
import socket
import time
from concurrent.futures import CancelledError

import psutil
import pytest

from scaler import Client, Cluster, SchedulerClusterCombo
from scaler.cluster.readiness import ProcessStartError
from scaler.config.configuration_error import ConfigurationError
from scaler.config.types.worker import WorkerCapabilities, WorkerNames
from scaler.config.types.zmq import ZMQConfig
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy

QUIET = {"logging_level": "ERROR"}


def test_free_port_is_reported_and_runs_tasks(leftovers):
    with SchedulerClusterCombo(n_workers=2, **QUIET) as combo:
        assert ZMQConfig.from_string(combo.get_address()).port > 0
        combo.wait_for_workers()
        with Client(address=combo.get_address()) as client:
            assert client.submit(abs, -4).result(timeout=20) == 4
    leftovers.wait_until_none(1.0)


def test_shutdown_is_bounded_and_idempotent(leftovers):
    combo = SchedulerClusterCombo(n_workers=1, **QUIET)
    began = time.monotonic()
    combo.shutdown()
    assert time.monotonic() - began < 10
    combo.shutdown()
    leftovers.wait_until_none(0.5)


def test_dropped_combo_ends(leftovers):
    combo = SchedulerClusterCombo(n_workers=0, **QUIET)
    del combo
    gc.collect()
    leftovers.wait_until_none(1.0)


def test_explicit_addresses_are_honoured(chosen_port, leftovers):
    with SchedulerClusterCombo(
        n_workers=1,
        address=f"tcp://127.0.0.1:{chosen_port}",
        object_storage_address=f"tcp://127.0.0.1:{chosen_port + 1}",
        **QUIET,
    ) as combo:
        assert combo.get_address() == f"tcp://127.0.0.1:{chosen_port}"
        assert str(combo._object_storage_address) == f"tcp://127.0.0.1:{chosen_port + 1}"
        assert combo._scheduler.monitor_address.port == chosen_port + 2
        with Client(address=combo.get_address()) as client:
            assert client.submit(abs, -4).result(timeout=20) == 4


@pytest.mark.parametrize("host", ["localhost", "[::1]", "0.0.0.0"])
def test_names_and_ipv6(host, leftovers):
    with SchedulerClusterCombo(n_workers=1, address=f"tcp://{host}:0", **QUIET) as combo:
        combo.wait_for_workers()
        with Client(address=combo.get_address()) as client:
            assert client.submit(abs, -4).result(timeout=20) == 4


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_port_in_use_raises_at_once_and_leaves_nothing(offset, chosen_port, leftovers):
    with socket.create_server(("127.0.0.1", chosen_port + offset)):
        began = time.monotonic()
        with pytest.raises(ProcessStartError, match=str(chosen_port + offset)):
            SchedulerClusterCombo(
                n_workers=1,
                address=f"tcp://127.0.0.1:{chosen_port}",
                object_storage_address=f"tcp://127.0.0.1:{chosen_port + 1}",
                **QUIET,
            )
        assert time.monotonic() - began < 5
        leftovers.wait_until_none(0.5)


@pytest.mark.parametrize(
    "settings",
    [
        {"address": "127.0.0.1:1"},
        {"heartbeat_interval_seconds": 0},
        {"per_worker_task_queue_size": 0},
        {"worker_timeout_seconds": -1},
        {"scheduler_io_threads": 0},
        {"logging_level": "LOUD"},
        {"event_loop": "trio"},
        {"n_workers": -1},
    ],
    ids=str,
)
def test_wrong_settings_raise_and_leave_nothing(settings, leftovers):
    with pytest.raises((ValueError, TypeError, ProcessStartError)):
        SchedulerClusterCombo(**{"n_workers": 1, **QUIET, **settings})
    leftovers.wait_until_none(0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_workers": "2"}, "n_workers must be a whole number, at least 0, got '2'"),
        ({"n_workers": 1.5}, "n_workers must be a whole number, at least 0, got 1.5"),
        ({"allocate_policy": "x"}, "allocate_policy must be even or capability, got 'x'"),
        ({"allocate_policy": None}, "allocate_policy must be even or capability, got None"),
        ({"logging_paths": "my.log"}, "logging_paths must be a tuple of paths, such as ('my.log',)"),
        (
            {"per_worker_capabilities": "gpu=2"},
            "per_worker_capabilities must be a dict of names with amounts, got 'gpu=2'",
        ),
        ({"per_worker_task_queue_size": 2.5}, "per_worker_task_queue_size must be a whole number, got 2.5"),
        ({"heartbeat_interval_seconds": "2"}, "heartbeat_interval_seconds must be a number, got '2'"),
        (
            {"heartbeat_interval_seconds": decimal.Decimal(2)},
            "heartbeat_interval_seconds must be a number, got Decimal('2')",
        ),
        ({"protected": "no"}, "protected must be true or false, got 'no'"),
    ],
    ids=str,
)
def test_settings_of_a_wrong_type_are_named(settings, message, leftovers):
    with pytest.raises(ConfigurationError) as raised:
        SchedulerClusterCombo(**{"n_workers": 1, **QUIET, **settings})
    assert str(raised.value) == message
    leftovers.wait_until_none(0.5)


@pytest.mark.parametrize("policy", ["even", AllocatePolicy.even])
def test_the_policy_may_be_named(policy, leftovers):
    with SchedulerClusterCombo(1, allocate_policy=policy, **QUIET) as combo, Client(combo.get_address()) as client:
        needs = {"no-worker-has-it": 1}
        assert client.submit_verbose(pow, (2, 5), {}, capabilities=needs).result(30) == 32


def test_waiting_for_workers_that_never_come(leftovers):
    with SchedulerClusterCombo(n_workers=0, **QUIET) as combo:
        combo.wait_for_workers()
        with pytest.raises(TimeoutError, match=r"0 of 1 workers have registered within 0\.3 seconds"):
            combo.wait_for_workers(1, timeout_seconds=0.3)


def test_waiting_for_workers_says_how_many_there_are_also_when_the_scheduler_is_slow(leftovers):
    with SchedulerClusterCombo(n_workers=0, **QUIET) as combo:
        os.kill(combo._scheduler.pid, signal.SIGSTOP)
        try:
            with pytest.raises(TimeoutError, match=r"0 of 1 workers have registered within 0\.3 seconds"):
                combo.wait_for_workers(1, timeout_seconds=0.3)
        finally:
            os.kill(combo._scheduler.pid, signal.SIGCONT)


def test_waiting_for_workers_of_a_dead_cluster(leftovers):
    with SchedulerClusterCombo(n_workers=1, **QUIET) as combo:
        combo._cluster.kill()
        with pytest.raises(RuntimeError, match="WorkerMaster has ended, killed by SIGKILL"):
            combo.wait_for_workers(2, timeout_seconds=10)


def make_cluster(combo: SchedulerClusterCombo, names: list[str], **changes) -> Cluster:
    """Clone the cluster of a combo, with other workers."""
    config = dataclasses.replace(
        combo._cluster._config,
        object_storage_address=None,
        num_of_workers=len(names),
        worker_names=WorkerNames(names),
        **changes,
    )
    return Cluster.from_config(config)


def test_a_cluster_is_cloned_by_its_attributes(leftovers):
    with SchedulerClusterCombo(n_workers=0, worker_io_threads=2, task_timeout_seconds=7, **QUIET) as combo:
        original = combo._cluster
        clone = Cluster(
            address=original._address,
            object_storage_address=None,
            preload=None,
            worker_io_threads=original._worker_io_threads,
            worker_names=["clone"],
            per_worker_capabilities={},
            per_worker_task_queue_size=original._per_worker_task_queue_size,
            heartbeat_interval_seconds=original._heartbeat_interval_seconds,
            task_timeout_seconds=original._task_timeout_seconds,
            death_timeout_seconds=original._death_timeout_seconds,
            garbage_collect_interval_seconds=original._garbage_collect_interval_seconds,
            trim_memory_threshold_bytes=original._trim_memory_threshold_bytes,
            hard_processor_suspend=original._hard_processor_suspend,
            event_loop=original._event_loop,
            logging_paths=original._logging_paths,
            logging_level=original._logging_level,
            logging_config_file=original._logging_config_file,
        )
        assert (clone._worker_io_threads, clone._task_timeout_seconds) == (2, 7)
        assert clone._config == dataclasses.replace(
            original._config, object_storage_address=None, num_of_workers=1, worker_names=WorkerNames(["clone"])
        )


def test_separate_cluster(leftovers):
    with SchedulerClusterCombo(n_workers=0, **QUIET) as combo:
        cluster = make_cluster(combo, ["a", "a"])
        cluster.start()
        combo.wait_for_workers(2)
        with Client(address=combo.get_address()) as client:
            assert client.map(abs, [(-1,), (-2,)]) == [1, 2]
        cluster.terminate()
        cluster.join(10)
        assert cluster.exitcode == 0
        cluster.close()


def square(value: int) -> int:
    return value * value


def sleep_and_name_the_processor(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def test_tasks_and_graphs_wait_for_a_worker_that_offers_what_they_need(leftovers):
    graph = {"a": 2, "b": (square, "a"), "c": (square, "b"), "d": (operator.sub, "c", "b")}
    with (
        SchedulerClusterCombo(n_workers=1, allocate_policy=AllocatePolicy.capability, **QUIET) as combo,
        Client(address=combo.get_address()) as client,
    ):
        combo.wait_for_workers()
        task = client.submit_verbose(math.sqrt, (9,), {}, {"gpu": 1})
        node = client.get(graph, ["d"], block=False, capabilities={"gpu": 1})["d"]
        for future in (task, node):
            with pytest.raises(TimeoutError):
                future.result(timeout=0.5)
        assert client.submit(math.sqrt, 4).result(timeout=20) == 2.0
        cluster = make_cluster(combo, ["gpu"], per_worker_capabilities=WorkerCapabilities({"gpu": -1}))
        cluster.start()
        assert (task.result(timeout=20), node.result(timeout=20)) == (3.0, 12)
        cluster.terminate()
        cluster.join(10)
        cluster.close()


def test_workers_that_come_later_take_their_share(leftovers):
    with (
        SchedulerClusterCombo(n_workers=1, per_worker_task_queue_size=8, **QUIET) as combo,
        Client(address=combo.get_address()) as client,
    ):
        combo.wait_for_workers()
        futures = [client.submit(sleep_and_name_the_processor, 5.0) for _ in range(8)]
        cluster = make_cluster(combo, [f"later{number}" for number in range(7)])
        cluster.start()
        assert len({future.result(timeout=40) for future in futures}) == 8
        cluster.terminate()
        cluster.join(10)
        cluster.close()


def test_a_task_whose_worker_leaves_waits_for_another(leftovers):
    with SchedulerClusterCombo(n_workers=0, **QUIET) as combo, Client(address=combo.get_address()) as client:
        cluster = make_cluster(combo, ["leaving"])
        cluster.start()
        combo.wait_for_workers(1)
        future = client.submit(time.sleep, 60)
        time.sleep(1)
        cluster.terminate()
        cluster.join(10)
        cluster.close()
        assert future.running()
        client.clear()
        with pytest.raises(CancelledError):
            future.result()


def test_cluster_without_workers_ends_at_once(leftovers):
    with SchedulerClusterCombo(n_workers=0, **QUIET) as combo:
        combo._cluster.join(10)
        assert combo._cluster.exitcode == 0


def test_cluster_without_a_scheduler_ends_after_its_death_timeout(leftovers):
    with SchedulerClusterCombo(n_workers=0, **QUIET) as combo:
        cluster = make_cluster(combo, ["a", "b"], death_timeout_seconds=2)
    cluster.start()
    cluster.join(12)
    assert cluster.exitcode is not None
    cluster.close()


def test_many_starts_and_stops(leftovers):
    for _ in range(5):
        with SchedulerClusterCombo(n_workers=1, **QUIET):
            pass


def worker_pids(cluster_pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(cluster_pid).children() if child.name() == "Agent"}


def test_killed_workers_are_replaced_where_that_is_wanted(leftovers):
    with SchedulerClusterCombo(n_workers=2, restart_workers=True, **QUIET) as combo:
        combo.wait_for_workers()
        first = worker_pids(combo._cluster.pid)
        victim = min(first)
        os.kill(victim, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while len(worker_pids(combo._cluster.pid) - first) < 1:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        combo.wait_for_workers(2)
        with Client(address=combo.get_address()) as client:
            assert client.map(abs, [(-1,), (-2,)]) == [1, 2]
        for pid in worker_pids(combo._cluster.pid):
            os.kill(pid, signal.SIGTERM)  # they leave on purpose
        combo._cluster.join(10)
        assert combo._cluster.exitcode == 0
    leftovers.wait_until_none(1.0)


class Marked:
    """Makes a file when it is dropped, in another process than where it was made."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.maker = os.getpid()

    def __del__(self) -> None:
        if os.getpid() != self.maker:
            with open(self.path, "w"):
                pass


def test_processors_drop_what_no_task_has_used_for_the_retention_time(leftovers, tmp_path):
    dropped = tmp_path / "dropped"
    with (
        SchedulerClusterCombo(
            n_workers=1, object_retention_seconds=0.3, heartbeat_interval_seconds=0.1, **QUIET
        ) as combo,
        Client(address=combo.get_address()) as client,
    ):
        kept = client.send_object(Marked(str(dropped)))
        for _ in range(2):
            assert client.submit(isinstance, kept, Marked).result(timeout=20)
            deadline = time.monotonic() + 20
            while not dropped.exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            dropped.unlink()
