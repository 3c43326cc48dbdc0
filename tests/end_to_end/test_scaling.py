"""A cluster that begins without a worker: it grows under load and shrinks again, whatever its worker adapter does."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands import Command

from scaler import Client
from scaler.scheduler.controllers.scaling_controller import PATIENCE_SECONDS


def make_task() -> Callable[[str, int, float], int]:
    """Return a task that leaves a mark for each attempt. It is local, so that workers need not import this file."""

    def mark_and_sleep(marks: str, number: int, seconds: float) -> int:
        with open(marks, "a", encoding="ascii") as file:
            file.write(f"{number}\n")
        time.sleep(seconds)
        return number

    return mark_and_sleep


mark_and_sleep = make_task()


@contextmanager
def native_adapter(port: int, *arguments: str) -> Iterator[tuple[Command, str]]:
    """Run an adapter for the scheduler at the port, at a free port; it is given with its URL."""
    with Command(
        "scaler_worker_adapter_native", f"tcp://127.0.0.1:{port}", "--host", "127.0.0.1", "--port", "0", *arguments
    ) as adapter:
        adapter.wait_for("listen to http://")
        [line] = [line for line in adapter.output.splitlines() if "listen to http://" in line]
        yield adapter, line.rsplit(" ", 1)[1]


def ask(url: str, action: str, **fields: str) -> dict[str, Any]:
    body = json.dumps({"action": action, **fields}).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=20) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 40.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def make_waiting_task() -> Callable[[str, str], None]:
    """Return a task that leaves a mark for each attempt and waits for a file."""

    def mark_and_wait(marks: str, release: str) -> None:
        with open(marks, "a", encoding="ascii") as file:
            file.write("started\n")
        while not os.path.exists(release):
            time.sleep(0.02)

    return mark_and_wait


@pytest.mark.timeout(120)
def test_an_adapter_that_is_told_to_end_lets_its_workers_drain(
    leftovers: Any, chosen_port: int, tmp_path: Path
) -> None:
    marks, release = tmp_path / "marks", tmp_path / "release"
    with (
        native_adapter(chosen_port, "--max-workers", "1", "--drain-seconds", "100") as (adapter, url),
        Command("scaler_scheduler", f"tcp://127.0.0.1:{chosen_port}", "--adapter-webhook-url", url) as scheduler,
    ):
        scheduler.wait_for("Scheduler: listen to scheduler address")
        with Client(address=f"tcp://127.0.0.1:{chosen_port}") as client:
            future = client.submit(make_waiting_task(), str(marks), str(release))
            wait_until(marks.exists, "it does not start")
            adapter.process.send_signal(signal.SIGTERM)
            adapter.wait_for(" drains: received SIGTERM")
            assert adapter.process.poll() is None
            release.touch()
            future.result(timeout=30)
            assert adapter.wait(30) == 0, adapter.output
            assert marks.read_text() == "started\n"
        assert scheduler.stop() == 0, scheduler.output
    leftovers.wait_until_none(1.0)


@pytest.mark.timeout(120)
def test_a_stack_waits_for_the_workers_of_its_adapter_that_drain(
    leftovers: Any, chosen_port: int, tmp_path: Path
) -> None:
    marks, release, stack = tmp_path / "marks", tmp_path / "release", tmp_path / "stack.toml"
    web_port = chosen_port + 3
    stack.write_text(
        f'[scheduler]\nscheduler_address = "tcp://127.0.0.1:{chosen_port}"\n'
        f'adapter_webhook_urls = ["http://127.0.0.1:{web_port}"]\n'
        f'[native_worker_adapter]\nhost = "127.0.0.1"\nport = {web_port}\nmax_workers = 1\ndrain_seconds = 100\n'
    )
    with Command("scaler", str(stack)) as command:
        command.wait_for("listen to http://")
        with Client(address=f"tcp://127.0.0.1:{chosen_port}") as client:
            future = client.submit(make_waiting_task(), str(marks), str(release))
            wait_until(marks.exists, "it does not start")
            command.process.send_signal(signal.SIGTERM)
            command.wait_for(" drains: received SIGTERM")
            release.touch()
            future.result(timeout=30)
        assert command.wait(30) == 0, command.output
        assert marks.read_text() == "started\n"
    leftovers.wait_until_none(1.0)


@pytest.mark.timeout(120)
def test_it_grows_under_load_and_shrinks_back_without_losing_or_repeating_a_task(
    leftovers: Any, chosen_port: int, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    with (
        native_adapter(chosen_port, "--max-workers", "3") as (adapter, url),
        Command("scaler_scheduler", f"tcp://127.0.0.1:{chosen_port}", "--adapter-webhook-url", url) as scheduler,
    ):
        scheduler.wait_for("Scheduler: listen to scheduler address")
        with Client(address=f"tcp://127.0.0.1:{chosen_port}") as client:
            futures = [client.submit(mark_and_sleep, str(marks), number, 0.05) for number in range(300)]
            assert [future.result(timeout=60) for future in futures] == list(range(300))
            assert adapter.output.count("started: Worker|NAT|") == 3
            # One long task is left: the workers without it go, the one that runs it stays.
            last = client.submit(mark_and_sleep, str(marks), 300, PATIENCE_SECONDS + 4.0)
            adapter.wait_for("ended: exit code 0", count=2, seconds=40)
            assert last.result(timeout=40) == 300
            adapter.wait_for("ended: exit code 0", count=3, seconds=40)
            assert ask(url, "get_worker_adapter_info")["worker_groups"] == {}
            assert Counter(marks.read_text().split()) == Counter(str(number) for number in range(301))
            # And it grows again.
            assert client.submit(mark_and_sleep, str(marks), 301, 0.0).result(timeout=40) == 301
        assert (adapter.stop(signal.SIGINT), scheduler.stop()) == (0, 0)
        assert "Traceback" not in adapter.output + scheduler.output
    leftovers.wait_until_none(1.0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_adapter_stops_its_workers_when_it_stops(leftovers: Any, chosen_port: int, number: signal.Signals) -> None:
    with native_adapter(chosen_port, "--max-workers", "2") as (adapter, url):
        first = ask(url, "start_worker_group")
        ask(url, "start_worker_group")
        assert first["worker_ids"][0].startswith("Worker|NAT|")
        assert first["worker_group_id"].startswith("native-")
        began = time.monotonic()
        assert adapter.stop(number) == 0
        assert time.monotonic() - began < 10
        assert "Traceback" not in adapter.output
        leftovers.wait_until_none(1.0)


def test_a_worker_that_was_killed_is_not_counted(leftovers: Any, chosen_port: int) -> None:
    with native_adapter(chosen_port, "--max-workers", "1") as (adapter, url):
        group = ask(url, "start_worker_group")

        def agents() -> list[int]:
            return [pid for pid in leftovers.processes() if agent_of(pid) == adapter.process.pid]

        wait_until(lambda: len(agents()) == 1, "its process has no environment yet")
        [agent] = agents()
        os.kill(agent, signal.SIGKILL)
        adapter.wait_for("killed by SIGKILL")
        assert ask(url, "get_worker_adapter_info")["worker_groups"] == {}
        assert ask(url, "start_worker_group")["worker_group_id"] != group["worker_group_id"]
        assert adapter.stop() == 0


def agent_of(pid: int) -> int:
    """Return the parent of a process."""
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


class _Faulty(http.server.BaseHTTPRequestHandler):
    """An adapter that answers with what the server says, or not at all."""

    def do_POST(self) -> None:
        fault: str = self.server.fault  # type: ignore[attr-defined]
        self.server.requests += 1  # type: ignore[attr-defined]
        if fault == "slow":
            self.server.released.wait(60)  # type: ignore[attr-defined]
            return
        self.send_response(500 if fault == "500" else 200)
        self.end_headers()
        self.wfile.write(b"{" if fault == "bad JSON" else b'{"worker_group_id": 5, "max_worker_groups": []}')

    def log_message(self, *arguments: Any) -> None:
        pass


@contextmanager
def faulty_adapter(fault: str) -> Iterator[Any]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Faulty)
    server.fault, server.requests, server.released = fault, 0, threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("fault", ["slow", "bad JSON", "wrong fields", "500"])
def test_a_faulty_adapter_never_disturbs_the_scheduler(leftovers: Any, chosen_port: int, fault: str) -> None:
    address = f"tcp://127.0.0.1:{chosen_port}"
    with faulty_adapter(fault) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        with Command("scaler_scheduler", address, "-scs", "VANILLA", "-awu", url) as scheduler:
            scheduler.wait_for("Scheduler: listen to scheduler address")
            with Client(address=address) as client:
                future = client.submit(pow, 2, 10)
                wait_until(lambda: server.requests > 0, "the adapter was never asked")
                with Command("scaler_cluster", "-n", "1", address) as cluster:
                    assert future.result(timeout=30) == 1024
                    assert client.submit(pow, 2, 5).result(timeout=10) == 32
                    assert cluster.stop() == 0
            assert scheduler.process.poll() is None
            assert scheduler.stop() == 0
            assert "Traceback" not in scheduler.output
    leftovers.wait_until_none(1.0)


@pytest.mark.timeout(120)
def test_the_death_of_an_adapter_and_its_return(
    leftovers: Any, chosen_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCALER_ADAPTER_TOKEN", "secret")  # of the adapters and of the scheduler
    address, marks = f"tcp://127.0.0.1:{chosen_port}", tmp_path / "marks"
    with (
        native_adapter(chosen_port) as (adapter, url),
        Command("scaler_scheduler", address, "-awu", url) as scheduler,
    ):
        scheduler.wait_for("Scheduler: listen to scheduler address")
        with Client(address=address) as client:
            assert client.submit(pow, 2, 3).result(timeout=30) == 8
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(url, "start_worker_group")
            with refused.value as answer:
                assert answer.code == 401
            running = client.submit(mark_and_sleep, str(marks), 1, 3.0)
            wait_until(marks.exists, "the task never started")
            adapter.process.kill()  # and its workers with it
            adapter.wait()
            port = url.rsplit(":", 1)[1]
            with Command("scaler_worker_adapter_native", address, "--host", "127.0.0.1", "--port", port) as successor:
                successor.wait_for("listen to http://")
                assert running.result(timeout=60) == 1
                assert successor.stop() == 0
        assert scheduler.stop() == 0
        assert "Traceback" not in scheduler.output
    leftovers.wait_until_none(1.0)


@pytest.mark.timeout(150)
def test_the_death_of_a_scheduler_and_its_return(leftovers: Any, chosen_port: int, tmp_path: Path) -> None:
    address, marks = f"tcp://127.0.0.1:{chosen_port}", tmp_path / "marks"

    def run_tasks(client: Client) -> dict[str, list[str]]:
        """Run tasks that two workers are busy with, and return the groups that there are meanwhile."""
        futures = [client.submit(mark_and_sleep, str(marks), number, 0.05) for number in range(60)]
        assert futures[0].result(timeout=60) == 0
        wait_until(lambda: len(groups()) == 2, "the cluster never grew")
        meanwhile = groups()
        assert [future.result(timeout=60) for future in futures] == list(range(60))
        return meanwhile

    def groups() -> dict[str, list[str]]:
        found: dict[str, list[str]] = ask(url, "get_worker_adapter_info")["worker_groups"]
        return found

    with native_adapter(chosen_port, "--max-workers", "2") as (adapter, url):
        with Command("scaler_scheduler", address, "-awu", url) as scheduler:
            scheduler.wait_for("Scheduler: listen to scheduler monitor address")
            with Client(address=address) as client:
                before = run_tasks(client)
            scheduler.process.kill()
            scheduler.wait()
        with Command("scaler_scheduler", address, "-awu", url) as scheduler:
            scheduler.wait_for("Scheduler: listen to scheduler monitor address")
            with Client(address=address) as client:
                assert run_tasks(client) == before  # the same workers, which have come back
            adapter.wait_for("ended: exit code 0", count=2, seconds=60)
            assert groups() == {}
            assert adapter.output.count("started: Worker|NAT|") == 2
            assert (adapter.stop(), scheduler.stop()) == (0, 0)
            assert "Traceback" not in adapter.output + scheduler.output
    leftovers.wait_until_none(1.0)
