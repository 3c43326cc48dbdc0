"""Lets single tasks and their results pass without the agent's Python, while its core has nothing to decide.

Between two turns of the agent the native relay is open when a task that came now would just be fed to a processor that
waits for one. Each turn begins with its recall, so that the core knows of everything before it decides anything.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from scaler.worker.agent._relay import Relay

if TYPE_CHECKING:
    from scaler.io.ymq.ymq import Socket
    from scaler.worker.agent.core import AgentCore
    from scaler.worker.agent.processor_seat import ProcessorSeat


class TaskRelay:
    """Opens and recalls the relay between the sockets of an agent."""

    def __init__(self, core: AgentCore, processors: Socket) -> None:
        self._core = core
        self._processors = processors
        self._relay: Relay | None = None
        self._seat: ProcessorSeat | None = None  # of the processor that is served, while the relay is open

    def connect(self, scheduler: Socket) -> None:
        """Pass what comes over this socket. With several I/O threads nothing may pass."""
        self._relay = Relay.connect(scheduler.port, self._processors.port)

    def disconnect(self) -> None:
        """Pass nothing until the next socket; it must be recalled before."""
        assert self._seat is None
        self._relay = None

    def offer(self) -> None:
        """Let the next task pass if the core has nothing to decide about it."""
        if self._relay is None or self._seat is not None:
            return
        seat = self._core.seat_of_next_task()
        if seat is not None and self._relay.open(seat.processor_id, seat.gate, seat.next_number):
            self._seat = seat

    def recall(self) -> None:
        """Let nothing more pass, and tell the core what has."""
        seat, self._seat = self._seat, None
        if seat is None:
            return
        assert self._relay is not None
        ended_tasks, running, is_delivered = self._relay.close()
        self._core.on_passed(seat, ended_tasks, running)
        if running is not None and not is_delivered:
            self._core.on_undelivered(seat.processor_id, running, time.monotonic(), is_queue_full=False)
