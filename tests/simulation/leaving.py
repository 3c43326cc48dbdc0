"""How a simulated worker leaves that was told to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scaler.protocol import message

if TYPE_CHECKING:
    from faults import Machine
    from world import World

_GOODBYE_SECONDS: Final = 0.1
_AWAY_SECONDS: Final = 1.0


def leave(world: World, machine: Machine) -> None:
    """Say goodbye, end, and begin anew some time later."""
    machine.peers()[0].send(message.encode("disconnectRequest", worker=machine.identity))
    machine.host.after(_GOODBYE_SECONDS, lambda: _end(world, machine))


def _end(world: World, machine: Machine) -> None:
    if machine.host.trouble:  # it ends, or is thought to have ended, anyway
        machine.host.after(_AWAY_SECONDS, lambda: _end(world, machine))
        return
    machine.host.trouble = "away"
    for peer in machine.peers():
        world.lose(peer, 0.0)
    machine.host.end()
    machine.on_crash()

    def come_back() -> None:
        machine.host.trouble = ""
        machine.connect()

    world.after(_AWAY_SECONDS, come_back)
