"""What it costs to be watched, as far as no clock is needed for it: what a page gets of a large cluster."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from monitored.viewer import Traffic, look_at

from scaler.protocol import message
from tests.end_to_end.commands import Command
from tests.monitor.publisher import Publisher

DEADLINE_SECONDS = 60.0
WORKERS = 1000
TASKS = 1000
ROWS = 25
_COMMAND = Path(__file__).resolve().parents[2] / "benchmarks" / "monitoring.py"


class LargeCluster:
    """A scheduler's monitor stream that tells of many workers, whose figures all change with each report."""

    def __init__(self) -> None:
        self.publisher = Publisher()
        self.reports = 0
        self._subscriber = b""
        self._published = 0

    def wait_for_subscriber(self) -> None:
        self._subscriber = self.publisher.wait_for_subscriber()

    def report(self, **monitor: Any) -> None:
        """Send a report; the snapshot, which the first one is, counts as none that was published."""
        self.reports += 1
        self._send(
            "stateScheduler",
            monitor={"published": self._published, **monitor},
            scheduler={"cpu": self.reports, "rss": 1},
            workerManager={"workers": [self._status(number) for number in range(WORKERS)]},
        )
        self._published += 0 if monitor else 1

    def run_tasks(self) -> None:
        """Tell of tasks that are placed and end."""
        for number in range(TASKS):
            for state in ("running", "success"):
                self._send(
                    "stateTask",
                    taskId=number.to_bytes(16, "big"),
                    functionName=b"square",
                    state=state,
                    worker=self._worker_id(number % WORKERS),
                )
                self._published += 1

    def _send(self, member: str, **fields: Any) -> None:
        self.publisher.socket.send(self._subscriber, message.encode(member, **fields))

    def _status(self, number: int) -> dict[str, Any]:
        load = {"cpu": self.reports, "rss": self.reports * 1_000_000}
        processor = {"pid": number + 1, "initialized": True, "hasTask": True, "suspended": False, "resource": load}
        return {
            "workerId": self._worker_id(number),
            "agent": load,
            "sent": self.reports,
            "itl": "110",
            "processorStatuses": [processor],
        }

    @staticmethod
    def _worker_id(number: int) -> bytes:
        return f"Worker|host{number}|{number:032x}".encode()


def url_of(command: Command) -> str:
    command.wait_for("web UI: http://")
    found = re.search(r"web UI: (http://\S+)", command.output)
    assert found is not None
    return found[1]


async def watch(url: str, tab: str, cluster: LargeCluster, reports: int) -> list[list[dict[str, Any]]]:
    """Look at a tab while something happens in the cluster; return the rows of each update that had some."""
    rows: list[list[dict[str, Any]]] = []
    steps: asyncio.Queue[None] = asyncio.Queue()

    def take(elements: list[dict[str, Any]]) -> None:
        found = [element["props"]["rows"] for element in elements if element.get("props", {}).get("rows")]
        rows.extend(found)
        if found or not elements:
            steps.put_nowait(None)

    async def drive() -> None:
        await steps.get()  # the tab is chosen
        for _ in range(reports):
            cluster.run_tasks()
            cluster.report()
            await steps.get()  # and an update has told of it

    await asyncio.wait_for(look_at(url, tab, asyncio.ensure_future(drive()), take, Traffic()), DEADLINE_SECONDS)
    return rows


@pytest.mark.timeout(150)
def test_a_page_gets_the_rows_that_it_shows_once_a_report_however_large_the_cluster_is(leftovers: Any) -> None:
    cluster = LargeCluster()
    with Command("scaler_ui", cluster.publisher.address, "--web-port", "0") as command:
        cluster.wait_for_subscriber()
        cluster.report(isSnapshot=True, snapshotMessages=0)
        url = url_of(command)
        for tab in ("Live", "Worker Processors"):
            rows = asyncio.run(watch(url, tab, cluster, reports=3))
            assert 3 <= len(rows) <= 4  # with what the tab shows when it is chosen
            assert [len(each) for each in rows] == [ROWS] * len(rows)
            assert max(len(json.dumps(each)) for each in rows) < 600 * ROWS
        assert command.stop() == 0, command.output


@pytest.mark.timeout(150)
def test_the_benchmark_shows_both_kinds_of_rounds(leftovers: Any) -> None:
    few = ["--workers", "20", "--rate", "100", "--rounds", "1", "--seconds", "1", "--tab", "Worker Task Stream"]
    ran = subprocess.run(
        [sys.executable, str(_COMMAND), *few],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.match(r"20 workers, \d+ tasks a second besides, tab Worker Task Stream\n", ran.stdout)
    rows = [line.strip("| ").split(" | ") for line in ran.stdout.splitlines() if line.startswith("| ")]
    assert {row[0] for row in rows} >= {"result: p50, µs", "submit: p50, µs", "scheduler: % of a core", "page: KB/s"}
    assert all(float(row[1]) > 0 and float(row[2]) > 0 for row in rows if row[0].startswith(("result", "submit")))
