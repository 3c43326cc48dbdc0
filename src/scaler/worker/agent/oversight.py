"""What a processor at work is held to: the time limits of its tasks, and that it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scaler.protocol import codec
from scaler.worker.agent.processor_seat import SeatState
from scaler.worker.agent.task_gate import SlotState

if TYPE_CHECKING:
    from scaler.worker.agent.feeding import Feeding
    from scaler.worker.agent.held_tasks import HeldTask
    from scaler.worker.agent.processor_seat import ProcessorSeat
    from scaler.worker.agent.seats import Seats

SILENCE_SECONDS: Final = 30.0
"""How long a processor may hold tasks without starting one or answering for one.

Between two tasks it has next to nothing to do, but to collect garbage, which may take some seconds. So this is for one
that cannot go on: its task has closed the descriptors that it waits with, say.
"""

_MOST_SECONDS_OF_A_LOOK: Final = 1.0
"""More time between two looks does not count: the agent itself did not run."""


class Oversight:
    """Looks at the processors from time to time; what it stops, ends as it would by itself."""

    def __init__(self, seats: Seats, feeding: Feeding, task_timeout_seconds: float) -> None:
        self._seats = seats
        self._feeding = feeding
        self._task_timeout_seconds = task_timeout_seconds

    def look(self, elapsed_seconds: float, *, is_listening: bool = True) -> None:
        """Stop tasks that have run too long, and end processors that do not answer, if they could be heard.

        While a task stands still, its time does, too.
        """
        for seat in self._seats:
            if seat.state is not SeatState.ready or not seat.fed:
                continue
            running = [task for task in seat.fed.values() if seat.state_of(task) is SlotState.started]
            for task in running:
                self._check_time_limit(task, elapsed_seconds)
            if not running and is_listening:
                self._check_silence(seat, min(elapsed_seconds, _MOST_SECONDS_OF_A_LOOK))

    def _check_time_limit(self, task: HeldTask, elapsed_seconds: float) -> None:
        if task.ran_seconds is None:
            task.ran_seconds = 0.0
            task.limit_seconds = self._limit_of(task)
            return
        task.ran_seconds += elapsed_seconds
        if 0 < task.limit_seconds <= task.ran_seconds:
            task.timed_out = True
            self._feeding.stop(task)

    def _limit_of(self, task: HeldTask) -> float:
        """Return the smaller one of the task's own limit and the worker's."""
        try:
            decoded = codec.decode(task.frame)
        except codec.CodecError:  # the processor cannot read it either, and is about to end
            return self._task_timeout_seconds
        assert isinstance(decoded, codec.Task)
        limits = (decoded.timeout_milliseconds / 1000, self._task_timeout_seconds)
        return min((limit for limit in limits if limit > 0), default=0.0)

    def _check_silence(self, seat: ProcessorSeat, elapsed_seconds: float) -> None:
        """End a processor that runs nothing although it was fed, and has not gone on since the first look like this."""
        unstarted = next((n for n, task in seat.fed.items() if seat.state_of(task) is SlotState.fed), None)
        progress = (next(iter(seat.fed)), unstarted)
        if seat.progress != progress:
            seat.progress = progress
            seat.silent_seconds = 0.0
            return
        seat.silent_seconds += elapsed_seconds
        if seat.silent_seconds >= SILENCE_SECONDS:
            reason = f"did not answer for {SILENCE_SECONDS:g} seconds, maybe a task has closed its file descriptors"
            self._feeding.kill(seat, reason)
