"""Hostile peers at every port of a working cluster: nobody else notices, and no memory goes to what they announce."""

from __future__ import annotations

import concurrent.futures
import contextlib
import random
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chaos_processes import more_workers
from chaos_tasks import History, note_and_fill, note_and_square
from hostile_peers import ATTACKS, Siege, Target
from settle import Settlement, ports_of, wait_until

from scaler import Client, SchedulerClusterCombo
from scaler.io.ymq.ymq import Context, IOSocketType, PeerEvent, Role, Socket

pytestmark = pytest.mark.timeout(150)

_TASKS = 5_000
_IDLE_CONNECTIONS = 1_000
_Start = Callable[..., SchedulerClusterCombo]


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Allow this process, and those that it starts, the descriptors that a thousand connections to each port take."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _worst_call_seconds(client: Client, calls: int) -> float:
    """Return the longest of some calls, one behind the other."""
    worst = 0.0
    for number in range(calls):
        start = time.monotonic()
        assert client.submit(pow, number, 2).result(timeout=30) == number * number
        worst = max(worst, time.monotonic() - start)
    return worst


def test_attacks_at_every_port(start_combo: _Start, plan: random.Random, tmp_path: Path) -> None:
    """Random bytes, half frames, huge lengths, drips, other protocols, the names of others: all in vain."""
    # Sessions that were greeted well and then abandoned end with their time-out.
    combo = start_combo(2, client_timeout_seconds=10, worker_timeout_seconds=10)
    history = History(tmp_path)
    with Settlement(combo, is_besieged=True) as settlement, contextlib.ExitStack() as stack:
        client = stack.enter_context(Client(combo.get_address()))
        other = stack.enter_context(Client(combo.get_address()))
        pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(1))
        identities = (bytes(client.identity), bytes(other.identity))
        ports = ports_of(combo)
        sieges = [
            stack.enter_context(Siege(Target(port, identities), plan.randrange(2**32), ATTACKS))
            for port in ports.values()
        ]
        rows = [(history.path, number, 0.002) for number in range(_TASKS)]
        mapped = pool.submit(client.map, note_and_square, rows)
        # Beside it, what takes the way through the object storage.
        large = other.map(note_and_fill, [(str(tmp_path / "large"), number, 100_000) for number in range(50)])
        assert large == [bytes([number]) * 100_000 for number in range(50)]
        assert mapped.result(timeout=120) == [number * number for number in range(_TASKS)]
        print(f"the longest of 50 calls under attack took {_worst_call_seconds(other, 50):.3f} seconds")
        wait_until(lambda: all(siege.rounds for siege in sieges), 60, lambda: [siege.last for siege in sieges])
        print(f"rounds of attacks: {[siege.rounds for siege in sieges]}")
        stack.close()
        history.check(_TASKS)
        settlement.check(workers=2)
        print(f"grown by {settlement.growth_mebibytes()} MiB")


def test_a_thousand_idle_connections_at_every_port(start_combo: _Start, many_descriptors: None, tmp_path: Path) -> None:
    """Connections that say nothing hold up nobody, and are closed after a while by who expects a greeting."""
    combo, history = start_combo(2), History(tmp_path)
    with Settlement(combo) as settlement, contextlib.ExitStack() as stack:
        idle = {
            name: [_connect(stack, port) for _ in range(_IDLE_CONNECTIONS)] for name, port in ports_of(combo).items()
        }
        with Client(combo.get_address()) as client:
            rows = [(history.path, number, 0.001) for number in range(_TASKS)]
            assert client.map(note_and_square, rows) == [number * number for number in range(_TASKS)]
            large = client.map(note_and_fill, [(str(tmp_path / "large"), number, 100_000) for number in range(20)])
            assert large == [bytes([number]) * 100_000 for number in range(20)]
        wait_until(
            lambda: all(_is_closed(connection) for connections in idle.values() for connection in connections),
            30,
            lambda: {name: sum(map(_is_closed, connections)) for name, connections in idle.items()},
        )
        history.check(_TASKS)
        settlement.check(workers=2)


def test_the_names_of_others(start_combo: _Start, tmp_path: Path) -> None:
    """Who greets under the name of a client that is connected is refused, and the client works on."""
    combo, history = start_combo(0), History(tmp_path)
    address = combo.get_address()
    context = Context(1)
    with Settlement(combo) as settlement, more_workers(combo, address, 2, registered=2):
        with Client(address) as client, concurrent.futures.ThreadPoolExecutor(1) as pool:
            rows = [(history.path, number, 0.001) for number in range(_TASKS)]
            mapped = pool.submit(client.map, note_and_square, rows)
            wait_until(lambda: len(history) > 100, 30)
            refused = 0
            while not mapped.done():
                for role in (Role.client, Role.worker):
                    impostor = Socket(context, bytes(client.identity), IOSocketType.Connector, role=role)
                    impostor.connect(address, give_up_seconds=10)
                    events = [event for _, event in impostor.recv_batch(10)]
                    assert events[:1] == [PeerEvent.refused], events
                    impostor.close(0)
                    refused += 1
            assert refused
            assert mapped.result() == [number * number for number in range(_TASKS)]
        history.check(_TASKS)
        settlement.check(workers=2)


def _connect(stack: contextlib.ExitStack, port: int) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))


def _is_closed(connection: socket.socket) -> bool:
    """Return whether the other side has closed the connection; what it says of itself first is taken."""
    try:
        while connection.recv(65536, socket.MSG_DONTWAIT):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        pass
    return True
