"""Processes that live and die together: a command that starts more than one of them is such a stack."""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Callable

from scaler.cluster.supervision import StopRequested, StopSignals, describe_exit, let_drain, stop_all, wait_for_any
from scaler.utility.process import ChildProcess

FAILURE_EXIT_CODE = 1


class Stage(enum.IntEnum):
    """When a process is stopped: the last stage first, for it uses those before."""

    storage = 0
    scheduler = 1
    others = 2


# When each stage has to have ended, from the moment at which stopping begins, behind the time of those that drain: what
# one leaves, the next ones have. The first is longer than what a cluster gives to its workers, and the last below ten
# seconds.
_DEADLINE_SECONDS = {Stage.others: 5.0, Stage.scheduler: 8.0, Stage.storage: 9.0}


class Stack:
    """The running processes, in the order of their start. Used from the main thread only."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._processes: list[tuple[ChildProcess, Stage]] = []

    def start(self, process: ChildProcess, stage: Stage) -> None:
        """Start a process as one of the stack; raise ProcessStartError when it cannot start."""
        self._processes.append((process, stage))
        process.start()

    def wait(self, signals: StopSignals) -> int:
        """Wait until any process ends, which ends the stack, and return the exit status.

        A scheduler that was shut down by a client, and workers that were told to leave, end well; nothing else does.
        """
        status = 0
        stages = dict(self._processes)
        for ended in wait_for_any(list(stages), signals):
            if ended.exitcode == 0 and stages[ended] is not Stage.storage:
                logging.info("%s: %s has ended, stopping everything", self._program, ended.name)
            else:
                logging.error("%s: %s ended: %s", self._program, ended.name, describe_exit(ended.exitcode))
                status = ended.exitcode if ended.exitcode is not None and ended.exitcode > 0 else FAILURE_EXIT_CODE
        return status

    def stop(self, signals: StopSignals | None = None) -> bool:
        """Drain what drains, stop what still runs, stage by stage, and return whether nothing had to be killed."""
        let_drain([process for process, stage in self._processes if stage is Stage.others], signals)
        began_seconds = time.monotonic()
        all_ended = True
        for stage, deadline_seconds in _DEADLINE_SECONDS.items():
            processes = [process for process, own_stage in self._processes if own_stage is stage]
            grace_seconds = max(0.0, began_seconds + deadline_seconds - time.monotonic())
            all_ended = stop_all(processes, grace_seconds) and all_ended
        for process, _ in self._processes:
            process.close()
        return all_ended


def run_stack(program: str, start: Callable[[Stack], object]) -> int:
    """Start a stack, wait for its end or for a signal, stop it, and return the exit status."""
    stack = Stack(program)
    status = 0
    with StopSignals() as signals:
        try:
            start(stack)
            status = stack.wait(signals)
        except StopRequested:
            logging.info("%s: received signal, shutting down", program)
        finally:
            signals.disarm()
            all_ended = stack.stop(signals)
    return status if all_ended else FAILURE_EXIT_CODE
