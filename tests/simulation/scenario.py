"""One simulated run: a seed decides the cluster, the load and the faults."""

from __future__ import annotations

from actors import Runs, SimulatedClient, SimulatedWorker
from world import World

from scaler.scheduler.core import CoreSettings

FAULTS_UNTIL_SECONDS = 10.0
HEALED_BY_SECONDS = 60.0
SESSION_TIMEOUT_SECONDS = 4.0


def simulate(seed: int) -> World:
    """Run one seed to its end, and return the world at rest. Raise Violation when an invariant breaks."""
    world = World(seed, CoreSettings("127.0.0.1", 2346))
    runs = Runs(world)
    random = world.random
    workers = [SimulatedWorker(world, f"w{i}", runs, random.choice((1, 2, 1000))) for i in range(random.randint(1, 5))]
    clients = [SimulatedClient(world, f"c{i}", runs) for i in range(random.randint(1, 3))]
    for peer in (*workers, *clients):
        world.after(random.uniform(0, 0.5), peer.connect)
    for client in clients:
        for _ in range(random.randint(1, 5)):
            client_ = client
            count = random.randint(1, 40)
            world.after(random.uniform(0.5, 8), lambda c=client_, n=count: c.submit(n) if c.connected else None)
            world.after(random.uniform(0.5, 8), lambda c=client_: c.submit_graph() if c.connected else None)
            world.after(random.uniform(0.5, 9), client.cancel_some)
    for _ in range(random.randint(0, 6)):
        world.after(random.uniform(0.5, FAULTS_UNTIL_SECONDS), lambda: _worker_fault(world, random.choice(workers)))
    if len(clients) > 1 and random.random() < 0.5:
        world.after(random.uniform(1, 9), lambda: _lose_client(world, clients[0]))
    world.run(HEALED_BY_SECONDS)
    _judge(world, clients)
    return world


def _worker_fault(world: World, worker: SimulatedWorker) -> None:
    if not worker.connected or not worker.responsive:
        return
    kind = world.random.choice(("crash", "crash", "freeze", "long freeze"))
    world.tell(f"{kind} {worker.identity.decode()[:10]}")
    if kind == "crash":
        world.lose(worker, world.random.choice((0.0, 0.1, 1.0)))
        world.after(world.random.uniform(1.1, 3), worker.connect)
    elif kind == "freeze":
        worker.freeze()
        worker.after(world.random.uniform(0.1, SESSION_TIMEOUT_SECONDS - 0.5), worker.thaw)
    else:  # beyond its session time-out: it comes back as new, and drops what it held
        worker.freeze()
        world.after(SESSION_TIMEOUT_SECONDS, lambda: world.lose(worker, 0.0))
        world.after(SESSION_TIMEOUT_SECONDS + world.random.uniform(0.1, 2), worker.connect)


def _lose_client(world: World, client: SimulatedClient) -> None:
    if client.connected:
        world.tell(f"lose {client.identity.decode()[:10]}")
        world.lose(client, 0.5)


def _judge(world: World, clients: list[SimulatedClient]) -> None:
    """I1: every task of a client that stayed has exactly one end; I5: nothing is left."""
    for client in clients:
        if client.connected:
            for task_id, ends in client.ends.items():
                if len(ends) != 1:
                    world.fail(f"task {task_id.hex()} of {client.identity!r} ended {len(ends)} times")
            if client.unended_graphs:
                world.fail(f"graph {client.unended_graphs[0].hex()} of {client.identity!r} did not end")
    world.check_at_rest()
