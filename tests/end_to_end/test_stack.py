"""``scaler`` with one file, and the four commands with the same file."""

import os
import signal
import socket
import time
from pathlib import Path

import pytest
from commands import Command, run_script, written_by_program

CLIENT = """
import os
from scaler import Client

with Client(address="tcp://127.0.0.1:{port}") as client:
    assert client.map(abs, [(-number,) for number in range(50)]) == list(range(50))
    print("done")
"""

SHUTDOWN = """
from scaler import Client
Client(address="tcp://127.0.0.1:{port}").shutdown()
print("done")
"""

# The unified file of the documentation, with other ports and a folder of the test for its log.
UNIFIED = """
# This is a unified configuration file for all Scaler components.

[scheduler]
scheduler_address = "tcp://127.0.0.1:{port}"
object_storage_address = "tcp://127.0.0.1:{storage_port}"
monitor_address = "tcp://127.0.0.1:{monitor_port}"
allocate_policy = "even"
logging_level = "INFO"
logging_paths = ["/dev/stdout", "{folder}/log/scaler/scheduler.log"]
protected = false

[cluster]
scheduler_address = "tcp://127.0.0.1:{port}"
num_of_workers = 2
per_worker_capabilities = "linux,cpu=8"
task_timeout_seconds = 600

[object_storage_server]
object_storage_address = "tcp://127.0.0.1:{storage_port}"
"""
WEB_UI = """
[webui]
monitor_address = "tcp://127.0.0.1:{monitor_port}"
web_port = {web_port}
"""
SHORT = """
[scheduler]
scheduler_address = "tcp://127.0.0.1:{port}"
protected = false

[cluster]
num_of_workers = 2
"""
SCALED = """
[scheduler]
scheduler_address = "tcp://127.0.0.1:{port}"
adapter_webhook_urls = ["http://127.0.0.1:{adapter_port}"]

[native_worker_adapter]
adapter_web_host = "127.0.0.1"
adapter_web_port = {adapter_port}
max_workers = 2
"""
READY = "Scheduler: listen to scheduler monitor address"


@pytest.fixture
def write_file(tmp_path, chosen_port):
    def write(text: str) -> str:
        path = tmp_path / "example_config.toml"
        path.write_text(
            text.format(
                port=chosen_port,
                storage_port=chosen_port + 1,
                monitor_port=chosen_port + 2,
                adapter_port=chosen_port + 3,
                web_port=chosen_port + 4,
                folder=tmp_path,
            )
        )
        return str(path)

    return write


@pytest.mark.parametrize("group", [False, True], ids=["parent", "group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("text", [UNIFIED, SHORT], ids=["unified", "short"])
def test_one_file_runs_everything(text, number, group, write_file, tmp_path, chosen_port, leftovers):
    with Command("scaler", write_file(text)) as stack:
        stack.wait_for(READY)
        stack.wait_for(f"connect to object storage server tcp://127.0.0.1:{chosen_port + 1}")
        stack.wait_for(") started", count=2)
        assert written_by_program(run_script(CLIENT.format(port=chosen_port), tmp_path)) == ["done"]
        began = time.monotonic()
        assert stack.stop(number, group=group) == 0, stack.output
        assert time.monotonic() - began < 10
        assert "Traceback" not in stack.output
        leftovers.wait_until_none(1.0)
    if text is UNIFIED:
        assert READY in Path(f"{tmp_path}/log/scaler/scheduler.log").read_text()


def run_client(tmp_path, port: int) -> None:
    assert written_by_program(run_script(CLIENT.format(port=port), tmp_path)) == ["done"]


@pytest.mark.timeout(120)
def test_the_same_file_serves_four_commands_and_one(write_file, tmp_path, chosen_port, leftovers):
    path = write_file(UNIFIED + WEB_UI)
    shows = f"web UI: http://127.0.0.1:{chosen_port + 4} shows tcp://127.0.0.1:{chosen_port + 2}"
    with (
        Command("scaler_object_storage_server", "--config", path) as storage,
        Command("scaler_scheduler", "--config", path) as scheduler,
        Command("scaler_cluster", "--config", path, "--num-of-workers", "1") as cluster,
        Command("scaler_ui", "--config", path) as web_ui,
    ):
        scheduler.wait_for(READY)
        cluster.wait_for("Cluster: starting 1 workers")
        run_client(tmp_path, chosen_port)
        web_ui.wait_for(shows)
        for command in (web_ui, cluster, scheduler, storage):
            assert command.stop() == 0, command.output
    with Command("scaler", path) as stack:
        stack.wait_for(") started", count=2)
        stack.wait_for(shows)
        run_client(tmp_path, chosen_port)
        assert stack.stop() == 0, stack.output
        assert "Traceback" not in stack.output


def test_an_adapter_is_a_part_that_starts_workers_when_there_are_tasks(write_file, tmp_path, chosen_port, leftovers):
    with Command("scaler", write_file(SCALED)) as stack:
        stack.wait_for(f"listen to http://127.0.0.1:{chosen_port + 3}")
        assert written_by_program(run_script(CLIENT.format(port=chosen_port), tmp_path)) == ["done"]
        assert stack.stop(signal.SIGTERM) == 0, stack.output
        assert "Traceback" not in stack.output
        leftovers.wait_until_none(1.0)


@pytest.mark.parametrize("event_loop", ["builtin", "uvloop"])
def test_an_accepted_shutdown_ends_the_stack_well(event_loop, write_file, tmp_path, chosen_port, leftovers):
    text = SHORT.replace("protected", f'event_loop = "{event_loop}"\nprotected') + f'event_loop = "{event_loop}"\n'
    with Command("scaler", "--config", write_file(text)) as stack:
        stack.wait_for(") started", count=2)
        run_script(CLIENT.format(port=chosen_port), tmp_path)
        assert written_by_program(run_script(SHUTDOWN.format(port=chosen_port), tmp_path)) == ["done"]
        assert stack.wait() == 0, stack.output
        assert stack.output.count(f"use event loop: {event_loop}") == 3
        assert "Traceback" not in stack.output
        leftovers.wait_until_none(1.0)


@pytest.mark.parametrize("name", ["ObjectStorageSe", "Scheduler", "WorkerMaster"])
def test_a_part_that_dies_ends_the_stack_with_its_reason(name, write_file, leftovers):
    with Command("scaler", write_file(UNIFIED)) as stack:
        stack.wait_for(READY)
        stack.wait_for(") started", count=2)
        for pid in leftovers.named(name):
            os.kill(pid, signal.SIGKILL)
        assert stack.wait() == 1, stack.output
        assert f"scaler: {name}" in stack.output and "ended: killed by SIGKILL" in stack.output


def test_a_part_that_cannot_start_is_one_line_and_a_status(write_file, chosen_port, leftovers):
    with socket.create_server(("127.0.0.1", chosen_port)), Command("scaler", write_file(UNIFIED)) as stack:
        assert stack.wait() == 1
        assert stack.output.splitlines()[-1].startswith("scaler: error: Scheduler could not start: ")
        assert "Traceback" not in stack.output


def test_workers_that_cannot_log_end_the_stack_with_one_line_that_says_so(write_file, leftovers):
    with Command("scaler", write_file(SHORT + 'logging_paths = ["/proc/no-such/log"]\n')) as stack:
        assert stack.wait(30) == 1
        assert "WorkerMaster: error: cannot log to /proc/no-such/log: No such file or directory\n" in stack.output
        assert "Traceback" not in stack.output


def test_any_port_is_passed_on(write_file, tmp_path, leftovers):
    text = '[object_storage_server]\nobject_storage_address = "tcp://127.0.0.1:0"\n' + SHORT.replace("{port}", "0")
    with Command("scaler", write_file(text)) as stack:
        stack.wait_for(READY)
        stack.wait_for(" connected", count=2)
        line = next(line for line in stack.output.splitlines() if "listen to scheduler address" in line)
        port = int(line.rsplit(":", 1)[1])
        assert written_by_program(run_script(CLIENT.format(port=port), tmp_path)) == ["done"]
        assert stack.stop() == 0, stack.output
