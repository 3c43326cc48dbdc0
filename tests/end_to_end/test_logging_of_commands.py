"""Every process of a cluster logs to the same places, at the same level, in the same way."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from commands import MODULES, Command, run_script, written_by_program

LINE = re.compile(r"\[(INFO|WARN|EROR|DEBG|CTIC)\]\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4}: ")
CLIENT = """
from scaler import Client

def fail(number):
    raise ValueError(number)

with Client(address="tcp://127.0.0.1:{port}") as client:
    assert client.map(abs, [(-number,) for number in range(200)]) == list(range(200))
    for future in [client.submit(fail, number) for number in range(20)]:
        assert type(future.exception()) is ValueError
    print("done")
"""
STACK = """
[object_storage_server]
object_storage_address = "tcp://127.0.0.1:{storage_port}"
{logging}

[scheduler]
scheduler_address = "tcp://127.0.0.1:{port}"
{logging}

[cluster]
num_of_workers = 1
{logging}
"""
CONFIG_FILE = """
[loggers]
keys=root
[handlers]
keys=file
[formatters]
keys=own
[logger_root]
level=INFO
handlers=file
[handler_file]
class=FileHandler
formatter=own
args=("{folder}/own.log", "a")
[formatter_own]
format=<%(levelname)s %(process)d %(message)s>
"""


@pytest.fixture
def start(tmp_path, chosen_port):
    def start_stack(logging: str) -> Command:
        path = tmp_path / "stack.toml"
        path.write_text(STACK.format(port=chosen_port, storage_port=chosen_port + 1, logging=logging))
        return Command("scaler", str(path))

    return start_stack


def run_tasks(port: int, tmp_path: Path) -> None:
    assert written_by_program(run_script(CLIENT.format(port=port), tmp_path)) == ["done"]
    with socket.create_connection(("127.0.0.1", port + 1), timeout=5) as peer:  # native code has something to say
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n" * 10)
        while peer.recv(1000):
            pass


def wait_for_end(stack: Command) -> str:
    assert stack.stop() == 0, stack.output
    return stack.output


def test_lines_of_all_processes_on_the_terminal_and_none_per_task(start, tmp_path, chosen_port, leftovers):
    with start('logging_paths = ["-"]') as stack:
        stack.wait_for(") started")
        run_tasks(chosen_port, tmp_path)
        output = wait_for_end(stack)
    lines = output.splitlines()
    assert [line for line in lines if not LINE.match(line)] == []
    assert len(lines) < 60  # of 220 tasks
    assert "ObjectStorageServer: listening on" in output
    assert re.search(r"\[WARN\].*ObjectStorageServer: ", output)
    assert "Traceback" not in output


def test_failed_tasks_are_logged_for_who_looks_for_them(start, tmp_path, chosen_port, leftovers):
    with start('logging_level = "debug"') as stack:
        stack.wait_for(") started")
        run_tasks(chosen_port, tmp_path)
        output = wait_for_end(stack)
    assert len(re.findall(r"\[DEBG\].* failed: ValueError", output)) == 20


def test_a_level_holds_for_every_process(start, tmp_path, chosen_port, leftovers):
    with start('logging_level = "CRITICAL"') as stack:
        run_tasks(chosen_port, tmp_path)
        output = wait_for_end(stack)
    assert {line.split(": ", 1)[1].split(":")[0] for line in output.splitlines()} <= {
        "logging to ('/dev/stdout',)",
        "scaler",
    }


def test_files_get_the_lines_of_all_processes_in_one_format(start, tmp_path, chosen_port, leftovers):
    with start(f'logging_paths = ["{tmp_path}/log/scaler.log", "/dev/stderr"]') as stack:
        stack.wait_for(") started")
        run_tasks(chosen_port, tmp_path)
        output = wait_for_end(stack)
    files = sorted((tmp_path / "log").iterdir())
    assert [file.name.rstrip("0123456789") for file in files] == ["scaler.log", "scaler.log-"]
    text = files[0].read_text()
    for part in ("ObjectStorageServer: listening on", "Scheduler: listen to", "Cluster: starting", "leaves: "):
        assert part in text and part in output
    assert [line for line in text.splitlines() if not re.match(LINE.pattern + r"\w+:\w+:\d+: ", line)] == []
    assert "logging to" in files[1].read_text()


def test_a_configuration_file_holds_for_every_process(start, tmp_path, chosen_port, leftovers):
    (tmp_path / "logging.ini").write_text(CONFIG_FILE.format(folder=tmp_path))
    with start(f'logging_config_file = "{tmp_path}/logging.ini"') as stack:
        stack.wait_for(f"use logging config file: {tmp_path}/logging.ini", count=5)
        run_tasks(chosen_port, tmp_path)
        wait_for_end(stack)
    text = (tmp_path / "own.log").read_text()
    for part in ("ObjectStorageServer: listening on", "Scheduler: listen to", "Cluster: starting", "leaves: "):
        assert part in text
    assert [line for line in text.splitlines() if not re.fullmatch(r"<[A-Z]{4} \d+ .*>", line)] == []
    assert len(set(re.findall(r"<[A-Z]{4} (\d+) ", text))) >= 4


def test_workers_that_fail_end_the_command_with_one_line_that_names_their_log(leftovers, tmp_path):
    log = tmp_path / "log"
    arguments = ["tcp://127.0.0.1:1", "-n", "1", "--death-timeout-seconds", "1", "--logging-paths", str(log)]
    command = [sys.executable, "-m", MODULES["scaler_cluster"], *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"scaler_cluster: error: a worker has failed; why is in the log: {log}"
    assert "EROR" in log.read_text()
