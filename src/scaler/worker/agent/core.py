"""The agent's decisions, without sockets, clock or processes.

Every event is an ``on_`` method, every effect an entry of the outbox. Each task that the scheduler hands over gets
exactly one end: a TaskResult, or a TaskCancelConfirm ``canceled``; the other two verdicts on a cancel end nothing here.
Until then the task is held, and exactly one of these is true of it:

- it waits in the queue;
- it was fed, and its gate says that it has not started: it can still be taken back without a message;
- it was fed and has started: the processor answers for it, or the agent does when the processor is dead.

The end of a processor is acted upon in ``_bury``, once nothing can be received from it any more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaler.protocol import codec
from scaler.utility.restarts import NO_RESTART_EXIT_CODE, Restarts
from scaler.worker.agent import task_ends
from scaler.worker.agent.feeding import Feeding
from scaler.worker.agent.held_tasks import HeldTask, HeldTasks, Place
from scaler.worker.agent.outbox import Outbox, Quit, StartProcessor
from scaler.worker.agent.oversight import Oversight
from scaler.worker.agent.processor_seat import ProcessorSeat, SeatState
from scaler.worker.agent.scheduler_contact import SchedulerContact
from scaler.worker.agent.seats import Seats
from scaler.worker.agent.task_gate import SlotState

if TYPE_CHECKING:
    from scaler.worker.agent.outbox import Frame
    from scaler.worker.agent.task_gate import TaskGate

FED_LIMIT = 64
"""How many tasks a processor is fed ahead: enough to hide the way to it, also for tasks of microseconds."""

PATIENCE_SECONDS = 0.5
"""How long the end of a processor and the end of its link may be apart: the last results may be on their way."""

MOST_INSTRUCTION_BYTES = 1 << 20
"""What a processor is told about deleted objects before it shows that it listens. More would only fill its queue."""

MOST_LOST_RESULTS = 3
"""How many results of a task may be lost with their processors before it fails."""


FIRST_RESTART_SECONDS = 0.1
LONGEST_RESTART_SECONDS = 5.0
MOST_FUTILE_PROCESSORS = 5
"""How soon a processor is replaced that died for nothing, and how many in a row end the worker."""


@dataclass(frozen=True)
class AgentSettings:
    """What the core needs to know of its worker. A time of 0 means none."""

    worker_id: bytes
    host: str
    heartbeat_interval_seconds: float = 2.0
    death_timeout_seconds: float = 300.0
    task_timeout_seconds: float = 0.0
    fed_limit: int = FED_LIMIT


class AgentCore:
    """Holds the tasks of one worker and feeds its processor."""

    def __init__(self, settings: AgentSettings, outbox: Outbox, now: float) -> None:
        self._settings = settings
        self._outbox = outbox
        self._link = SchedulerContact(settings.heartbeat_interval_seconds, settings.death_timeout_seconds, now)
        self._restarts = Restarts(FIRST_RESTART_SECONDS, LONGEST_RESTART_SECONDS, MOST_FUTILE_PROCESSORS)
        self._storage_known = False
        self._start_requested = False
        self._quitting = False
        self._has_served = False
        self._drain_until: float | None = None
        self._last_tick = now
        self._echo_for_processors: Frame | None = None
        self.tasks = HeldTasks()
        self.seats = Seats()
        self.dropped: Counter[str] = Counter()
        self._feeding = Feeding(self.tasks, self.seats, outbox, settings.fed_limit)
        self._oversight = Oversight(self.seats, self._feeding, settings.task_timeout_seconds)

    @property
    def link(self) -> SchedulerContact:
        """The connection to the scheduler."""
        return self._link

    # -- events from the scheduler

    def on_scheduler_connected(self, now: float) -> None:
        """Begin a session."""
        self._link.on_connected(now)

    def on_scheduler_lost(self, now: float) -> None:
        """Drop all work: the scheduler places it elsewhere, and results of it would come too late."""
        self._link.on_lost()
        if self.is_draining:
            self._quit("the scheduler was lost while the worker drained", 0)
        self._outbox.to_scheduler.clear()
        for seat in self.seats:
            self._feeding.return_unstarted(seat)
            if seat.fed:
                seat.ended_tasks += 1
                self._feeding.kill(seat)
        self.tasks.clear()
        self._start_when_due(now)

    def on_storage_address(self, now: float) -> None:
        """Start the first processor: what it needs is known."""
        self._storage_known = True
        self._start_when_due(now)

    def on_storage_moved(self) -> None:
        """Replace the processors, which know only the old address of the storage."""
        for seat in self.seats:
            self._feeding.return_unstarted(seat)
            seat.ended_tasks += 1  # it does not die for nothing
            self._feeding.kill(seat)

    def on_heartbeat_echo(self, now: float) -> None:
        """Take note that the scheduler lives."""
        self._link.on_echo(now)

    def on_object_retention(self, echo: Frame) -> None:
        """Tell all processors, also later ones, for how long they keep objects that no task uses."""
        self._echo_for_processors = echo
        self._outbox.to_processor.extend((seat.processor_id, echo) for seat in self.seats if seat.hears)

    def on_task(self, frame: Frame) -> None:
        """Hold a task. Raise CodecError for a frame that is none."""
        if self._hold(frame):
            self._go_on()

    def on_task_cancel(self, frame: Frame) -> None:
        """Give a verdict on a cancel or retraction, now or when the processor is dead. Raise CodecError."""
        cancel = codec.decode(frame)
        assert isinstance(cancel, codec.TaskCancel)
        task = self.tasks.find(cancel.task_id)
        if task is None:
            self._confirm(cancel.task_id, codec.TaskCancelConfirmType.cancelNotFound)
        elif task.place is Place.queued or self._feeding.take_back(task):
            self.tasks.remove(task)
            self._confirm(task.task_id, codec.TaskCancelConfirmType.canceled)
            self._go_on()  # another one may stand still for this one
        elif cancel.force:
            task.cancel_wanted = True
            self._feeding.stop(task)
        else:
            self._confirm(task.task_id, codec.TaskCancelConfirmType.cancelFailed)

    def on_object_instruction(self, frame: Frame) -> None:
        """Let the processors drop objects from their caches, where the oldest go by themselves, too.

        One that runs a task does not listen, however long that takes; then it is told no more. Ids never come again.
        """
        for seat in self.seats:
            if not seat.hears:
                continue
            if not seat.fed:
                seat.instruction_bytes = 0
            if seat.instruction_bytes + len(frame) > MOST_INSTRUCTION_BYTES:
                self.dropped["object instruction"] += 1
                continue
            seat.instruction_bytes += len(frame)
            self._outbox.to_processor.append((seat.processor_id, frame))

    def on_shutdown(self) -> None:
        """Leave, because the cluster ends, or because the scheduler wants this worker to leave, which is drained."""
        self._quit("the scheduler tells it to", 0)

    def on_stop_requested(self, reason: str) -> None:
        """Leave, because somebody said so."""
        self._quit(reason, 0)

    def on_drain_requested(self, reason: str, within_seconds: float, now: float) -> None:
        """Ask the scheduler for no more tasks, and to take back those that have not started; leave when it says so.

        Without a scheduler there is nothing to wait for. The next heartbeat, which is due at once, says it.
        """
        if not self._link.connected:
            self._quit(reason, 0)
        elif not self.is_draining:
            self._drain_until = now + within_seconds
            self._link.hasten_heartbeat(now)

    @property
    def is_draining(self) -> bool:
        """Whether the worker wants no more tasks, and leaves when it has none."""
        return self._drain_until is not None

    # -- what the relay may do alone

    def seat_of_next_task(self) -> ProcessorSeat | None:
        """Return the processor that a task would be fed to that came now, when nothing else is to be decided."""
        if self._quitting or not self._link.connected or len(self.tasks) > 0:
            return None
        return self.seats.spare()

    def on_passed(self, seat: ProcessorSeat, ended_tasks: int, running: Frame | None) -> None:
        """Take note of tasks that have passed by while none was held, and of the one that the processor has now."""
        seat.next_number += ended_tasks
        seat.ended_tasks += ended_tasks
        if ended_tasks > 0 or running is not None:
            seat.instruction_bytes = 0
            seat.idle_since = None
        if running is not None:
            self._hold(running)
            self.tasks.feed_first(seat)

    # -- events from the processor

    def on_processor_started(self, processor_id: bytes, pid: int, gate: TaskGate) -> None:
        """Take note of the processor that was asked for."""
        self._start_requested = False
        self.seats.add(ProcessorSeat(processor_id, pid, gate))

    def on_processor_start_failed(self, reason: str, now: float) -> None:
        """Try again later, or give up."""
        self._start_requested = False
        self._restarts.on_futile_death(now)
        if self._restarts.exhausted:
            self._quit(f"no processor can be started: {reason}", 1)

    def on_processor_initialized(self, processor_id: bytes) -> None:
        """Feed the processor: it is ready."""
        seat = self.seats.find(processor_id)
        if seat is not None and seat.state is SeatState.starting:
            seat.state = SeatState.ready
            seat.initialized = True
            self._has_served = True
            if self._echo_for_processors is not None:
                self._outbox.to_processor.append((processor_id, self._echo_for_processors))
            self._go_on()

    def on_task_result(self, processor_id: bytes, frame: Frame) -> None:
        """Forward the result of a task, and feed the next. Raise CodecError."""
        task_id = codec.peek_result(frame)[0]
        seat = self.seats.find(processor_id)
        task = self.tasks.find(task_id)
        if seat is None or task is None or task.seat is not seat:
            self.dropped["result"] += 1
            return
        seat.gate.release(task.number)
        seat.ended_tasks += 1
        seat.instruction_bytes = 0
        self.tasks.remove(task)
        self._outbox.to_scheduler.append(frame)
        if seat.state is SeatState.suspended and not seat.fed:
            self._feeding.resume(seat)  # it ended before it stood still
        self._go_on()

    def on_processor_message(self, processor_id: bytes, frame: Frame) -> None:
        """Forward what a processor says besides results: new objects, the output of tasks."""
        if self.seats.find(processor_id) is not None and self._link.connected:
            self._outbox.to_scheduler.append(frame)
        else:
            self.dropped["message"] += 1

    def on_undelivered(self, processor_id: bytes, frame: Frame, now: float, *, is_queue_full: bool) -> None:
        """Take note that a frame could not be sent to a processor. Raise CodecError."""
        if is_queue_full and codec.which(frame) != codec.MessageKind.task:  # about its cache, which has a bound anyway
            self.dropped["object instruction"] += 1
        else:
            self.on_processor_link_lost(processor_id, now)

    def on_processor_link_lost(self, processor_id: bytes, now: float) -> None:
        """Take note that nothing more comes from a processor, most often because it is about to end."""
        seat = self.seats.find(processor_id)
        if seat is None:
            return
        seat.state = SeatState.dying
        seat.link_lost_at = now
        self._bury_when_due(now)

    def on_processor_exited(self, processor_id: bytes, exit_code: int | None, now: float) -> None:
        """Take note of the end of the process."""
        seat = self.seats.find(processor_id)
        if seat is None:
            return
        seat.state = SeatState.dying
        seat.exit_code = exit_code
        seat.exited_at = now
        self._bury_when_due(now)

    # -- time

    def on_tick(self, now: float, *, is_listening: bool = True) -> None:
        """Look at everything that has a deadline. What processors say goes unheard unless somebody is listening."""
        self._bury_when_due(now)
        self._start_when_due(now)
        self._oversight.look(now - self._last_tick, is_listening=is_listening)
        self._last_tick = now
        self._feeding.drop_spares(now)
        self._go_on()  # slots of revoked tasks become free without a message
        if self._drain_until is not None and now >= self._drain_until:
            self._quit(f"it still holds {len(self.tasks)} task(s) at the end of the time to drain", 0)
        if self._link.is_dead(now):
            self._quit(f"nothing was heard of the scheduler for {self._link.silent_seconds(now):.0f} seconds", 1)

    def waiting_count(self) -> int:
        """Return how many held tasks have not started."""
        unstarted = sum(seat.state_of(task) is SlotState.fed for seat in self.seats for task in seat.fed.values())
        return self.tasks.queued_count + unstarted

    # -- tasks

    def _hold(self, frame: Frame) -> bool:
        task_id, _, _, priority, _, attempt, level, _ = codec.peek_task(frame)
        if task_id in self.tasks:
            self.dropped["duplicate task"] += 1
            return False
        self.tasks.add(task_id, frame, priority, attempt, level)
        return True

    def _go_on(self) -> None:
        if self._quitting:
            return
        self._feeding.go_on()
        if self._feeding.needs_processor():
            self._start_when_due(self._last_tick)

    # -- the end of a processor

    def _bury_when_due(self, now: float) -> None:
        for seat in self.seats:
            if seat.may_be_buried(now, PATIENCE_SECONDS):
                self._bury(seat, now)
            elif seat.lives_without_link(now, PATIENCE_SECONDS):
                self._feeding.kill(seat)

    def _bury(self, seat: ProcessorSeat, now: float) -> None:
        for task in list(seat.fed.values()):
            self._settle(task, seat)
        seat.gate.close()
        self.seats.remove(seat)
        if seat.ended_tasks > 0:
            self._restarts.on_useful_death(now)
        else:
            self._restarts.on_futile_death(now)
        if seat.exit_code == NO_RESTART_EXIT_CODE and not self._has_served:
            self._quit("its preload cannot be used", NO_RESTART_EXIT_CODE)
        elif self._restarts.exhausted and not seat.initialized:
            self._quit(
                f"the processor {task_ends.describe_exit(seat.exit_code)} before it could serve, "
                f"{self._restarts.futile_deaths} times in a row",
                1,
            )
        else:
            self._start_when_due(now)
            self._go_on()

    def _settle(self, task: HeldTask, seat: ProcessorSeat) -> None:
        """Decide what becomes of a fed task whose processor is dead."""
        if seat.gate.revoke(task.number):  # never started: the attempt does not count
            self.tasks.return_to_queue(task)
            return
        seat.ended_tasks += 1
        if task.cancel_wanted:
            self.tasks.remove(task)
            self._confirm(task.task_id, codec.TaskCancelConfirmType.canceled)
        elif task.timed_out:
            self._fail(task, task_ends.timed_out(task, seat, self._settings.worker_id, self._settings.host))
        elif seat.state_of(task) is SlotState.finished:
            self._on_result_lost(task, seat)
        else:
            self._fail(task, task_ends.processor_died(task, seat, self._settings.worker_id, self._settings.host))

    def _on_result_lost(self, task: HeldTask, seat: ProcessorSeat) -> None:
        """Let a task that ran to its end run once more, visibly: with the next attempt number.

        Its result died in the processor's buffers, most often by the fault of the task behind it.
        """
        task.lost_results += 1
        if task.lost_results == MOST_LOST_RESULTS:
            self._fail(task, task_ends.results_lost(task, seat, self._settings.worker_id, self._settings.host))
            return
        task.attempt += 1
        task.frame = codec.with_attempt(task.frame, task.attempt)
        self.tasks.return_to_queue(task)

    def _fail(self, task: HeldTask, frame: bytes) -> None:
        self.tasks.remove(task)
        self._outbox.to_scheduler.append(frame)

    def _start_when_due(self, now: float) -> None:
        if self._start_requested or self._quitting or not self._storage_known:
            return
        if self._feeding.needs_processor() and self._restarts.is_due(now):
            self._start_requested = True
            self._outbox.commands.append(StartProcessor())

    # -- small ones

    def _confirm(self, task_id: bytes, kind: codec.TaskCancelConfirmType) -> None:
        self._outbox.to_scheduler.append(codec.TaskCancelConfirm(task_id=task_id, cancel_confirm_type=kind).encode())

    def _quit(self, reason: str, exit_code: int) -> None:
        if not self._quitting:
            self._quitting = True
            self._outbox.commands.append(Quit(reason, exit_code))
