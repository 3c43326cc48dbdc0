"""Links between workers, clients and their scheduler that break, fall silent, or pass nothing for a while."""

from __future__ import annotations

import concurrent.futures
import contextlib
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from chaos_processes import agents, more_workers, processors
from chaos_tasks import History, note_and_fill, note_and_square
from forgetful_proxy import ForgetfulProxy
from settle import Settlement, wait_until
from tcp_proxy import TcpProxy

from scaler import Client, SchedulerClusterCombo

pytestmark = pytest.mark.timeout(150)

_TASKS = 5_000
_Start = Callable[..., SchedulerClusterCombo]


def test_drops_in_the_midst_of_messages(start_combo: _Start, plan: random.Random, tmp_path: Path) -> None:
    """A connection that breaks is made anew and goes on where it was: nothing is lost, nothing repeated."""
    combo, history = start_combo(0), History(tmp_path)
    with contextlib.ExitStack() as stack:
        settlement = stack.enter_context(Settlement(combo))
        to_worker = stack.enter_context(TcpProxy.to_address(combo.get_address()))
        to_client = stack.enter_context(TcpProxy.to_address(combo.get_address()))
        stack.enter_context(more_workers(combo, to_worker.address, 2, registered=2))
        with Client(to_client.address) as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
            rows = [(history.path, number, 0.002) for number in range(_TASKS)]
            mapped = pool.submit(client.map, note_and_square, rows)
            for mark in sorted(plan.sample(range(4_000), 20)):
                wait_until(lambda mark=mark: len(history) >= mark, 60)
                proxy = plan.choice((to_worker, to_client))
                if plan.random() < 0.5:
                    proxy.reset_all()
                else:  # every connection, also the next ones, ends within so many bytes: in the midst of a frame
                    proxy.faults.cut_after_bytes = plan.randrange(500, 20_000)
                    time.sleep(0.1)
                    proxy.faults.cut_after_bytes = 0
            assert mapped.result(timeout=90) == [number * number for number in range(_TASKS)]
            print(f"connections made: worker {to_worker.connections_made}, client {to_client.connections_made}")
            assert to_worker.connections_made > 2 and to_client.connections_made > 1
        history.check(_TASKS)
        settlement.check(workers=2)


def test_connections_that_fall_silent(start_combo: _Start, tmp_path: Path) -> None:
    """A middle box that forgets idle connections costs a task nothing but time: its result arrives, from one run."""
    combo, history = start_combo(0, worker_timeout_seconds=20, client_timeout_seconds=20), History(tmp_path)
    port = combo._scheduler.address.port
    assert port is not None
    with contextlib.ExitStack() as stack:
        settlement = stack.enter_context(Settlement(combo))
        proxy = stack.enter_context(ForgetfulProxy(port))
        stack.enter_context(more_workers(combo, proxy.address, 2, registered=2))
        with Client(proxy.address, timeout_seconds=20) as client:
            futures = [client.submit(note_and_square, history.path, number, 2.0) for number in range(2)]
            wait_until(lambda: len(history) == 2, 20)
            assert proxy.forget_all() == 3
            assert [future.result(timeout=40) for future in futures] == [0, 1]
            rows = [(history.path, number, 0.001) for number in range(2, _TASKS)]
            assert client.map(note_and_square, rows) == [number * number for number in range(2, _TASKS)]
        history.check(_TASKS)
        settlement.check(workers=2)


def test_black_hole_shorter_than_the_timeout(start_combo: _Start, plan: random.Random, tmp_path: Path) -> None:
    """A link that passes nothing for less than the time-out of the session repeats nothing and loses nothing."""
    combo, history = start_combo(0, worker_timeout_seconds=20), History(tmp_path)
    with contextlib.ExitStack() as stack:
        settlement = stack.enter_context(Settlement(combo))
        proxy = stack.enter_context(TcpProxy.to_address(combo.get_address()))
        stack.enter_context(more_workers(combo, proxy.address, 2, registered=2))
        with Client(combo.get_address()) as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
            rows = [(history.path, number, 0.002) for number in range(_TASKS)]
            mapped = pool.submit(client.map, note_and_square, rows)
            for mark in sorted(plan.sample(range(100, 4_000), 2)):
                wait_until(lambda mark=mark: len(history) >= mark, 60)
                proxy.faults.black_hole = True
                time.sleep(plan.uniform(0.5, 4))
                proxy.faults.black_hole = False
            assert mapped.result(timeout=90) == [number * number for number in range(_TASKS)]
        history.check(_TASKS)
        settlement.check(workers=2)


def test_black_hole_longer_than_the_timeout(start_combo: _Start, tmp_path: Path) -> None:
    """Work on the far side of such a link is placed elsewhere; every task has one result, and the workers return."""
    combo, history = start_combo(1, worker_timeout_seconds=8), History(tmp_path)
    with contextlib.ExitStack() as stack:
        settlement = stack.enter_context(Settlement(combo))
        proxy = stack.enter_context(TcpProxy.to_address(combo.get_address()))
        distant = stack.enter_context(more_workers(combo, proxy.address, 2, registered=3))
        lost = {process.pid for agent in agents(distant) for process in processors(agent)}
        with Client(combo.get_address()) as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
            rows = [(history.path, number, 0.002) for number in range(_TASKS)]
            mapped = pool.submit(client.map, note_and_square, rows)
            wait_until(lambda: len(history) >= 500, 60)
            proxy.faults.black_hole = True
            # The near worker alone does all of the rest.
            assert mapped.result(timeout=90) == [number * number for number in range(_TASKS)]
            proxy.faults.black_hole = False
            combo.wait_for_workers(3, timeout_seconds=30)
            history.check(_TASKS, lost)
            large = client.map(note_and_fill, [(str(tmp_path / "large"), number, 100_000) for number in range(20)])
            assert large == [bytes([number]) * 100_000 for number in range(20)]
        settlement.check(workers=3)


def test_client_behind_a_black_hole(start_combo: _Start, tmp_path: Path) -> None:
    """A client that nobody hears of loses its session and its work, and nobody else notices."""
    combo, history = start_combo(2, client_timeout_seconds=8), History(tmp_path)
    with contextlib.ExitStack() as stack:
        settlement = stack.enter_context(Settlement(combo))
        proxy = stack.enter_context(TcpProxy.to_address(combo.get_address()))
        cut_off = stack.enter_context(Client(proxy.address, timeout_seconds=8))
        futures = [cut_off.submit(time.sleep, 60) for _ in range(10)]
        proxy.faults.black_hole = True
        with Client(combo.get_address()) as client:
            # These wait until the slots of the other one are free.
            rows = [(history.path, number, 0.0005) for number in range(_TASKS)]
            assert client.map(note_and_square, rows) == [number * number for number in range(_TASKS)]
        errors = [future.exception(timeout=30) for future in futures]
        assert all(isinstance(error, ConnectionError) and "lost" in str(error) for error in errors), errors
        proxy.faults.black_hole = False
        history.check(_TASKS)
        settlement.check(futures, workers=2)
