"""Every example runs as it is, from any folder, and says what it promises."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import written_by_program
from documents import ROOT
from terminal import Terminal

EXAMPLES = ROOT / "examples"
# Arguments that keep it short, and lines that it writes, in this order, among others.
EXPECTED: dict[str, tuple[list[str], list[str]]] = {
    "adapter_webhook.py": (
        [],
        [
            "at most 2 groups of 1 worker",
            "without the token: 401 .+",
            r"started: Worker\|NAT\|[0-9a-f]{32}\|[0-9a-f]{32}",
            "its first task: 1024",
            "Worker group shutdown",
            "groups now: 0",
        ],
    ),
    "code_metrics.py": (
        ["--files", "60", "--workers", "2"],
        [
            "measuring 60 files of Python .*",
            "complexity +function +place",
            *[r" *\d+ .*:\d+"] * 10,
            "files +60 .*",
            r"tasks/s +[\d,]+",
            r"speed-up +\d+\.\d\d  over one worker",
        ],
    ),
    "disconnect_client.py": (
        [],
        [r"after the end of the session: \[True, True, True, True\]", "another client gets 3"],
    ),
    "graphtask_client.py": ([], [r"values: {'area': 12, 'difference': 6\.0}", r"the future of 'half' gives 6\.0"]),
    "graphtask_nested_client.py": ([], ["the eighth Fibonacci number is 21"]),
    "map_client.py": ([], [r"10000 distances in .* s, the largest is 140\.01"]),
    "nested_client.py": ([], ["the eighth Fibonacci number is 21", "digits: 7"]),
    "option_pricing.py": (["8"], [r"total +8 +[\d,]+", r"\d+ million steps in .*"]),
    "prometheus_metrics.py": (
        [],
        [
            "health: ok",
            "tasks that have ended well: 200",
            "workers: 2",
            "clients: 1",
            "waiting_tasks: 0",
            "placed_tasks: 0",
            r"memory of the scheduler: [1-9]\d+ MiB",
        ],
    ),
    "scaling_cluster.py": (
        [],
        [
            "workers before the first task: 0",
            "workers under load: 3",
            "all tasks have ended",
            "workers when there is nothing to do: 0",
            "the stack has ended with status 0",
        ],
    ),
    "send_object_client.py": ([], ["stored 16,.* bytes as table", r"means: ([+-]\d\.\d{4} ?){20}"]),
    "simple_client.py": (
        [],
        [
            "4 squared is 16",
            "3 to the 100th modulo 7 is 4",
            r"the task failed with TypeError\(.*\)",
            "cancelled: True",
        ],
    ),
    "task_capabilities.py": (
        [],
        [
            "a task without needs ran",
            "the task that needs two GPUs waits: no worker has any",
            "a task that needs two GPUs ran",
        ],
    ),
    "watch_cluster.py": (
        ["1"],
        [
            r"scaler_ui: open http://127\.0\.0\.1:\d+ in a browser; it answers with status 200",
            r"scaler_top: run 'scaler_top tcp://127\.0\.0\.1:\d+' in a terminal, for the next 1 seconds",
            "scaler_ui has ended with status 0",
        ],
    ),
    "applications/historical_price.py": (
        [],
        [r"ALFA put +100\.00 2024-03-25  close +96\.78  payoff +3\.22 .*", r".*: KeyError\('2024-01-06'\)"],
    ),
    "applications/implied_volatility.py": (
        ["4000"],
        [r"4,000 quotes in 4 tasks, volatilities from 10\.\d% to \d\d\.\d%", r"the largest error is \de-(09|1\d)"],
    ),
    "applications/pillow.py": ([], ["dusk.jpg: 180 x 240 to 48 x 64", "3 thumbnails"]),
    "applications/timeseries.py": (
        [],
        ["1460 days, 27 choices of weights, 324 tasks", r"best: .* = \(0\.05, 0\.05, 0\.2\), mean error 1\.\d%"],
    ),
}


def test_every_example_is_run() -> None:
    assert {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.py")} == set(EXPECTED)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("example", EXPECTED)
def test_examples_write_what_they_promise(example: str, tmp_path: Path, leftovers: Any) -> None:
    arguments, promised = EXPECTED[example]
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / example), *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout
    lines = iter(written_by_program(done.stdout))
    missing = [line for line in promised if not any(re.fullmatch(line, written) for written in lines)]
    assert missing == [], done.stdout
    leftovers.wait_until_none(1.0)


@pytest.mark.timeout(150)  # the machine may be busy with others
def test_viewers_are_shown_in_a_terminal(tmp_path: Path, leftovers: Any) -> None:
    with Terminal(tmp_path, cells=150, rows=40) as terminal:
        terminal.run(shlex.join([sys.executable, str(EXAMPLES / "watch_cluster.py"), "100"]))
        terminal.wait_for(r"^.*\bgroup +worker\b")
        terminal.type("q")
        terminal.wait_for("scaler_top has ended with status 0")
        terminal.wait_for("scaler_ui has ended with status 0")


@pytest.mark.parametrize("example", EXPECTED)
def test_examples_say_how_to_start_them(example: str) -> None:
    assert f"python examples/{example}" in (EXAMPLES / example).read_text().split('"""')[1]
