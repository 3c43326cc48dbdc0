"""Graphs, tasks of tasks and capabilities, as the first README of the project shows them: commands, then programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from commands import Command, run_script, written_by_program

GRAPH = """
from scaler import Client


def inc(i):
    return i + 1


def add(a, b):
    return a + b


def minus(a, b):
    return a - b


graph = {
    "a": 2,
    "b": 2,

    # the input to task c is the output of task a
    "c": (inc, "a"),  # c = a + 1 = 2 + 1 = 3
    "d": (add, "a", "b"),  # d = a + b = 2 + 2 = 4
    "e": (minus, "d", "c")  # e = d - c = 4 - 3 = 1
}

with Client(address="tcp://127.0.0.1:2345") as client:
    result = client.get(graph, keys=["e"])
    print(result)  # {"e": 1}
"""

NESTED = """
from scaler import Client


def fibonacci(client: Client, n: int):
    if n == 0:
        return 0
    elif n == 1:
        return 1
    else:
        a = client.submit(fibonacci, client, n - 1)
        b = client.submit(fibonacci, client, n - 2)
        return a.result() + b.result()


with Client(address="tcp://127.0.0.1:2345") as client:
    future = client.submit(fibonacci, client, 8)
    print(future.result())  # 21
"""

CAPABILITIES = """
from scaler import Client

with Client(address="tcp://127.0.0.1:2345") as client:
    future = client.submit_verbose(round, args=(3.15,), kwargs={}, capabilities={"gpu": -1})
    print(future.result())  # 3
"""


@pytest.fixture
def port(chosen_port: int, leftovers: Any) -> Iterator[int]:
    """A scheduler with the capability policy, and four workers that offer what the example asks for."""
    address = f"tcp://127.0.0.1:{chosen_port}"
    with (
        Command("scaler_scheduler", "--allocate-policy", "capability", address) as scheduler,
        Command("scaler_cluster", "-n", "4", "--per-worker-capabilities", "gpu,linux", address) as cluster,
    ):
        yield chosen_port
        for command in (cluster, scheduler):
            assert command.stop() == 0, command.output
            assert "Traceback" not in command.output
        leftovers.wait_until_none(1.0)


@pytest.mark.parametrize(
    ("program", "expected"),
    [(GRAPH, "{'e': 1}"), (NESTED, "21"), (CAPABILITIES, "3")],
    ids=["graph", "nested", "capabilities"],
)
def test_examples_run_as_written(program: str, expected: str, tmp_path: Any, port: int) -> None:
    assert written_by_program(run_script(program.replace("2345", str(port)), tmp_path)) == [expected]
