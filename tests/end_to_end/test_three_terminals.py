"""The commands, each started by hand, on chosen ports, and how they end."""

import os
import signal
import socket
import time

import pytest
from commands import Command, run_script, written_by_program

CLIENT = """
import os
from scaler import Client

def who(number):
    return number, os.getpid()

with Client(address="tcp://127.0.0.1:{port}") as client:
    results = client.map(who, [(number,) for number in range(200)])
    assert [number for number, _ in results] == list(range(200))
    print("done")
"""

SHUTDOWN = """
from scaler import Client
client = Client(address="tcp://127.0.0.1:{port}")
client.shutdown()
print("done")
"""


def wait_for_workers(cluster: Command, number: int) -> None:
    cluster.wait_for(") started", count=number)


@pytest.mark.parametrize("group", [False, True], ids=["parent", "group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_three_terminals(number, group, tmp_path, chosen_port, leftovers):
    address, storage = f"tcp://127.0.0.1:{chosen_port}", f"tcp://127.0.0.1:{chosen_port + 1}"
    with (
        Command("scaler_object_storage_server", storage) as storage_server,
        Command("scaler_scheduler", address, "--object-storage-address", storage) as scheduler,
        Command("scaler_cluster", "-n", "2", address) as cluster,
    ):
        storage_server.wait_for("ObjectStorageServer: started")
        scheduler.wait_for(f"Scheduler: listen to scheduler address {address}")
        scheduler.wait_for(f"Scheduler: connect to object storage server {storage}")
        scheduler.wait_for(f"Scheduler: listen to scheduler monitor address tcp://127.0.0.1:{chosen_port + 2}")
        cluster.wait_for("Cluster: starting 2 workers, heartbeat_interval_seconds=2")
        wait_for_workers(cluster, 2)
        assert written_by_program(run_script(CLIENT.format(port=chosen_port), tmp_path)) == ["done"]
        for command in (cluster, scheduler, storage_server):
            began = time.monotonic()
            assert command.stop(number, group=group) == 0, command.output
            assert time.monotonic() - began < 10
            assert "Traceback" not in command.output
        assert "Cluster: shutdown" in cluster.output
        leftovers.wait_until_none(1.0)


@pytest.mark.parametrize("order", ["scheduler first", "cluster first"])
def test_scheduler_with_its_own_storage(order, tmp_path, chosen_port, leftovers):
    address = f"tcp://127.0.0.1:{chosen_port}"
    with Command("scaler_scheduler", address) as scheduler, Command("scaler_cluster", "-n", "2", address) as cluster:
        scheduler.wait_for("Scheduler: listen to scheduler monitor address")
        scheduler.wait_for(f"connect to object storage server tcp://127.0.0.1:{chosen_port + 1}")
        wait_for_workers(cluster, 2)
        assert written_by_program(run_script(CLIENT.format(port=chosen_port), tmp_path)) == ["done"]
        commands = [scheduler, cluster] if order == "scheduler first" else [cluster, scheduler]
        for command in commands:
            assert command.stop() == 0, command.output
            assert "Traceback" not in command.output
        leftovers.wait_until_none(1.0)


def test_shutdown_by_a_client_ends_both_commands(tmp_path, chosen_port, leftovers):
    address = f"tcp://127.0.0.1:{chosen_port}"
    with (
        Command("scaler_scheduler", address, "--no-protected") as scheduler,
        Command("scaler_cluster", "-n", "2", address) as cluster,
    ):
        scheduler.wait_for("Scheduler: listen to scheduler monitor address")
        wait_for_workers(cluster, 2)
        run_script(CLIENT.format(port=chosen_port), tmp_path)
        assert written_by_program(run_script(SHUTDOWN.format(port=chosen_port), tmp_path)) == ["done"]
        assert scheduler.wait() == 0, scheduler.output
        assert cluster.wait() == 0, cluster.output
        leftovers.wait_until_none(1.0)


@pytest.mark.parametrize("group", [False, True], ids=["parent", "group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_scheduler_and_its_storage_end_well(number, group, chosen_port, leftovers):
    with Command("scaler_scheduler", f"tcp://127.0.0.1:{chosen_port}") as scheduler:
        scheduler.wait_for("Scheduler: listen to scheduler monitor address")
        assert scheduler.stop(number, group=group) == 0, scheduler.output
        assert "Traceback" not in scheduler.output and "EROR" not in scheduler.output
        leftovers.wait_until_none(1.0)


@pytest.mark.parametrize("delay_seconds", [0.05, 0.2, 0.5, 3.0])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_scheduler_stopped_at_any_moment_leaves_nothing(number, delay_seconds, chosen_port, leftovers):
    with Command("scaler_scheduler", f"tcp://127.0.0.1:{chosen_port}") as scheduler:
        time.sleep(delay_seconds)
        scheduler.stop(number)
        if delay_seconds >= 3.0 and number != signal.SIGKILL:
            assert scheduler.process.returncode == 0
            assert "Traceback" not in scheduler.output
        leftovers.wait_until_none()


@pytest.mark.parametrize("delay_seconds", [0.2, 1.0, 4.0])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_cluster_stopped_at_any_moment_leaves_nothing(number, delay_seconds, chosen_port, leftovers):
    # Without a scheduler: its workers try to connect all the time.
    with Command("scaler_cluster", "-n", "2", f"tcp://127.0.0.1:{chosen_port}") as cluster:
        time.sleep(delay_seconds)
        cluster.stop(number)
        leftovers.wait_until_none()


def test_workers_say_that_no_scheduler_answers_and_go_on_when_one_does(chosen_port, leftovers):
    address = f"tcp://127.0.0.1:{chosen_port}"
    with Command("scaler_cluster", "-n", "1", address) as cluster:
        cluster.wait_for(f"no scheduler answers at {address}, trying on: is the address right, does it run")
        with Command("scaler_scheduler", address) as scheduler:
            scheduler.wait_for(" connected")
            assert scheduler.stop() == 0
        assert cluster.stop() == 0, cluster.output
        assert cluster.output.count("no scheduler answers") == 1


def test_port_in_use_is_one_line_and_a_status(chosen_port, leftovers):
    with socket.create_server(("127.0.0.1", chosen_port)):
        with Command("scaler_scheduler", f"tcp://127.0.0.1:{chosen_port}") as scheduler:
            assert scheduler.wait() == 1
            address = f"tcp://127.0.0.1:{chosen_port}"
            assert scheduler.output.splitlines()[-1] == (
                "scaler_scheduler: error: Scheduler could not start: scheduler_address: cannot listen at "
                f"{address}: Address already in use"
            )
            assert "Traceback" not in scheduler.output
        with Command("scaler_object_storage_server", f"tcp://127.0.0.1:{chosen_port}") as server:
            assert server.wait() == 1
            assert server.output.splitlines()[-1].startswith(
                f"scaler_object_storage_server: error: cannot listen at tcp://127.0.0.1:{chosen_port}"
            )


@pytest.mark.parametrize("name", ["ObjectStorageSe", "Scheduler"])
def test_lost_part_ends_the_command_with_a_status(name, chosen_port, leftovers):
    with Command("scaler_scheduler", f"tcp://127.0.0.1:{chosen_port}") as scheduler:
        scheduler.wait_for("Scheduler: listen to scheduler monitor address")
        for pid in leftovers.named(name):
            os.kill(pid, signal.SIGKILL)
        assert scheduler.wait() == 1
        assert "killed by SIGKILL" in scheduler.output


def test_killed_worker_makes_the_cluster_fail(chosen_port, leftovers):
    address = f"tcp://127.0.0.1:{chosen_port}"
    with Command("scaler_scheduler", address) as scheduler, Command("scaler_cluster", "-n", "1", address) as cluster:
        scheduler.wait_for("Scheduler: listen to scheduler monitor address")
        wait_for_workers(cluster, 1)
        for pid in leftovers.named("Agent"):
            os.kill(pid, signal.SIGKILL)
        assert cluster.wait() == 1
        assert "ended: killed by SIGKILL" in cluster.output
        assert scheduler.stop() == 0
