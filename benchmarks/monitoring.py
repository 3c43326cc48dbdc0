"""Shows what it costs a cluster of many workers to be watched: how much later results come, and who uses how much.

    python benchmarks/monitoring.py [--workers 1000] [--rate 1000] [--rounds 3] [--seconds 15] [--tab "Live"]

The workers are simulated: one process speaks for all of them and answers each task at once. A load of so many tasks a
second runs all the time. Rounds without and with a web UI that somebody looks at take turns. In each, single tasks are
submitted and waited for; ``result`` is from the submit to the result, ``submit`` the call of it alone. Who looks gets
all that a browser gets, and draws nothing; a browser would take the processors from what is measured.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from comparison.process_tree import Usage
from comparison.spread import Spread

from scaler import Client, SchedulerClusterCombo

_START_SECONDS = 120.0
_SETTLE_SECONDS = 3.0
_PAUSE_SECONDS = 0.005
_DESCRIPTORS_OF_A_WORKER = 4


@dataclasses.dataclass(frozen=True)
class Round:
    """What one round has shown: microseconds, percent of a core, and bytes a second that the page got."""

    submit_us: list[float]
    result_us: list[float]
    scheduler_percent: float
    ui_percent: float = 0.0
    page_bytes: float = 0.0
    page_messages: float = 0.0
    page_closed: int = 0


class Helper:
    """A program that says ``ready`` in its first line, and ends with its standard input; a context manager."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            self._process.wait(_START_SECONDS)
            raise RuntimeError(f"{arguments[0]} did not start, code {self._process.returncode}")

    def end(self) -> str:
        """Let it end, and return what it says then."""
        return self._process.communicate(timeout=_START_SECONDS)[0]

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@contextlib.contextmanager
def web_ui(monitor_address: str) -> Iterator[tuple[int, str]]:
    """Run the web UI, and give its process id and its URL."""
    command = [sys.executable, "-m", "scaler.entry_points.webui", monitor_address, "--web-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = next(found[1] for line in process.stdout if (found := re.search(r"web UI: (http://\S+)", line)))
        yield process.pid, url
    finally:
        process.terminate()
        process.communicate(timeout=_START_SECONDS)


def measure(client: Client, seconds: float, scheduler: int, ui: int | None = None) -> Round:
    """Submit single tasks for so long, each when the one before has ended."""
    submits, results = [], []
    before = [Usage.of_tree(pid) for pid in (scheduler, ui or scheduler)]
    begin = time.perf_counter()
    while (start := time.perf_counter()) < begin + seconds:
        future = client.submit(abs, -1)
        submitted = time.perf_counter()
        future.result()
        results.append((time.perf_counter() - start) * 1e6)
        submits.append((submitted - start) * 1e6)
        time.sleep(_PAUSE_SECONDS)
    lasted = time.perf_counter() - begin
    used = [
        (Usage.of_tree(pid) - then).cpu_seconds / lasted * 100
        for pid, then in zip((scheduler, ui or scheduler), before, strict=True)
    ]
    return Round(submits, results, used[0], used[1] if ui is not None else 0.0)


def watched(client: Client, options: argparse.Namespace, scheduler: int, monitor_address: str) -> Round:
    """Do the same while somebody looks at the web UI."""
    with web_ui(monitor_address) as (ui, url), Helper("monitored.viewer", url, options.tab) as viewer:
        time.sleep(_SETTLE_SECONDS)
        began = time.monotonic()
        measured = measure(client, options.seconds, scheduler, ui)
        seen = json.loads(viewer.end())
        lasted = time.monotonic() - began + _SETTLE_SECONDS
    return dataclasses.replace(
        measured,
        page_bytes=seen["bytes"] / lasted,
        page_messages=seen["messages"] / lasted,
        page_closed=seen["closed"],
    )


def percentile(values: Sequence[float], percent: int) -> float:
    """Return one of the hundred parts of some values."""
    return statistics.quantiles(values, n=100)[percent - 1]


def row(name: str, without: Sequence[float], with_ui: Sequence[float], digits: int = 0) -> str:
    """Return a row of the table; the ratio is that of rounds that belong together."""
    ratio = Spread.of_ratios(with_ui, without)
    medians = [f"{statistics.median(values):.{digits}f}" for values in (without, with_ui)]
    shown = "" if ratio is None else f"{ratio.median:.2f} ({ratio.minimum:.2f}..{ratio.maximum:.2f})"
    return f"| {name} | {medians[0]} | {medians[1]} | {shown} |"


def table(pairs: Sequence[tuple[Round, Round]]) -> str:
    """Return the table of all rounds."""
    lines = ["| | without UI | with UI | ratio |", "|---|---|---|---|"]
    for name, percent in (("p50", 50), ("p90", 90), ("p99", 99)):
        for what in ("result_us", "submit_us"):
            figures = [[percentile(getattr(one, what), percent) for one in pair] for pair in pairs]
            lines.append(row(f"{what.partition('_')[0]}: {name}, µs", *zip(*figures, strict=True)))
    lines.append(
        row("scheduler: % of a core", *zip(*[[one.scheduler_percent for one in pair] for pair in pairs], strict=True))
    )
    for name, what in (
        ("web UI: % of a core", "ui_percent"),
        ("page: KB/s", "page_bytes"),
        ("page: messages/s", "page_messages"),
        ("page: times the UI has closed its connection", "page_closed"),
    ):
        scale = 1000 if what == "page_bytes" else 1
        lines.append(f"| {name} | | {statistics.median(getattr(pair[1], what) for pair in pairs) / scale:.1f} | |")
    return "\n".join(lines)


def run(options: argparse.Namespace) -> None:
    """Start everything, measure the rounds and print the table."""
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(SchedulerClusterCombo(0, logging_level="WARNING"))
        address, monitor_address = cluster.get_address(), str(cluster._scheduler.monitor_address)
        assert cluster._scheduler.pid is not None
        stack.enter_context(Helper("monitored.workers", address, str(options.workers)))
        load = stack.enter_context(Helper("monitored.load", address, str(options.rate)))
        client = stack.enter_context(Client(address))
        pairs = []
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr, flush=True)
            alone = measure(client, options.seconds, cluster._scheduler.pid)
            pairs.append((alone, watched(client, options, cluster._scheduler.pid, monitor_address)))
        print(f"{options.workers} workers, {load.end().strip()} tasks a second besides, tab {options.tab}\n")
    print(table(pairs))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--workers", type=int, default=1000, help="simulated workers (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=1000, help="tasks a second besides (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each kind (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=15, help="of a round (default: %(default)s)")
    parser.add_argument("--tab", default="Live", help="of the page, by its title (default: %(default)s)")
    options = parser.parse_args()
    paths = [str(Path(__file__).resolve().parent), *sys.path[1:]]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = options.workers * _DESCRIPTORS_OF_A_WORKER + 1000
    if most != resource.RLIM_INFINITY and most < needed:
        parser.error(f"--workers {options.workers} needs {needed} open files, and the limit is {most}: see ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    run(options)


if __name__ == "__main__":
    main()
