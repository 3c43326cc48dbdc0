"""The Symphony adapter as a whole, with a stand-in for Symphony: it runs tasks, nests, cancels and reports failures."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scaler import Client, SchedulerClusterCombo

sys.path.append(str(Path(__file__).parents[1] / "end_to_end"))
from commands import Command

SOAM = Path(__file__).with_name("soam")


@pytest.fixture(autouse=True)
def soamapi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes of the adapter find the stand-in."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(SOAM), os.environ.get("PYTHONPATH")])))


def asking(adapter: Command) -> Callable[..., dict[str, Any]]:
    """Return how to ask an adapter, once it listens."""
    adapter.wait_for("listen to http://")
    url = next(line for line in adapter.output.splitlines() if "listen to" in line).rsplit(" ", 1)[1]

    def ask(action: str, **fields: str) -> dict[str, Any]:
        body = json.dumps({"action": action, **fields}).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=20) as response:
            answer: dict[str, Any] = json.load(response)
            return answer

    return ask


@contextmanager
def symphony(*arguments: str, **settings: Any) -> Iterator[tuple[Client, Command, Callable[..., dict[str, Any]]]]:
    """Run a scheduler, and an adapter whose group is started; give a client, the adapter, and how to ask it."""
    with SchedulerClusterCombo(n_workers=0, logging_level="ERROR", **settings) as combo:
        address = combo.get_address()
        command = ["--service-name", "Service", "--host", "127.0.0.1", *arguments]
        with Command("scaler_worker_adapter_symphony", address, *command) as adapter:
            ask = asking(adapter)
            ask("start_worker_group")
            with Client(address=address) as client:
                yield client, adapter, ask
            if adapter.process.poll() is None:
                assert adapter.stop() == 0


def add(first: int, second: int = 0, *, third: int = 0) -> int:
    return first + second + third


def local(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that travels by value: the service cannot import this file."""
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    return function


def test_tasks_run_in_symphony(leftovers: Any) -> None:
    with symphony("--base-concurrency", "2") as (client, _, ask):
        group = ask("get_worker_adapter_info")
        assert (group["max_worker_groups"], group["workers_per_group"]) == (1, 2)
        [workers] = group["worker_groups"].values()
        assert len(workers) == 2 and all(worker.startswith("Worker|SYM|") for worker in workers)
        futures = [client.submit(local(add), number, second=1) for number in range(4)]
        assert [future.result(timeout=30) for future in futures] == [1, 2, 3, 4]
        assert client.submit(local(add), 1, third=5).result(timeout=30) == 6
        large = np.arange(100_000)
        assert client.submit(np.negative, large).result(timeout=30)[99_999] == -99_999
        graph = {"a": 1, "b": (local(add), "a", "a"), "c": (local(add), "b", "a")}
        assert client.get(graph, ["c"])["c"] == 3


def test_failures_arrive_with_their_cause(leftovers: Any) -> None:
    with symphony("--base-concurrency", "1") as (client, _, _ask):
        with pytest.raises(ZeroDivisionError):
            client.submit(divmod, 1, 0).result(timeout=30)
        with pytest.raises(Exception, match="the service instance exited with code 3"):
            client.submit(os._exit, 3).result(timeout=30)
        assert client.submit(pow, 2, 3).result(timeout=30) == 8


def nested(depth: int) -> int:
    """Submit a task in a task: the client finds its scheduler also in Symphony."""
    if depth == 0:
        return 1
    with Client() as inner:
        return 1 + int(inner.submit(nested, depth - 1).result())


def test_nested_tasks_need_no_free_slot(leftovers: Any) -> None:
    with symphony("--base-concurrency", "1") as (client, _, _ask):
        assert client.submit(local(nested), 2).result(timeout=50) == 3


def mark_and_sleep(mark: str, seconds: float) -> str:
    Path(mark).touch()
    time.sleep(seconds)
    return mark


def test_a_task_is_cancelled_whether_it_waits_or_runs(leftovers: Any, tmp_path: Path) -> None:
    with symphony("--base-concurrency", "1") as (client, _, _ask):
        running = client.submit(local(mark_and_sleep), str(tmp_path / "running"), 3.0)
        waiting = client.submit(local(mark_and_sleep), str(tmp_path / "waiting"), 0.0)
        deadline = time.monotonic() + 20
        while not (tmp_path / "running").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert waiting.cancel()
        assert running.cancel()
        assert client.submit(pow, 2, 4).result(timeout=30) == 16
        assert not (tmp_path / "waiting").exists()


def test_a_second_group_is_refused_until_the_first_has_gone(leftovers: Any) -> None:
    with symphony("--base-concurrency", "1") as (client, adapter, ask):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask("start_worker_group")
        with refused.value as answer:
            assert (answer.code, json.load(answer)) == (429, {"error": "Symphony worker already started"})
        [group_id] = ask("get_worker_adapter_info")["worker_groups"]
        assert ask("shutdown_worker_group", worker_group_id=group_id)["status"] == "Worker group shutdown"
        adapter.wait_for("ended: ")
        ask("start_worker_group")
        assert client.submit(pow, 2, 4).result(timeout=30) == 16


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_adapter_stops_in_the_midst_of_a_task(leftovers: Any, tmp_path: Path, number: signal.Signals) -> None:
    with symphony("--base-concurrency", "1") as (client, adapter, _ask):
        client.submit(local(mark_and_sleep), str(tmp_path / "running"), 2.0)
        deadline = time.monotonic() + 20
        while not (tmp_path / "running").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        began = time.monotonic()
        assert adapter.stop(number) == 0
        assert time.monotonic() - began < 10


def test_a_service_that_does_not_exist_ends_the_worker_with_a_reason(leftovers: Any) -> None:
    with Command(
        "scaler_worker_adapter_symphony", "tcp://127.0.0.1:1", "-sn", "Nowhere", "--host", "127.0.0.1"
    ) as adapter:
        adapter.wait_for("listen to http://")
        url = next(line for line in adapter.output.splitlines() if "listen to" in line).rsplit(" ", 1)[1]
        urllib.request.urlopen(
            urllib.request.Request(url, data=b'{"action": "start_worker_group"}'), timeout=20
        ).close()
        adapter.wait_for("cannot open a session of the service Nowhere: SoamException: no service Nowhere\n")
        adapter.wait_for("ended: exit code 1")
        assert adapter.stop() == 0
        assert "Traceback" not in adapter.output


def test_without_the_library_the_command_says_so(leftovers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = os.environ["PYTHONPATH"].split(os.pathsep)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in paths if path != str(SOAM)))
    with Command("scaler_worker_adapter_symphony", "tcp://127.0.0.1:1", "-sn", "Service") as adapter:
        assert adapter.wait(20) == 1
        text = "scaler_worker_adapter_symphony: error: soamapi is not installed: it comes with IBM Spectrum Symphony"
        assert text in adapter.output


def test_its_slots_say_once_that_no_scheduler_answers_and_go_on_when_one_does(chosen_port: int, leftovers: Any) -> None:
    address = f"tcp://127.0.0.1:{chosen_port}"
    line = (address, "--service-name", "Service", "--host", "127.0.0.1", "--base-concurrency", "3")
    with Command("scaler_worker_adapter_symphony", *line) as adapter:
        asking(adapter)("start_worker_group")
        adapter.wait_for(f"no scheduler answers at {address}, trying on: is the address right, does it run")
        with Command("scaler_scheduler", address) as scheduler:
            scheduler.wait_for(" connected", count=3)
            assert adapter.stop() == 0, adapter.output
            assert scheduler.stop() == 0, scheduler.output
        assert adapter.output.count("no scheduler answers") == 1
    leftovers.wait_until_none(1.0)
