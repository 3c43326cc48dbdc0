"""What goes wrong in a simulated run: each fault befalls a machine or the scheduler, and heals by itself."""

from __future__ import annotations

from functools import partial
from typing import Final, Protocol

from agents import SimulatedAgent
from clients import SimulatedClient
from host import Host
from world import Peer, World, name_of

SESSION_TIMEOUT_SECONDS: Final = 4.0
_LONGEST_JUMP_SECONDS: Final = 40.0  # several of them stay below the death time-out of an agent


class Machine(Protocol):
    """A worker with everything on its machine."""

    world: World
    host: Host
    identity: bytes
    connected: bool

    def connect(self) -> None: ...
    def peers(self) -> list[Peer]: ...
    def on_crash(self) -> None: ...
    def on_sessions_lost(self) -> None: ...
    def jump(self, seconds: float) -> None: ...


class Faults:
    """Causes faults, one at a time on each machine."""

    def __init__(self, world: World, machines: list[Machine]) -> None:
        self._world = world
        self._machines = machines
        self._kinds = {
            "crash": self._crash,
            "freeze": self._freeze,
            "long freeze": self._freeze_long,
            "partition": self._part,
            "long partition": self._part_long,
            "delay": self._delay,
            "slow": self._slow_down,
            "copies": self._copy,
            "clock": self._jump,
            "processor": self._kill_processor,
            "drain": self._drain,
        }

    def befall(self) -> None:
        """Let something go wrong on some machine, unless it is in trouble."""
        random = self._world.random
        machine, kind = random.choice(self._machines), random.choice(("crash", *self._kinds))
        if machine.host.trouble or not machine.connected:
            return
        self._world.tell(f"{kind} {machine.identity.decode()[:10]}")
        machine.host.trouble = kind
        self._kinds[kind](machine)

    def jump_scheduler(self) -> None:
        """Let the clock of the scheduler jump."""
        seconds = self._world.random.uniform(1, _LONGEST_JUMP_SECONDS)
        self._world.tell(f"the clock of the scheduler jumps by {seconds:.1f} s")
        self._world.clock_ahead_seconds += seconds

    def lose_client(self, client: SimulatedClient) -> None:
        """End the session of a client."""
        if client.connected:
            self._world.tell(f"lose {name_of(client)}")
            self._world.lose(client, 0.5)
            for machine in self._machines:
                if isinstance(machine, SimulatedAgent):
                    machine.host.do(partial(machine.on_client_lost, client))

    def _heal_after(self, machine: Machine, seconds: float) -> None:
        def heal() -> None:
            network = machine.host.network
            network.delay_seconds = network.spacing_seconds = 0.0
            network.makes_copies = False
            machine.host.trouble = ""

        self._world.after(seconds, heal)

    def _lose_sessions(self, machine: Machine, noticed_after_seconds: float) -> None:
        for peer in machine.peers():
            self._world.lose(peer, noticed_after_seconds)

    def _crash(self, machine: Machine) -> None:
        random = self._world.random
        self._lose_sessions(machine, random.choice((0.0, 0.1, 1.0)))
        machine.host.end()
        machine.on_crash()
        back_after = random.uniform(1.1, 3)
        self._world.after(back_after, machine.connect)
        self._heal_after(machine, back_after)

    def _freeze(self, machine: Machine) -> None:
        machine.host.freeze()
        seconds = self._world.random.uniform(0.1, SESSION_TIMEOUT_SECONDS - 0.5)
        self._world.after(seconds, machine.host.thaw)
        self._heal_after(machine, seconds)

    def _freeze_long(self, machine: Machine) -> None:
        """Freeze a machine beyond its session time-out: it learns of that when it goes on."""
        machine.host.freeze()
        self._world.after(SESSION_TIMEOUT_SECONDS, lambda: self._lose_sessions(machine, 0.0))
        seconds = SESSION_TIMEOUT_SECONDS + self._world.random.uniform(0.1, 2)

        def go_on() -> None:
            machine.host.thaw()
            machine.on_sessions_lost()

        self._world.after(seconds, go_on)
        self._world.after(seconds + 0.5, machine.connect)
        self._heal_after(machine, seconds + 0.5)

    def _part(self, machine: Machine) -> None:
        """Let nothing pass for a while that sessions survive."""
        seconds = self._world.random.uniform(0.1, SESSION_TIMEOUT_SECONDS - 0.5)
        machine.host.network.stalled_until_seconds = self._world.now + seconds
        self._heal_after(machine, seconds)

    def _part_long(self, machine: Machine) -> None:
        """Let nothing pass beyond the session time-out: both ends learn of that, each in its time."""
        random = self._world.random
        seconds = SESSION_TIMEOUT_SECONDS + random.uniform(1, 3)
        machine.host.network.stalled_until_seconds = self._world.now + seconds

        def end() -> None:
            self._lose_sessions(machine, random.uniform(0, 0.9))
            machine.on_sessions_lost()

        self._world.after(SESSION_TIMEOUT_SECONDS, end)
        self._world.after(seconds, machine.connect)
        self._heal_after(machine, seconds)

    def _delay(self, machine: Machine) -> None:
        machine.host.network.delay_seconds = self._world.random.choice((0.05, 0.2, 1.0))
        self._heal_after(machine, self._world.random.uniform(0.5, 4))

    def _slow_down(self, machine: Machine) -> None:
        machine.host.network.spacing_seconds = self._world.random.choice((0.002, 0.01, 0.05))
        self._heal_after(machine, self._world.random.uniform(0.5, 3))

    def _copy(self, machine: Machine) -> None:
        machine.host.network.makes_copies = True
        self._heal_after(machine, self._world.random.uniform(0.5, 4))

    def _jump(self, machine: Machine) -> None:
        machine.jump(self._world.random.uniform(1, _LONGEST_JUMP_SECONDS))
        machine.host.trouble = ""

    def _kill_processor(self, machine: Machine) -> None:
        if isinstance(machine, SimulatedAgent):
            machine.kill_processor()
        machine.host.trouble = ""

    def _drain(self, machine: Machine) -> None:
        """Let a worker drain; when it is told to leave, it does, and begins anew some time later."""
        self._world.drain(machine.identity)
        machine.host.trouble = ""
