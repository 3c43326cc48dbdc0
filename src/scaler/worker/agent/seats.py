"""The processors of a worker: the one that serves, those that stand still, and spare ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaler.worker.agent.processor_seat import ProcessorSeat, SeatState

if TYPE_CHECKING:
    from collections.abc import Iterator


class Seats:
    """Owns the seats of all processors, from the start of each until it is known to be dead.

    At most one ready processor has tasks; other ready ones are spare. Mostly there is one seat, and each message asks
    several of the questions below: they are loops, for a generator or a key function costs more than its look.
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
        for seat in self._seats.values():
            if seat.state is SeatState.ready and seat.fed:
                return seat
        return None

    def spare(self) -> ProcessorSeat | None:
        """Return the processor without work that has worked last, or None."""
        latest = None
        for seat in self._seats.values():
            if seat.state is SeatState.ready and not seat.fed and (latest is None or _is_later(seat, latest)):
                latest = seat
        return latest

    def innermost(self) -> ProcessorSeat | None:
        """Return the suspended processor whose task is nested deepest, or None."""
        innermost = None
        for seat in self._seats.values():
            if seat.state is SeatState.suspended and seat.fed and (innermost is None or seat.level > innermost.level):
                innermost = seat
        return innermost

    def is_any_coming(self) -> bool:
        """Return whether a processor is starting or ready, or has died by itself and is not buried yet."""
        for seat in self._seats.values():
            state = seat.state
            if state is SeatState.ready or state is SeatState.starting:
                return True
            if state is SeatState.dying and not seat.killed:
                return True
        return False

    def is_any_starting(self) -> bool:
        """Return whether a processor is starting."""
        for seat in self._seats.values():  # noqa: SIM110  # see above
            if seat.state is SeatState.starting:
                return True
        return False


def _is_later(seat: ProcessorSeat, other: ProcessorSeat) -> bool:
    """Return whether a processor without work has worked after another one; it still did when that is not known."""
    if seat.idle_since is None or other.idle_since is None:
        return other.idle_since is not None
    return seat.idle_since > other.idle_since
