"""Which processor gets which task, and which stands still meanwhile.

One processor at a time is at work. When a task comes that is nested deeper than the one it runs, which may be waiting
for just that task, its processor stands still and another one serves; it goes on when nothing deeper is left. So any
depth of nesting finishes on one worker. The order of starting is: what is nested deeper; of the same level first what
stands still; then priority and age.

What a processor is fed ahead is of one level: a deeper task behind another one might be what that one waits for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaler.worker.agent.outbox import KillProcessor, ResumeProcessor, SuspendProcessor
from scaler.worker.agent.processor_seat import ProcessorSeat, SeatState
from scaler.worker.agent.task_gate import SlotState

if TYPE_CHECKING:
    from scaler.worker.agent.held_tasks import HeldTask, HeldTasks
    from scaler.worker.agent.outbox import Outbox
    from scaler.worker.agent.seats import Seats

MOST_SPARES = 16
"""Processors without work that are kept warm; more end when they were not needed for a while."""

SPARE_SECONDS = 60.0


class Feeding:
    """Moves tasks between the queue and the processors."""

    def __init__(self, tasks: HeldTasks, seats: Seats, outbox: Outbox, fed_limit: int) -> None:
        self._tasks = tasks
        self._seats = seats
        self._outbox = outbox
        self._fed_limit = fed_limit

    def go_on(self) -> None:
        """Let whatever comes next start, as far as processors are there."""
        serving = self._seats.serving()
        first = self._tasks.first_queued()
        if serving is not None and first is not None and first.level > serving.level:
            if not self._make_way(serving):
                return
            serving = self._seats.serving()
        if serving is None:
            serving = self._next_to_serve()
        if serving is not None:
            self._feed(serving)

    def needs_processor(self) -> bool:
        """Return whether one more processor should be started: there is none, or work for one that does not come."""
        if not self._seats.is_any_coming():
            return True
        if self._seats.is_any_starting() or self._seats.spare() is not None:
            return False
        serving, first = self._seats.serving(), self._tasks.first_queued()
        return serving is None and first is not None

    def take_back(self, task: HeldTask) -> bool:
        """Return whether a fed task has not started, and from now on never will."""
        assert task.seat is not None
        return task.seat.gate.revoke(task.number)

    def return_unstarted(self, seat: ProcessorSeat, but: HeldTask | None = None) -> None:
        """Take everything back that a processor was fed and has not started, but for one task."""
        for task in list(seat.fed.values()):
            if task is not but and self.take_back(task):
                self._tasks.return_to_queue(task)

    def stop(self, task: HeldTask) -> None:
        """Kill the processor because of the task it runs, and no other.

        Everything behind the task is taken back first: otherwise the processor could end this task and start the next
        one just before the signal arrives, and that one would die for nothing. A task that is found to have ended needs
        no kill, its result is on the way.
        """
        seat = task.seat
        assert seat is not None
        self.return_unstarted(seat, but=task)
        if seat.state_of(task) is SlotState.started:
            self.kill(seat)
        else:
            self.go_on()

    def kill(self, seat: ProcessorSeat, reason: str = "") -> None:
        """Kill a processor, unless it is dead or about to be; the reason is told when it was the processor's own."""
        if seat.killed or seat.exited_at is not None:
            return
        seat.state = SeatState.dying
        seat.killed = True
        seat.kill_reason = reason
        self._outbox.commands.append(KillProcessor(seat.processor_id, reason))

    def resume(self, seat: ProcessorSeat) -> None:
        """Let a processor go on that stands still."""
        seat.state = SeatState.ready
        self._outbox.commands.append(ResumeProcessor(seat.processor_id))

    def drop_spares(self, now: float) -> None:
        """End processors that nobody has needed for long, but for the one that was needed last."""
        spares = [seat for seat in self._seats if seat.state is SeatState.ready and not seat.fed]
        for seat in spares:
            if seat.idle_since is None:
                seat.idle_since = now
        spares.sort(key=lambda seat: seat.idle_since or 0.0, reverse=True)
        for position, seat in enumerate(spares[1:], start=1):
            if position >= MOST_SPARES or now - (seat.idle_since or now) >= SPARE_SECONDS:
                seat.ended_tasks += 1  # it does not die for nothing
                self.kill(seat)

    def _make_way(self, serving: ProcessorSeat) -> bool:
        """Suspend the processor that serves, if it has started something; return whether the way is free.

        Not while a result of it is on the way: it would stand still with the processor.
        """
        self.return_unstarted(serving)
        states = [serving.state_of(task) for task in serving.fed.values()]
        if SlotState.finished in states:
            return False
        if serving.fed:
            serving.state = SeatState.suspended
            self._outbox.commands.append(SuspendProcessor(serving.processor_id))
        return True

    def _next_to_serve(self) -> ProcessorSeat | None:
        """Resume what stands still, or take a spare processor, whatever comes first."""
        suspended, first = self._seats.innermost(), self._tasks.first_queued()
        if suspended is not None and (first is None or first.level <= suspended.level):
            self.resume(suspended)
            return suspended
        return self._seats.spare() if first is not None else None

    def _feed(self, seat: ProcessorSeat) -> None:
        suspended = self._seats.innermost()
        while len(seat.fed) < self._fed_limit:
            task = self._tasks.first_queued()
            if task is None or (suspended is not None and task.level <= suspended.level):
                return
            if seat.fed and task.level != seat.level:
                return
            if not seat.gate.feed(seat.next_number):
                return
            self._tasks.feed_first(seat)
            seat.idle_since = None
            self._outbox.to_processor.append((seat.processor_id, task.frame))
