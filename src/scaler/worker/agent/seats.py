"""The processors of a worker: the one that serves, those that stand still, and spare ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from scaler.worker.agent.processor_seat import ProcessorSeat, SeatState

if TYPE_CHECKING:
    from collections.abc import Iterator


class Seats:
    """Owns the seats of all processors, from the start of each until it is known to be dead.

    At most one ready processor has tasks; other ready ones are spare.
    """

    def __init__(self) -> None:
        self._seats: dict[bytes, ProcessorSeat] = {}

    def __len__(self) -> int:
        return len(self._seats)

    def __iter__(self) -> Iterator[ProcessorSeat]:
        return iter(list(self._seats.values()))

    def add(self, seat: ProcessorSeat) -> None:
        """Know a processor."""
        self._seats[seat.processor_id] = seat

    def remove(self, seat: ProcessorSeat) -> None:
        """Forget a processor."""
        del self._seats[seat.processor_id]

    def find(self, processor_id: bytes) -> ProcessorSeat | None:
        """Return the processor of that identity, or None."""
        return self._seats.get(processor_id)

    def serving(self) -> ProcessorSeat | None:
        """Return the processor that is at work, or None."""
        return next((seat for seat in self._seats.values() if seat.state is SeatState.ready and seat.fed), None)

    def spare(self) -> ProcessorSeat | None:
        """Return the processor without work that has worked last, or None."""
        spares = [seat for seat in self._seats.values() if seat.state is SeatState.ready and not seat.fed]
        return max(spares, key=lambda seat: math.inf if seat.idle_since is None else seat.idle_since, default=None)

    def innermost(self) -> ProcessorSeat | None:
        """Return the suspended processor whose task is nested deepest, or None."""
        suspended = [seat for seat in self._seats.values() if seat.state is SeatState.suspended and seat.fed]
        return max(suspended, key=lambda seat: seat.level, default=None)

    def is_any_coming(self) -> bool:
        """Return whether a processor is starting or ready, or has died by itself and is not buried yet."""
        return any(
            seat.state in (SeatState.starting, SeatState.ready) or (seat.state is SeatState.dying and not seat.killed)
            for seat in self._seats.values()
        )

    def is_any_starting(self) -> bool:
        """Return whether a processor is starting."""
        return any(seat.state is SeatState.starting for seat in self._seats.values())
