"""Simulated runs: a seed decides the cluster, the load and the faults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from agents import SimulatedAgent
from clients import SimulatedClient
from faults import Faults, Machine
from programs import Program
from runs import Runs
from workers import SimulatedWorker
from world import World

from scaler.scheduler.core import CoreSettings

FAULTS_UNTIL_SECONDS: Final = 10.0
HEALED_BY_SECONDS: Final = 120.0
_LONGEST_FAULT_SECONDS: Final = 8.0
_QUIET_SECONDS: Final = 4.0
"""How long a run goes on once no task is left: heartbeats, and what is late, must change nothing any more."""


def simulate(seed: int) -> World:
    """Run one seed of tasks and graphs to its end, and return the world at rest. Raise Violation."""
    world = World(seed, CoreSettings("127.0.0.1", 2346))
    runs, random = Runs(world), world.random
    workers = [SimulatedWorker(world, f"w{i}", runs, random.choice((1, 2, 1000))) for i in range(random.randint(1, 5))]
    clients = [SimulatedClient(world, f"c{i}", runs) for i in range(random.randint(1, 3))]
    _connect(world, workers, clients)
    for client in clients:
        for _ in range(random.randint(1, 5)):
            _plan(client, 8, partial(client.submit, random.randint(1, 40)))
            _plan(client, 8, client.submit_graph)
            _plan(client, 9, client.cancel_some)
    _cause_faults(world, workers, clients)
    _finish(world, clients)
    return world


def simulate_nested(seed: int) -> World:
    """Run one seed of tasks that submit tasks, on the cores of agents, to its end. Raise Violation."""
    world = World(seed, CoreSettings("127.0.0.1", 2346))
    runs, random = Runs(world), world.random
    applications = [SimulatedClient(world, f"c{i}", runs) for i in range(random.randint(1, 2))]
    clients = list(applications)
    agents = [
        SimulatedAgent(world, f"w{i}", runs, random.choice((1, 2, 1000)), clients) for i in range(random.randint(1, 3))
    ]
    _connect(world, agents, applications)
    for client in applications:
        for _ in range(random.randint(1, 3)):
            _plan(client, 6, partial(client.submit_program, Program.choose(random), 0))
        _plan(client, 6, partial(client.submit, random.randint(1, 10)))
        if random.random() < 0.5:
            _plan(client, 9, client.cancel_some)
    _cause_faults(world, agents, clients)
    _finish(world, clients)
    for agent in agents:
        agent.check_at_rest()
    return world


SCENARIOS: Final[dict[str, Callable[[int], World]]] = {"flat": simulate, "nested": simulate_nested}


def _connect(world: World, machines: Sequence[Machine], clients: Sequence[SimulatedClient]) -> None:
    for peer in (*machines, *clients):
        world.after(world.random.uniform(0, 0.5), peer.connect)


def _plan(client: SimulatedClient, until_seconds: float, action: Callable[[], object]) -> None:
    """Let a client do something at some time, if it is connected then."""
    at_seconds = client.world.random.uniform(0.5, until_seconds)
    client.world.after(at_seconds, lambda: action() if client.connected else None)


def _cause_faults(world: World, machines: Sequence[Machine], clients: list[SimulatedClient]) -> None:
    faults, random = Faults(world, list(machines)), world.random
    for _ in range(random.randint(0, 6)):
        world.after(random.uniform(0.5, FAULTS_UNTIL_SECONDS), faults.befall)
    if random.random() < 0.3:
        world.after(random.uniform(0.5, FAULTS_UNTIL_SECONDS), faults.jump_scheduler)
    if random.random() < 0.5:  # one of those that there are then
        world.after(random.uniform(1, 9), lambda: faults.lose_client(random.choice(clients[1:] or clients)))


def _finish(world: World, clients: list[SimulatedClient]) -> None:
    """Run until nothing is left to do, and judge. A run that does not come to an end breaks I1."""
    world.run(FAULTS_UNTIL_SECONDS + _LONGEST_FAULT_SECONDS)
    while not world.is_idle and world.now < HEALED_BY_SECONDS:
        world.run(world.now + 1)
    world.run(world.now + _QUIET_SECONDS)
    for client in clients:
        if client.connected:
            _judge(world, client)
    world.check_at_rest()


def _judge(world: World, client: SimulatedClient) -> None:
    """I1: every task of a client that stayed has exactly one end."""
    for task_id, ends in client.ends.items():
        if len(ends) != 1:
            world.fail(f"task {task_id.hex()} of {client.identity!r} ended {len(ends)} times")
    if client.unended_graphs:
        world.fail(f"graph {client.unended_graphs[0].hex()} of {client.identity!r} did not end")
