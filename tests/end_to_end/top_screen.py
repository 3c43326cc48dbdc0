"""``scaler_top`` in a terminal: how it is started, and what its table of workers shows."""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from commands import MODULES, Command
from terminal import DEADLINE_SECONDS, Terminal

from scaler import SchedulerClusterCombo

PROGRAM = [sys.executable, "-m", MODULES["scaler_top"]]
FIGURES = ["agt_cpu", "agt_rss", "cpu", "rss", "os_rss_free", "free", "sent", "queued", "suspended", "lag", "ITL"]
COLUMNS = ["group", "worker", *FIGURES]


def monitor_address(cluster: SchedulerClusterCombo) -> str:
    return cluster._scheduler.monitor_address.to_address()


def show(terminal: Terminal, address: str, timeout: int = 60) -> None:
    """Start the command in the shell, which tells afterwards how it ended."""
    terminal.run(f"{shlex.join([*PROGRAM, address, '--timeout', str(timeout)])}; echo ended with $?")
    terminal.wait_for(r"Shortcuts: quit\[q\]")


def rows_of(terminal: Terminal) -> list[dict[str, str]]:
    """Return the cells of each worker by column; nobody is in a group here. A row that is half drawn is left out."""
    lines = [line.split(" |")[0] for line in terminal.lines() if "Worker|" in line]
    cells = [re.sub(r"\) ", ")", line).split() for line in lines]
    names = COLUMNS[1:]
    return [dict(zip(names, row, strict=True)) for row in cells if len(row) >= len(names)]


def wait_until(condition: Callable[[], bool], terminal: Terminal) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "\n".join(terminal.lines())
        time.sleep(0.05)


@contextmanager
def scaled_cluster(terminal: Terminal, port: int, most_workers: int) -> Iterator[Command]:
    """Start an adapter, a scheduler at that port that it starts workers for, and the command; yield the adapter."""
    address = f"tcp://127.0.0.1:{port}"
    place = ("--host", "127.0.0.1", "--port", "0", "--heartbeat-interval", "0.5")
    with Command("scaler_worker_adapter_native", address, *place, "--max-workers", str(most_workers)) as adapter:
        adapter.wait_for("listen to http://")
        url = next(line for line in adapter.output.splitlines() if "listen to" in line).rsplit(" ", 1)[1]
        with Command("scaler_scheduler", address, "--adapter-webhook-url", url) as scheduler:
            scheduler.wait_for("Scheduler: listen to scheduler monitor address")
            show(terminal, f"tcp://127.0.0.1:{port + 2}")
            terminal.wait_for("^No workers ")
            yield adapter
            terminal.type("q")
            terminal.wait_for("^ended with 0")
            assert (scheduler.stop(), adapter.stop()) == (0, 0)
