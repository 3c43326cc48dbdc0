"""Processes as groups: counted from the start, forgotten when they end, stopped in bounded time."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from scaler.utility.identifiers import WorkerID
from scaler.utility.process import ChildProcess
from scaler.worker_adapter import local_groups
from scaler.worker_adapter.common import CapacityExceededError, WorkerGroupNotFoundError
from scaler.worker_adapter.local_groups import LocalGroups

WORKER = WorkerID(b"Worker|x|0")


class Sleeper(ChildProcess):
    """Sleeps; a stubborn one does not care for SIGTERM."""

    def __init__(self, ready: int, stubborn: bool = False) -> None:
        super().__init__("Sleeper")
        self._ready = ready
        self._stubborn = stubborn

    def run(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN if self._stubborn else signal.SIG_DFL)
        os.write(self._ready, b".")
        time.sleep(60)

    def start(self, pass_fds: Any = (), interpreter: Any = None) -> None:
        super().start(pass_fds=(self._ready,), interpreter=interpreter)


class Drainer(ChildProcess):
    """Says ``.`` when it runs and ``t`` for each SIGTERM, and ends by SIGINT and SIGUSR1 only."""

    def __init__(self, ready: int, drain_seconds: float) -> None:
        super().__init__("Drainer")
        self._ready = ready
        self.drain_seconds = drain_seconds

    def run(self) -> None:
        signal.signal(signal.SIGTERM, lambda *_: os.write(self._ready, b"t"))
        for number in (signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, lambda *_: os._exit(0))
        os.write(self._ready, b".")
        while True:
            signal.pause()

    def start(self, pass_fds: Any = (), interpreter: Any = None) -> None:
        super().start(pass_fds=(self._ready,), interpreter=interpreter)


@pytest.fixture
def ready() -> Any:
    """A pipe, by which sleepers say that they sleep."""
    read_end, write_end = os.pipe()
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


def run(use: Callable[[LocalGroups], Awaitable[None]]) -> None:
    async def main() -> None:
        groups = LocalGroups()
        try:
            await use(groups)
        finally:
            await groups.close()
        assert len(groups) == 0

    asyncio.run(main())


async def until_gone(groups: LocalGroups) -> None:
    deadline = time.monotonic() + 20
    while len(groups):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_a_group_is_counted_and_stopped(leftovers: Any, ready: Any) -> None:
    async def use(groups: LocalGroups) -> None:
        assert await groups.start("g", Sleeper(ready[1]), [WORKER]) == ["Worker|x|0"]
        os.read(ready[0], 1)
        assert groups.workers() == {"g": ["Worker|x|0"]}
        await groups.stop("g")
        assert len(groups) == 0
        with pytest.raises(WorkerGroupNotFoundError, match="g does not exist"):
            await groups.stop("g")

    run(use)


def test_one_that_is_still_starting_counts_already(leftovers: Any, ready: Any) -> None:
    async def use(groups: LocalGroups) -> None:
        start = asyncio.create_task(groups.start("g", Sleeper(ready[1]), [WORKER]))
        await asyncio.sleep(0)
        assert len(groups) == 1
        await start

    run(use)


def test_one_that_dies_is_forgotten(leftovers: Any, ready: Any) -> None:
    async def use(groups: LocalGroups) -> None:
        sleeper = Sleeper(ready[1])
        await groups.start("g", sleeper, [WORKER])
        sleeper.kill()
        await until_gone(groups)

    run(use)


def test_one_that_does_not_stop_is_killed(leftovers: Any, ready: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_groups, "STOP_GRACE_SECONDS", 0.1)

    async def use(groups: LocalGroups) -> None:
        sleeper = Sleeper(ready[1], stubborn=True)
        await groups.start("g", sleeper, [WORKER])
        os.read(ready[0], 1)
        await groups.stop("g")
        assert len(groups) == 0

    run(use)


def test_one_that_drains_is_told_once_and_has_its_time(leftovers: Any, ready: Any) -> None:
    async def use(groups: LocalGroups) -> None:
        drainer = Drainer(ready[1], drain_seconds=600)
        await groups.start("g", drainer, [WORKER])
        assert os.read(ready[0], 1) == b"."
        stops = [asyncio.create_task(groups.stop("g")) for _ in range(2)]
        assert await asyncio.to_thread(os.read, ready[0], 1) == b"t"
        assert [stop.done() for stop in stops] == [False, False]
        drainer.send_signal(signal.SIGUSR1)
        await asyncio.gather(*stops)
        assert len(groups) == 0
        os.write(ready[1], b"e")
        assert os.read(ready[0], 2) == b"e"  # there was no second SIGTERM

    run(use)


@pytest.mark.parametrize("drain_seconds", [0.2, 600])
def test_one_that_drains_is_hurried_when_its_time_is_over_or_nobody_wants_to_wait(
    leftovers: Any, ready: Any, drain_seconds: float
) -> None:
    async def main() -> None:
        hurried = asyncio.Event()
        groups = LocalGroups(hurried)
        await groups.start("g", Drainer(ready[1], drain_seconds), [WORKER])
        assert os.read(ready[0], 1) == b"."
        closing = asyncio.create_task(groups.close())
        assert await asyncio.to_thread(os.read, ready[0], 1) == b"t"
        if drain_seconds == 600:
            hurried.set()
        await closing
        assert len(groups) == 0

    asyncio.run(main())


def test_a_start_that_fails_leaves_nothing() -> None:
    class Unstartable(ChildProcess):
        def start(self, pass_fds: Any = (), interpreter: Any = None) -> None:
            raise OSError("no more processes")

    async def use(groups: LocalGroups) -> None:
        with pytest.raises(OSError, match="no more processes"):
            await groups.start("g", Unstartable("x"), [WORKER])
        assert len(groups) == 0

    run(use)


def test_the_end_stops_all_also_those_that_start_meanwhile(leftovers: Any, ready: Any) -> None:
    async def use(groups: LocalGroups) -> None:
        for name in "abc":
            await groups.start(name, Sleeper(ready[1]), [WORKER])
        late = asyncio.create_task(groups.start("late", Sleeper(ready[1]), [WORKER]))
        await asyncio.sleep(0)
        await groups.close()
        await late
        await until_gone(groups)
        with pytest.raises(CapacityExceededError, match="shuts down"):
            await groups.start("later", Sleeper(ready[1]), [WORKER])

    run(use)
