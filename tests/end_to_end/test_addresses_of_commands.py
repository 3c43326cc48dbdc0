"""Where commands listen, and what they tell others to connect to."""

import pytest
from commands import Command, run_script, written_by_program

CLIENT = """
from scaler import Client

with Client(address="{address}") as client:
    assert client.submit(len, bytes(1_000_000)).result() == 1_000_000  # by way of the object storage
    print("done")
"""
LISTENS = "Scheduler: listen to scheduler address "
MONITOR = "Scheduler: listen to scheduler monitor address "


def said(command: Command, text: str) -> str:
    """Return what a line of the command's output says after a text."""
    return next(line.split(text, 1)[1] for line in command.output.splitlines() if text in line)


def run_task(address: str, tmp_path) -> None:
    assert written_by_program(run_script(CLIENT.format(address=address), tmp_path)) == ["done"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_any_port_is_printed_and_works(host, tmp_path, leftovers):
    with Command("scaler_scheduler", f"tcp://{host}:0") as scheduler:
        scheduler.wait_for(MONITOR)
        address = said(scheduler, LISTENS)
        assert not address.endswith(":0") and not said(scheduler, MONITOR).endswith(":0")
        with Command("scaler_cluster", "-n", "1", address) as cluster:
            run_task(address, tmp_path)
            assert cluster.stop() == 0
        assert scheduler.stop() == 0


def test_a_socket_file_serves_as_address(tmp_path, leftovers):
    address = f"ipc://{tmp_path}/scheduler"
    with Command("scaler_scheduler", address) as scheduler, Command("scaler_cluster", "-n", "1", address) as cluster:
        scheduler.wait_for(f"{MONITOR}{address}_monitor")
        run_task(address, tmp_path)
        assert cluster.stop() == 0
        assert scheduler.stop() == 0


def test_others_are_told_the_advertised_addresses(tmp_path, chosen_port, leftovers):
    advertised = ("--advertised-address", "tcp://localhost:0")
    with Command("scaler_scheduler", f"tcp://127.0.0.1:{chosen_port}", *advertised) as scheduler:
        scheduler.wait_for(f"Scheduler: others reach it at tcp://localhost:{chosen_port}")
        told = "Scheduler: clients and workers are told the object storage server "
        scheduler.wait_for(f"{told}tcp://localhost:{chosen_port + 1}")
        address = f"tcp://localhost:{chosen_port}"
        with Command("scaler_cluster", "-n", "1", address) as cluster:
            run_task(address, tmp_path)
            assert cluster.stop() == 0
        assert scheduler.stop() == 0


def test_clients_use_the_advertised_object_storage_and_not_the_schedulers_own_way(tmp_path, chosen_port, leftovers):
    nowhere = f"tcp://127.0.0.1:{chosen_port + 2}"
    with (
        Command("scaler_object_storage_server", f"tcp://127.0.0.1:{chosen_port}") as server,
        Command(
            "scaler_scheduler", "tcp://127.0.0.1:0", "-osa", nowhere,
            "--advertised-object-storage-address", f"tcp://127.0.0.1:{chosen_port}",
        ) as scheduler,
    ):  # fmt: skip
        server.wait_for("listening on")
        scheduler.wait_for(MONITOR)
        address = said(scheduler, LISTENS)
        with Command("scaler_cluster", "-n", "1", address) as cluster:
            run_task(address, tmp_path)
            assert cluster.stop() == 0
        assert scheduler.stop() == 0
        assert server.stop() == 0


def test_an_object_storage_that_others_cannot_reach_is_warned_of(chosen_port, leftovers):
    with Command(
        "scaler_scheduler", f"tcp://127.0.0.1:{chosen_port}", "-aa", "tcp://192.0.2.1:80",
        "-osa", f"tcp://127.0.0.1:{chosen_port + 1}",
    ) as scheduler:  # fmt: skip
        scheduler.wait_for("say --advertised-object-storage-address")
        assert scheduler.stop() == 0
