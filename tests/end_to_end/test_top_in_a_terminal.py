"""``scaler_top`` in a real terminal beside a working cluster."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from commands import Command
from terminal import Terminal
from top_screen import COLUMNS, PROGRAM, monitor_address, rows_of, scaled_cluster, show, wait_until
from watched_tasks import kill_its_worker, wait_for_file

from scaler import Client, SchedulerClusterCombo
from scaler.utility.exceptions import WorkerDiedError
from scaler.utility.process_meter import available_memory_bytes

pytestmark = pytest.mark.timeout(150)  # the machine may be busy with others

QUEUE_SIZE = 77


@pytest.fixture
def cluster(leftovers, tmp_path) -> Iterator[SchedulerClusterCombo]:
    with SchedulerClusterCombo(
        2,
        heartbeat_interval_seconds=0.5,
        worker_timeout_seconds=2,
        per_worker_task_queue_size=QUEUE_SIZE,
        logging_paths=(str(tmp_path / "log"),),
    ) as cluster:
        cluster.wait_for_workers()
        yield cluster


@pytest.fixture
def patient_cluster(leftovers, tmp_path) -> Iterator[SchedulerClusterCombo]:
    """Its workers are lost only by their end, however busy the machine is."""
    with SchedulerClusterCombo(2, heartbeat_interval_seconds=0.5, logging_paths=(str(tmp_path / "log"),)) as cluster:
        cluster.wait_for_workers()
        yield cluster


def settings_of(terminal: Terminal, path: Path) -> str:
    """Return how the terminal is set, as the shell sees it; ``path`` is of this call alone."""
    terminal.run(f"clear; stty -a > {path}; echo writ''ten {path.name}")  # what an earlier call wrote may still be seen
    terminal.wait_for(f"^written {path.name}")
    return path.read_text()


def number_of(text: str) -> float:
    scale = {"%": 1.0, "B": 1.0, "K": 2.0**10, "M": 2.0**20, "G": 2.0**30, "T": 2.0**40}
    return float(text[:-1]) * scale[text[-1]]


def test_it_shows_the_figures_of_a_cluster_and_leaves_the_terminal_as_it_was(cluster, terminal, tmp_path):
    before = settings_of(terminal, tmp_path / "before")
    gate = tmp_path / "gate"
    with Client(cluster.get_address()) as client:
        futures = [client.submit(wait_for_file, str(gate)) for _ in range(20)]
        show(terminal, monitor_address(cluster))
        live = terminal.wait_for(r"(?s) inactive +(\d+) .* running +([1-9]\d*) ")
        placed = int(live[2])
        assert int(live[1]) + placed == 20
        wait_until(lambda: [row["ITL"] for row in rows_of(terminal)] == ["110", "110"], terminal)
        wait_until(lambda: all(int(row["queued"]) == int(row["sent"]) - 1 for row in rows_of(terminal)), terminal)
        check_workers(terminal, placed)
        check_scheduler(terminal)
        terminal.wait_for(re.escape(client.identity.decode()[:17]) + r"\+ +20$")
        terminal.wait_for(r"num_of_objs +[1-9]")
        terminal.wait_for(r"\bTask +20$")

        gate.touch()
        for future in futures:
            future.result()
        terminal.wait_for(r" running +0 ")
        terminal.wait_for(r" success +20 ")
        terminal.wait_for(r"\| canceled +0 ")  # those that balancing has moved are none
        terminal.wait_for(r"\bTaskResult +20 ")
        wait_until(lambda: [row["free"] for row in rows_of(terminal)] == [str(QUEUE_SIZE)] * 2, terminal)
        wait_until(lambda: [row["ITL"] for row in rows_of(terminal)] == ["101", "101"], terminal)

    assert terminal.ask("alternate_on") == "1"
    terminal.type("q")
    terminal.wait_for("^ended with 0")
    assert (terminal.ask("alternate_on"), terminal.ask("cursor_flag")) == ("0", "1")
    assert settings_of(terminal, tmp_path / "after") == before


def check_workers(terminal: Terminal, placed: int) -> None:
    rows = rows_of(terminal)
    assert terminal.wait_for(r"^Total 0 worker group\(s\) with 2 worker\(s\) *$")
    assert sum(int(row["sent"]) for row in rows) == placed
    for row in rows:
        assert int(row["free"]) + int(row["sent"]) == QUEUE_SIZE
        assert int(row["queued"]) == int(row["sent"]) - 1  # one runs
        assert row["suspended"] == "0"
        assert re.fullmatch(r"[\d.]+(us|ms|s)", row["lag"])
        assert 1 << 20 < number_of(row["agt_rss"]) < 1 << 30
        assert 1 << 20 < number_of(row["rss"]) < 1 << 30
        assert 0 <= number_of(row["agt_cpu"]) <= 100
        assert 0 <= number_of(row["cpu"]) <= 100
        assert available_memory_bytes() / 4 < number_of(row["os_rss_free"]) < available_memory_bytes() * 4


def check_scheduler(terminal: Terminal) -> None:
    assert 0 <= number_of(terminal.wait_for(r"^cpu +([\d.]+%) \|")[1]) <= 100
    assert 1 << 20 < number_of(terminal.wait_for(r"^rss +([\d.]+[BKMGT]) \|")[1]) < 1 << 30
    free = number_of(terminal.wait_for(r"^rss_free +([\d.]+[BKMGT]) \|")[1])
    assert available_memory_bytes() / 4 < free < available_memory_bytes() * 4


def test_keys_act_at_once_and_sizes_follow(cluster, terminal):
    show(terminal, monitor_address(cluster))
    terminal.wait_for(r" \[cpu\] ")
    for key, column in zip("gnCMcmFfwdsl", COLUMNS, strict=False):
        terminal.type(key)
        terminal.wait_for(rf"^(group)?.*\[{column}\].* ITL")
    terminal.type("n")
    terminal.wait_for(r" \[worker\] ")
    descending = [row["worker"] for row in rows_of(terminal)]
    assert descending == sorted(descending, reverse=True)
    terminal.type("n")
    wait_until(lambda: [row["worker"] for row in rows_of(terminal)] == descending[::-1], terminal)

    terminal.resize(60, 8)
    terminal.wait_for(r"^-{60}$")
    terminal.wait_for(r"^cpu .* rss_free ")
    terminal.type(*["Right"] * 15)
    terminal.wait_for("client_manager +tasks$")
    terminal.type("Home")
    terminal.wait_for("^group +")
    terminal.resize(140, 30)
    terminal.wait_for(r"^-{140}$")
    terminal.wait_for("^scheduler +")
    terminal.type("q")
    terminal.wait_for("^ended with 0")


def test_workers_come_and_go(cluster, terminal):
    show(terminal, monitor_address(cluster))
    terminal.type("n")
    wait_until(lambda: len(rows_of(terminal)) == 2, terminal)
    with (
        Command("scaler_cluster", cluster.get_address(), "-wn", "leaves") as leaving,
        Command("scaler_cluster", cluster.get_address(), "-wn", "is-killed") as killed,
    ):
        terminal.wait_for(r"Worker\|leaves\|")
        terminal.wait_for(r"Worker\|is-killed\|")
        terminal.wait_for(r"with 4 worker\(s\)$")
        assert len(rows_of(terminal)) == 4
        (agent,) = psutil.Process(killed.process.pid).children()
        agent.kill()
        terminal.wait_until_gone(r"Worker\|is-killed\|")
        terminal.wait_for(r"with 3 worker\(s\)$")
        leaving.stop()
        terminal.wait_until_gone(r"Worker\|leaves\|")
        terminal.wait_for(r"with 2 worker\(s\) *$")
    terminal.type("q")
    terminal.wait_for("^ended with 0")


@pytest.mark.usefixtures("tasks_can_be_imported")
@pytest.mark.timeout(300)
def test_workers_that_drain_and_workers_that_die(patient_cluster, terminal, tmp_path):
    cluster, gate = patient_cluster, tmp_path / "gate"
    show(terminal, monitor_address(cluster))
    with (
        Command("scaler_cluster", cluster.get_address(), "-wn", "leaves", "--drain-seconds", "120") as leaving,
        Client(cluster.get_address()) as client,
    ):
        terminal.wait_for(r"with 3 worker\(s\)$")
        wait_until(lambda: [row["ITL"] for row in rows_of(terminal)] == ["101"] * 3, terminal)
        futures = [client.submit(wait_for_file, str(gate)) for _ in range(3)]
        wait_until(lambda: [row["ITL"] for row in rows_of(terminal)] == ["110"] * 3, terminal)
        leaving.process.send_signal(signal.SIGTERM)
        terminal.wait_for(r"^Total 0 worker group\(s\) with 3 worker\(s\), 1 draining$")
        terminal.wait_for(r"Worker\|leaves\|")
        gate.touch()
        for future in futures:
            future.result()
        assert leaving.wait(30) == 0, leaving.output
        terminal.wait_for(r"^Total 0 worker group\(s\) with 2 worker\(s\) *$")
        terminal.wait_for(r" failedWorkerDied +0 ")
        with Command("scaler_cluster", cluster.get_address(), "-wn", "third", "--no-restart-workers"):
            terminal.wait_for(r"Worker\|third\|")
            with pytest.raises(WorkerDiedError):
                client.submit(kill_its_worker).result(timeout=60)
        terminal.wait_for(r" failedWorkerDied +1 ")
        terminal.wait_for(r" success +3 ")
        terminal.wait_for("^No workers ")
    terminal.type("q")
    terminal.wait_for("^ended with 0")


def nested_waits() -> Callable[[str], None]:
    """Return a task that waits for a task of its own, which waits for a file; workers need not import this module."""

    def wait(path: str) -> None:
        while not Path(path).exists():
            time.sleep(0.01)

    def wait_in_a_task(path: str) -> None:
        with Client() as client:
            client.submit(wait, path).result()

    return wait_in_a_task


def cells_of_the_only_worker(terminal: Terminal) -> dict[str, str]:
    """Return the cells by column of a worker that is in a group, nothing before it is there."""
    lines = [line.split(" |")[0].replace(") ", ")") for line in terminal.lines() if "Worker|NAT|" in line]
    cells = lines[0].split() if lines else []
    return dict(zip(COLUMNS, cells, strict=True)) if len(cells) == len(COLUMNS) else {}


def test_groups_nested_tasks_and_late_heartbeats(terminal, tmp_path, chosen_port):
    gate = tmp_path / "gate"
    with (
        scaled_cluster(terminal, chosen_port, 1) as adapter,
        Client(f"tcp://127.0.0.1:{chosen_port}") as client,
    ):
        future = client.submit(nested_waits(), str(gate))
        wait_until(lambda: cells_of_the_only_worker(terminal).get("suspended") == "1", terminal)
        terminal.wait_for(r"^Total 1 worker group\(s\) with 1 worker\(s\) *$")
        row = cells_of_the_only_worker(terminal)
        assert re.fullmatch(r"native-[0-9a-f]{2}\+", row["group"])
        assert (row["free"], row["sent"], row["queued"]) == ("998", "2", "0")
        (agent,) = psutil.Process(adapter.process.pid).children()
        agent.suspend()
        terminal.wait_for(r"Worker\|NAT\|.* \(\d+s\) [\d.]+(us|ms) ")
        agent.resume()
        terminal.wait_until_gone(r"Worker\|NAT\|.* \(\d+s\) ")
        gate.touch()
        future.result()
        wait_until(lambda: cells_of_the_only_worker(terminal).get("suspended") == "0", terminal)
        terminal.wait_for(r" success +2 ")


@pytest.mark.parametrize("how", ["C-c", "SIGTERM"])
def test_it_ends_with_0_when_told(how, cluster, terminal):
    show(terminal, monitor_address(cluster))
    if how == "C-c":
        terminal.type("C-c")
    else:
        (top,) = psutil.Process(int(terminal.ask("pane_pid"))).children()
        top.send_signal(signal.SIGTERM)
    terminal.wait_for("^ended with 0")
    assert "Traceback" not in "\n".join(terminal.lines())
    assert terminal.ask("alternate_on") == "0"


def test_a_scheduler_that_ends_is_one_line_and_code_1(cluster, terminal):
    address = monitor_address(cluster)
    show(terminal, address, timeout=8)
    cluster.shutdown()
    terminal.wait_for(r"connection lost, no message for \d s of 8 s")
    terminal.wait_for("^ended with 1")
    assert f"scaler_top: error: Cannot connect to {address} in 8 seconds" in terminal.lines()
    assert "Traceback" not in "\n".join(terminal.lines())


def test_without_a_terminal_there_is_one_line_and_code_1(leftovers):
    done = subprocess.run([*PROGRAM, "tcp://127.0.0.1:1"], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "scaler_top: error: standard input and output must be a terminal\n"


def test_an_unknown_terminal_is_one_line_and_code_1(terminal):
    terminal.run(f"TERM=no-such {shlex.join(PROGRAM)} tcp://127.0.0.1:1; echo ended with $?")
    terminal.wait_for("^ended with 1")
    terminal.wait_for("^scaler_top: error: cannot use the terminal 'no-such': ")
    assert "Traceback" not in "\n".join(terminal.lines())
