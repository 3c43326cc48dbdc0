"""Metrics of real processes, scraped while they work, stand still, and end."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from scaler import Client, SchedulerClusterCombo
from scaler.cluster.object_storage_server import ObjectStorageServerProcess
from scaler.cluster.readiness import ProcessStartError
from scaler.config.types.metrics_address import MetricsAddress
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.io.sync_object_storage_connector import SyncObjectStorageConnector
from tests.end_to_end.commands import Command
from tests.metrics.metrics_fixture import get, is_healthy, scrape, wait_until
from tests.process_ends import has_ended, wait_ended

pytestmark = pytest.mark.timeout(150)  # the machine may be busy with others


def double(number: int) -> int:
    return 2 * number


@contextmanager
def cluster(tmp_path, **settings) -> Iterator[tuple[SchedulerClusterCombo, str]]:
    with SchedulerClusterCombo(
        2, metrics_address="127.0.0.1:0", logging_paths=(str(tmp_path / "log"),), **settings
    ) as combo:
        address = combo.get_metrics_address()
        assert address is not None
        combo.wait_for_workers()
        yield combo, address


def metrics_process(combo: SchedulerClusterCombo) -> psutil.Process:
    (process,) = psutil.Process(combo._scheduler.pid).children()
    return process


def test_a_working_cluster(leftovers, tmp_path):
    with cluster(tmp_path) as (combo, address), Client(combo.get_address()) as client:
        wait_until(lambda: is_healthy(address))
        assert client.map(double, [(number,) for number in range(300)]) == [2 * number for number in range(300)]
        wait_until(lambda: scrape(address)["scaler_scheduler_tasks_ended_total{state=success}"] == 300)
        metrics = scrape(address)
        expected = {
            "scaler_scheduler_workers": 2,
            "scaler_scheduler_clients": 1,
            "scaler_scheduler_waiting_tasks": 0,
            "scaler_scheduler_tasks{state=running}": 0,
            "scaler_scheduler_messages_received_total{type=Task}": 300,
            "scaler_scheduler_messages_received_total{type=TaskResult}": 300,
            "scaler_scheduler_dropped_messages_total": 0,
            "scaler_scheduler_failed_events_total": 0,
        }
        assert {name: metrics[name] for name in expected} == expected
        assert metrics["scaler_scheduler_messages_sent_total{type=Task}"] >= 300
        assert metrics["scaler_scheduler_objects"] >= 1
        scheduler = psutil.Process(combo._scheduler.pid)
        assert 0.5 < metrics["scaler_scheduler_process_resident_memory_bytes"] / scheduler.memory_info().rss < 2
        assert metrics["scaler_scheduler_process_cpu_seconds_total"] > 0
        assert [name for name in metrics if not name.startswith("scaler_")] == []


def test_a_scheduler_that_stands_still_is_not_healthy_until_it_goes_on(leftovers, tmp_path):
    with cluster(tmp_path) as (combo, address):
        wait_until(lambda: is_healthy(address))
        os.kill(combo._scheduler.pid, signal.SIGSTOP)
        try:
            wait_until(lambda: not is_healthy(address))
            assert get(address, "/metrics")[0] == 503
        finally:
            os.kill(combo._scheduler.pid, signal.SIGCONT)
        wait_until(lambda: is_healthy(address))


def logs(folder: Path) -> str:
    return (folder / "log").read_text()


def test_its_requests_and_readings_are_logged_for_who_looks_for_them(leftovers, tmp_path):
    with cluster(tmp_path, logging_level="DEBUG") as (combo, address):
        assert f"metrics: http://{address} shows {combo._scheduler.address}" in logs(tmp_path)
        scrape(address)
        wait_until(lambda: re.search(r'metrics: 127.0.0.1: "GET /metrics HTTP/1.1" 200 ', logs(tmp_path)) is not None)
        assert re.search(r"\[DEBG\].*metrics: read the figures in \d+\.\d ms", logs(tmp_path))
        os.kill(combo._scheduler.pid, signal.SIGSTOP)
        try:
            wait_until(lambda: not is_healthy(address) and "metrics: no figures: " in logs(tmp_path))
        finally:
            os.kill(combo._scheduler.pid, signal.SIGCONT)


def test_nobody_else_is_bothered_with_that(leftovers, tmp_path):
    with cluster(tmp_path) as (_, address):
        scrape(address)
        scrape(address)
    assert "listen to metrics address" in logs(tmp_path)
    assert not re.search(r"\[DEBG\]|metrics: ", logs(tmp_path))


def test_a_flood_of_requests_reaches_the_scheduler_once_a_second(leftovers, tmp_path):
    with cluster(tmp_path) as (combo, address), Client(combo.get_address()) as client:
        ended = threading.Event()
        scraped = []

        def flood() -> None:
            while not ended.is_set():
                scraped.append(get(address, "/metrics")[0])

        threads = [threading.Thread(target=flood) for _ in range(4)]
        began = time.monotonic()
        before = scrape(address)["scaler_scheduler_messages_received_total{type=InformationRequest}"]
        for thread in threads:
            thread.start()
        try:
            while scraped.count(200) < 200:
                assert client.map(double, [(1,)] * 50) == [2] * 50
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        after = scrape(address)["scaler_scheduler_messages_received_total{type=InformationRequest}"]
        assert set(scraped) <= {200, 503}
        assert after - before <= time.monotonic() - began + 2


def test_the_metrics_are_started_anew_at_the_same_address(leftovers, tmp_path):
    with cluster(tmp_path) as (combo, address):
        first = metrics_process(combo)
        first.kill()
        wait_until(lambda: metrics_process_or_none(combo) not in (None, first))

        def is_back() -> bool:
            try:
                return is_healthy(address)
            except ConnectionError:
                return False

        wait_until(is_back)
        assert "the metrics ended, killed by SIGKILL: starting anew" in (tmp_path / "log").read_text()


def metrics_process_or_none(combo: SchedulerClusterCombo) -> psutil.Process | None:
    children = psutil.Process(combo._scheduler.pid).children()
    return children[0] if children and not has_ended(children[0]) else None


def test_a_killed_scheduler_takes_its_metrics_along(leftovers, tmp_path):
    with cluster(tmp_path) as (combo, _):
        process = metrics_process(combo)
        os.kill(combo._scheduler.pid, signal.SIGKILL)
        wait_ended([process])


def test_an_address_in_use_is_told_and_leaves_nothing(leftovers, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(
            ProcessStartError, match=f"Scheduler could not start: .* cannot listen at the metrics_address {address}: "
        ):
            SchedulerClusterCombo(0, metrics_address=address, logging_paths=(str(tmp_path / "log"),))
        with pytest.raises(
            ProcessStartError, match=f"ObjectStorageServer could not start: cannot listen at the .*{address}"
        ):
            make_storage(tmp_path, MetricsAddress.from_string(address)).start()


def make_storage(tmp_path, metrics_address: MetricsAddress) -> ObjectStorageServerProcess:
    return ObjectStorageServerProcess(
        ObjectStorageConfig("127.0.0.1", 0),
        (str(tmp_path / "storage"),),
        "INFO",
        None,
        shared_memory=False,
        metrics_address=metrics_address,
    )


def check_storage(storage: SyncObjectStorageConnector, address: MetricsAddress) -> None:
    storage.set_object(b"1" * 32, b"payload")
    storage.set_object(b"2" * 32, b"x" * 1000)
    assert bytes(storage.get_object(b"1" * 32)) == b"payload"
    storage.delete_object(b"2" * 32)
    wait_until(lambda: scrape(address)["scaler_object_storage_requests_total{type=delete}"] == 1)
    expected = {
        "connections": 1,
        "objects": 1,
        "contents": 1,
        "content_bytes": 7,
        "waiting_requests": 0,
        "requests_total{type=set}": 2,
        "requests_total{type=get}": 1,
        "answers_total{type=get_ok}": 1,
        "answers_total{type=timed_out}": 0,
        "stored_bytes_total": 1007,
        "answered_bytes_total": 7,
        "refused_connections_total": 0,
    }
    metrics = scrape(address)
    assert {name: metrics[f"scaler_object_storage_{name}"] for name in expected} == expected
    assert metrics["scaler_object_storage_process_resident_memory_bytes"] > 1 << 20


def test_an_object_storage_server(leftovers, tmp_path):
    server = make_storage(tmp_path, MetricsAddress("127.0.0.1", 0))
    server.start()
    try:
        address = server.metrics_address
        assert address is not None
        wait_until(lambda: is_healthy(address))
        storage = SyncObjectStorageConnector(str(server.address))
        try:
            check_storage(storage, address)
        finally:
            storage.close()
        wait_until(lambda: scrape(address)["scaler_object_storage_connections"] == 0)
    finally:
        began = time.monotonic()
        server.terminate()
        server.join(10)
        code = server.exitcode
        server.close()
    assert code == 0
    assert time.monotonic() - began < 3


def test_the_commands(leftovers, chosen_port):
    with (
        Command(
            "scaler_object_storage_server", f"tcp://127.0.0.1:{chosen_port + 1}", "--metrics-address", "127.0.0.1:0"
        ) as storage,
        Command(
            "scaler_scheduler",
            f"tcp://127.0.0.1:{chosen_port}",
            "--object-storage-address",
            f"tcp://127.0.0.1:{chosen_port + 1}",
            "--metrics-address",
            "127.0.0.1:0",
        ) as scheduler,
    ):
        for command, name in ((storage, "scaler_object_storage_objects"), (scheduler, "scaler_scheduler_workers")):
            command.wait_for("listen to metrics address http://")
            found = re.search(r"http://(\S+)/metrics", command.output)
            assert found is not None
            assert scrape(found[1])[name] == 0
        for command in (scheduler, storage):
            assert command.stop(signal.SIGINT) == 0, command.output
            assert "Traceback" not in command.output


def test_the_storage_server_of_a_scheduler(leftovers, chosen_port):
    with Command(
        "scaler_scheduler", f"tcp://127.0.0.1:{chosen_port}", "--object-storage-metrics-address", "127.0.0.1:0"
    ) as scheduler:
        scheduler.wait_for("ObjectStorageServer: listen to metrics address http://")
        found = re.search(r"http://(\S+)/metrics", scheduler.output)
        assert found is not None
        wait_until(lambda: is_healthy(found[1]))
        storage = SyncObjectStorageConnector(f"tcp://127.0.0.1:{chosen_port + 1}")
        try:
            storage.set_object(b"1" * 32, b"payload")
            wait_until(lambda: scrape(found[1])["scaler_object_storage_content_bytes"] == 7)
        finally:
            storage.close()
        assert scheduler.output.count("/metrics") == 1  # the scheduler itself was not asked to tell its own
        assert scheduler.stop() == 0, scheduler.output


def test_the_storage_server_of_a_local_cluster(leftovers, tmp_path):
    with SchedulerClusterCombo(
        0, object_storage_metrics_address="127.0.0.1:0", logging_paths=(str(tmp_path / "log"),)
    ) as combo:
        address = combo.get_object_storage_metrics_address()
        assert address is not None
        assert scrape(address)["scaler_object_storage_objects"] == 0
        assert combo.get_metrics_address() is None


def test_a_storage_server_that_runs_already_has_an_address_of_its_own():
    storage = ("--object-storage-address", "tcp://127.0.0.1:2", "--object-storage-metrics-address", "127.0.0.1:3")
    with Command("scaler_scheduler", "tcp://127.0.0.1:0", *storage) as command:
        assert command.wait() == 2
        assert "object_storage_metrics_address (127.0.0.1:3) is for an object storage server that is" in command.output
        assert "leave one of them out" in command.output
        assert command.output.count("\n") == 1


@pytest.mark.parametrize("text", ["9090", ":9090", "http://127.0.0.1:9090", "127.0.0.1:99999", "127.0.0.1:x", "::1:80"])
def test_wrong_addresses_are_one_line_and_code_2(text):
    with Command("scaler_scheduler", "tcp://127.0.0.1:0", "--metrics-address", text) as command:
        assert command.wait() == 2
        assert command.output.startswith(f"scaler_scheduler: error: --metrics-address {text}: expected HOST:PORT")
        assert command.output.count("\n") == 1
