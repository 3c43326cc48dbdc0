"""The process that runs tasks.

Design note. The main thread waits in ``recv_batch`` without the interpreter lock, and runs tasks in the order in which
they arrive; before each start it asks the gate it shares with the agent whether the task was taken back meanwhile. The
native I/O thread receives and sends on its own: a result leaves at once when nothing else waits, otherwise within half
a millisecond, also while the next task runs. The process ends with its link to the agent, with its parent, or by
SIGTERM and SIGKILL, which are never handled here: whatever it has not sent, the agent answers for.

What runs tasks is imported by ``serve``: the agent, which only starts processors, needs none of it.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar

from scaler.utility.process import ChildProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from scaler.protocol import codec
    from scaler.worker.agent.processor.processor_settings import ProcessorSettings

_current_processor: ContextVar[Processor | None] = ContextVar("current_processor", default=None)


class Processor(ChildProcess):
    """Runs the tasks that its agent feeds it. The agent makes one, and starts it with the gate's descriptor."""

    # It may stand still, and then no other signal reaches it.
    parent_loss_signal = signal.SIGKILL

    # Threads that a task starts do not inherit the context variable; for them the process itself remembers.
    _of_this_process: ClassVar[Processor | None] = None

    def __init__(self, settings: ProcessorSettings) -> None:
        super().__init__(name="Processor")
        self._settings = settings
        self._current_task: codec.Task | None = None
        self.nested_clients: dict[bytes, Any] = {}
        """The clients that tasks of this process were given, by their settings; they are used again."""

    @property
    def processor_id(self) -> bytes:
        """The identity under which its agent knows it."""
        return self._settings.processor_id

    @property
    def scheduler_address(self) -> str:
        """The address at which the worker reaches the scheduler."""
        return self._settings.scheduler_address

    @property
    def object_storage_address(self) -> str:
        """The address at which the worker reaches the object storage."""
        return self._settings.object_storage_address

    @staticmethod
    def get_current_processor() -> Processor | None:
        """Return the processor that runs the calling code as part of a task, or None outside of tasks."""
        return _current_processor.get() or Processor._of_this_process

    def current_task(self) -> codec.Task | None:
        """Return the task that is being run, or None."""
        return self._current_task

    def run(self) -> None:
        """Set up, tell the agent, and run tasks until the link to the agent ends."""
        _ignore_interrupts()
        if self._settings.capture_native_output:
            from scaler.worker.agent.processor.descriptor_capture import leave_standard_descriptors

            leave_standard_descriptors()
        self._set_up_logging()
        from scaler.worker.agent.processor.service import serve

        serve(self, self._settings, self._preload)
        logging.info("processor %d: the agent has gone", os.getpid())

    def run_task(self, task: codec.Task, run: Callable[[codec.Task], bytes]) -> bytes:
        """Run one task as the current one of this process, and return the frame of its result."""
        token = _current_processor.set(self)
        Processor._of_this_process = self
        self._current_task = task
        try:
            return run(task)
        except BaseException as error:  # the outermost guard: nothing a task does may end the processor silently
            logging.debug("task %s: its result could not be made", task.task_id.hex(), exc_info=True)
            from scaler.worker.agent.processor.service import last_resort

            return last_resort(task, error)
        finally:
            self._current_task = None
            Processor._of_this_process = None
            _current_processor.reset(token)

    def _preload(self) -> None:
        spec = self._settings.preload
        if not spec:
            return
        from scaler.utility.restarts import NO_RESTART_EXIT_CODE
        from scaler.worker.preload import PreloadSpecError, execute_preload

        try:
            execute_preload(spec)
        except Exception as error:
            # Where it failed is of use only when the function was found.
            is_found = not isinstance(error, (PreloadSpecError, ImportError))
            place = f"processor {self._settings.processor_id.hex()}: preload {spec!r} failed"
            logging.error("%s: %s: %s", place, type(error).__name__, error, exc_info=is_found)
            sys.exit(1 if is_found else NO_RESTART_EXIT_CODE)

    def _set_up_logging(self) -> None:
        from scaler.utility.logging.utility import paths_of_process, setup_logger

        paths = paths_of_process(self._settings.logging_paths, os.getpid())
        setup_logger(paths, self._settings.logging_config_file, self._settings.logging_level)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the processes that can stop in order.

    A handler that does nothing is used, not SIG_IGN: programs that a task starts would inherit that.
    """

    def ignore(_signal: int, _frame: FrameType | None) -> None:
        pass

    signal.signal(signal.SIGINT, ignore)
