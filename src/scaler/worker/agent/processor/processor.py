"""The process that runs tasks.

Design note. The main thread waits in ``recv_batch`` without the interpreter lock, and runs tasks in the order in which
they arrive; before each start it asks the gate it shares with the agent whether the task was taken back meanwhile. The
native I/O thread receives and sends on its own: a result leaves at once when nothing else waits, otherwise within half
a millisecond, also while the next task runs. The process ends with its link to the agent, with its parent, or by
SIGTERM and SIGKILL, which are never handled here: whatever it has not sent, the agent answers for.

Only what runs tasks is imported here; a test holds the list.
"""

from __future__ import annotations

import logging
import os
import signal
from collections import deque
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar

from scaler.io.ymq.ymq import Context, IOSocketType, PeerEvent, Role, Socket
from scaler.protocol import codec
from scaler.utility.exceptions import UnserializableError
from scaler.utility.process import ChildProcess
from scaler.utility.serialization import serialize_failure
from scaler.worker.agent.processor.memory_trimmer import MemoryTrimmer
from scaler.worker.agent.processor.object_cache import ObjectCache
from scaler.worker.agent.processor.storage import Storage
from scaler.worker.agent.processor.task_objects import TaskObjects
from scaler.worker.agent.processor.task_runner import TaskRunner
from scaler.worker.agent.task_gate import TaskGate

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from scaler.io.ymq.ymq import Bytes
    from scaler.worker.agent.processor.processor_settings import ProcessorSettings

CONNECT_SECONDS = 30.0

_current_processor: ContextVar[Processor | None] = ContextVar("current_processor", default=None)


class Processor(ChildProcess):
    """Runs the tasks that its agent feeds it. The agent makes one, and starts it with the gate's descriptor."""

    # Threads that a task starts do not inherit the context variable; for them the process itself remembers.
    _of_this_process: ClassVar[Processor | None] = None

    def __init__(self, settings: ProcessorSettings) -> None:
        super().__init__(name="Processor")
        self._settings = settings
        self._current_task: codec.Task | None = None

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
        self._set_up_logging()
        gate = TaskGate.attach(self._settings.gate_descriptor)
        os.close(self._settings.gate_descriptor)  # children of tasks have no use for it
        context = Context(1)
        socket = Socket(context, self._settings.processor_id, IOSocketType.Connector, role=Role.processor)
        socket.connect(self._settings.agent_address, CONNECT_SECONDS)
        self._preload()
        _TaskLoop(self, self._settings, socket, gate).run()
        logging.info("processor %d: the agent has gone", os.getpid())

    def run_task(self, task: codec.Task, run: Callable[[codec.Task], bytes]) -> bytes:
        """Run one task as the current one of this process, and return the frame of its result."""
        token = _current_processor.set(self)
        Processor._of_this_process = self
        self._current_task = task
        try:
            return run(task)
        except BaseException as error:  # the outermost guard: nothing a task does may end the processor silently
            logging.exception("task %s: its result could not be made", task.task_id.hex())
            return _last_resort(task, error)
        finally:
            self._current_task = None
            Processor._of_this_process = None
            _current_processor.reset(token)

    def _preload(self) -> None:
        spec = self._settings.preload
        if not spec:
            return
        from scaler.worker.preload import execute_preload

        try:
            execute_preload(spec)
        except Exception as error:
            message = f"processor {self._settings.processor_id.hex()}: preload {spec!r} failed: {error}"
            logging.exception(message)
            raise RuntimeError(message) from error

    def _set_up_logging(self) -> None:
        from scaler.utility.logging.utility import paths_of_process, setup_logger

        paths = paths_of_process(self._settings.logging_paths, os.getpid())
        setup_logger(paths, None, self._settings.logging_level)


class _TaskLoop:
    """Takes frames from the agent and answers them."""

    def __init__(self, processor: Processor, settings: ProcessorSettings, socket: Socket, gate: TaskGate) -> None:
        self._processor = processor
        self._socket = socket
        self._gate = gate
        self._inbox: deque[tuple[Any, Any]] = deque()
        self._next_number = 0  # of the next task frame, as the agent counts them
        self._is_over = False
        storage = Storage(settings.object_storage_address)
        self._cache = ObjectCache(settings.cache_bytes)
        self._runner = TaskRunner(TaskObjects(self._cache, storage), storage, self._announce)
        self._trimmer = MemoryTrimmer(settings.garbage_collect_interval_seconds, settings.trim_memory_threshold_bytes)
        self._handlers: dict[int, Callable[[Bytes], None]] = {
            codec.MessageKind.task: self._on_task,
            codec.MessageKind.objectInstruction: self._on_object_instruction,
        }

    def run(self) -> None:
        """Serve until the link to the agent ends."""
        self._trimmer.start()
        while not self._is_over:
            self._inbox.extend(self._socket.recv_batch())
            while self._inbox and not self._is_over:
                self._on_received(self._inbox.popleft()[1])
        self._trimmer.stop()

    def _on_received(self, received: Bytes | PeerEvent) -> None:
        if not isinstance(received, PeerEvent):
            self._on_frame(received)
        elif received is PeerEvent.connected:
            self._socket.send(None, codec.ProcessorInitialized().encode())
        else:  # lost or refused: the agent answers for everything that was not sent
            self._is_over = True

    def _on_frame(self, frame: Bytes) -> None:
        try:
            handler = self._handlers[codec.which(frame)]
        except (codec.CodecError, KeyError):
            logging.error("the agent sent a message that is not understood")
            return
        handler(frame)

    def _on_task(self, frame: Bytes) -> None:
        number = self._next_number
        self._next_number += 1
        if not self._gate.try_start(number):
            return  # it was taken back
        task = codec.decode(frame)
        assert isinstance(task, codec.Task)
        result = self._processor.run_task(task, self._runner.run)
        self._gate.finish(number)
        self._trimmer.on_task()
        self._send(result)

    def _on_object_instruction(self, frame: Bytes) -> None:
        instruction = codec.decode(frame)
        assert isinstance(instruction, codec.ObjectInstruction)
        if instruction.instruction_type == codec.ObjectInstructionType.delete:
            self._cache.discard(instruction.object_ids)

    def _announce(self, frame: bytes) -> None:
        self._socket.send(None, frame)

    def _send(self, frame: bytes) -> None:
        """Send a result: at once when there is nothing else to do, otherwise together with the next ones."""
        if not self._inbox:
            self._inbox.extend(self._socket.drain())
        if self._inbox:
            self._socket.send_soon(None, frame)
        else:
            self._socket.send(None, frame)


def _ignore_interrupts() -> None:
    """Leave Ctrl-C to the processes that can stop in order.

    A handler that does nothing is used, not SIG_IGN: programs that a task starts would inherit that.
    """

    def ignore(_signal: int, _frame: FrameType | None) -> None:
        pass

    signal.signal(signal.SIGINT, ignore)


def _last_resort(task: codec.Task, error: BaseException) -> bytes:
    failure = UnserializableError(f"the result of the task could not be made: {type(error).__name__}")
    return codec.TaskResult(
        task_id=task.task_id,
        result_type=codec.TaskResultType.failed,
        attempt=task.attempt,
        cause=codec.TaskEndCause.exception,
        value=serialize_failure(failure),
    ).encode()
