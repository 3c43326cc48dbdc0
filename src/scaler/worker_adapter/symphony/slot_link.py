"""The shell of one slot of a Symphony worker: its socket to the scheduler, in callbacks of the event loop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from scaler.io.ymq.ymq import Bytes, Context, IOSocketType, PeerEvent, Role, Socket, YMQException
from scaler.protocol import codec, message
from scaler.utility.network_util import join_host_and_port
from scaler.worker.agent.backlog import Backlog
from scaler.worker.agent.heartbeat import HeartbeatMaker
from scaler.worker.agent.patience import Patience
from scaler.worker.agent.scheduler_contact import SchedulerContact
from scaler.worker.worker_settings import WorkerSettings
from scaler.worker_adapter.symphony.executions import Execution, Executions
from scaler.worker_adapter.symphony.slot_core import SlotCore

_logger = logging.getLogger(__name__)

RECONNECT_SECONDS: Final = 0.5
LEAVE_SECONDS: Final = 2.0
_NO_DEATH_TIMEOUT_SECONDS: Final = 10.0 * 365 * 86400


class SlotLink:
    """Connects a slot to the scheduler, again when it was lost, until there is a reason to leave.

    ``executions`` returns what carries tasks out, given the address of the object storage; ``patience`` is that of all
    slots of the process.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        context: Context,
        loop: asyncio.AbstractEventLoop,
        executions: Callable[[str], Executions],
        patience: Patience,
    ) -> None:
        self._settings = settings
        self._context = context
        self._loop = loop
        self._executions = executions
        self._patience = patience
        self._storage_address = settings.object_storage_address
        contact = SchedulerContact(
            settings.heartbeat_interval_seconds, settings.death_timeout_seconds, time.monotonic()
        )
        self._core = SlotCore(contact)
        self._heartbeats = HeartbeatMaker(settings)
        self._backlog = Backlog(lambda _listen: None)  # nothing prints: it is bounded by the tasks that are held
        self._early: list[Bytes] = []  # tasks and cancels that came before the address of the storage
        self._under_way: dict[int, Execution] = {}  # by the identity of their task
        self._socket: Socket | None = None
        self._farewell = asyncio.Event()
        self.left: asyncio.Future[str] = loop.create_future()
        self._handlers: dict[int, Callable[[Bytes], None]] = {
            codec.MessageKind.task: self._on_task,
            codec.MessageKind.taskCancel: self._on_task_cancel,
            codec.MessageKind.objectInstruction: self._on_object_instruction,
            codec.MessageKind.workerHeartbeatEcho: self._on_echo,
            codec.MessageKind.clientDisconnect: lambda _frame: self._core.on_shutdown(),
            codec.MessageKind.disconnectResponse: lambda _frame: self._farewell.set(),
        }

    def connect(self) -> None:
        """Connect as a new session; the outcome is an event of the socket."""
        if self.left.done():
            return
        give_up_seconds = self._settings.death_timeout_seconds or _NO_DEATH_TIMEOUT_SECONDS
        socket = Socket(self._context, self._settings.worker_id, IOSocketType.Connector, role=Role.worker)
        try:
            socket.connect(self._settings.scheduler_address, give_up_seconds)
        except YMQException as error:
            socket.close(0)
            self.leave(f"cannot connect to the scheduler at {self._settings.scheduler_address}: {error.message}")
            return
        self._socket = socket
        self._patience.begin()
        self._loop.add_reader(socket, self._on_readable)

    def tick(self) -> None:
        """Do what time asks for."""
        if not self.left.done():
            now = time.monotonic()
            self._core.on_tick(now)
            self._heartbeat(now)
            self._flush()

    def leave(self, reason: str) -> None:
        """Let ``left`` be done."""
        if not self.left.done():
            self.left.set_result(reason)

    async def say_goodbye(self) -> None:
        """Give up all work, tell the scheduler, and close; it takes bounded time."""
        self.leave("it is closed")
        for execution in self._under_way.values():
            execution.give_up()
        if self._core.link.connected and self._socket is not None:
            request = message.encode("disconnectRequest", worker=self._settings.worker_id)
            self._socket.send_many([(None, frame) for frame in (*self._backlog.take(), request)])
            try:
                await asyncio.wait_for(self._farewell.wait(), LEAVE_SECONDS)
            except asyncio.TimeoutError:
                _logger.warning("the scheduler did not answer the farewell")
        self._disconnect()

    def _on_readable(self) -> None:
        for _, received in self._socket.drain() if self._socket is not None else ():
            if isinstance(received, PeerEvent):
                self._on_event(received)
            elif isinstance(received, Bytes):
                self._dispatch(received)
            if self._socket is None:
                break
        self._flush()

    def _on_event(self, event: PeerEvent) -> None:
        now = time.monotonic()
        if event is PeerEvent.connected:
            self._patience.end()
            self._core.link.on_connected(now)
            self._heartbeat(now)
            return
        self._disconnect()
        if self.left.done():  # it went first: nobody is left to say goodbye to
            self._farewell.set()
            return
        _logger.warning("scheduler %s: %s, connecting anew", self._settings.scheduler_address, event.name)
        self._early.clear()
        self._core.on_scheduler_lost()
        self._flush()
        self._loop.call_later(RECONNECT_SECONDS, self.connect)

    def _disconnect(self) -> None:
        socket, self._socket = self._socket, None
        self._patience.end()
        self._backlog.take()
        if socket is not None:
            self._loop.remove_reader(socket)
            socket.close(0)

    def _dispatch(self, frame: Bytes) -> None:
        try:
            handler = self._handlers.get(codec.which(frame))
            if handler is None:
                _logger.error("the scheduler sent a message of kind %d, which is not for workers", codec.which(frame))
            else:
                handler(frame)
        except codec.CodecError as error:
            _logger.error("the scheduler sent a message that is not understood: %s", error)

    def _on_task(self, frame: Bytes) -> None:
        if self._storage_address is None:
            self._early.append(frame)
        else:
            self._core.on_task(frame, time.monotonic())

    def _on_task_cancel(self, frame: Bytes) -> None:
        if self._storage_address is None:
            self._early.append(frame)
        else:
            self._core.on_task_cancel(frame, time.monotonic())

    def _on_object_instruction(self, frame: Bytes) -> None:
        instruction = codec.decode(frame)
        assert isinstance(instruction, codec.ObjectInstruction)
        if instruction.instruction_type == codec.ObjectInstructionType.delete and self._storage_address is not None:
            self._executions(self._storage_address).discard(instruction.object_ids)

    def _on_echo(self, frame: Bytes) -> None:
        self._core.link.on_echo(time.monotonic())
        _, echo = message.decode(frame)
        host, port = echo.objectStorageAddress.host, echo.objectStorageAddress.port
        if self._settings.object_storage_address is None and host:
            self._storage_address = f"tcp://{join_host_and_port(host, port)}"
        if self._storage_address is None:
            return
        self._executions(self._storage_address).keep_objects_for(echo.objectRetentionMilliseconds / 1000)
        early, self._early = self._early, []
        for each in early:
            self._dispatch(each)

    def _heartbeat(self, now: float) -> None:
        if self._core.link.take_heartbeat(now):
            self._core.outbox.to_scheduler.append(self._heartbeats.make(self._core))

    def _flush(self) -> None:
        """Carry out what the core wants."""
        outbox = self._core.take_outbox()
        if self._socket is not None:
            self._backlog.send(self._socket, outbox.to_scheduler)
        for task in outbox.give_up:
            if (execution := self._under_way.pop(id(task), None)) is not None:
                execution.give_up()
        for task in outbox.start:
            execution = Execution(task, partial(self._on_frame, task), self._on_done)
            self._under_way[id(task)] = execution
            assert self._storage_address is not None
            self._executions(self._storage_address).start(execution)
        if outbox.leave is not None:
            self.leave(outbox.leave)

    def _on_frame(self, task: codec.Task, frame: bytes) -> None:
        if self._core.is_running(task):
            self._core.outbox.to_scheduler.append(frame)
            self._flush()

    def _on_done(self, execution: Execution, frame: bytes) -> None:
        self._under_way.pop(id(execution.task), None)
        self._core.on_done(execution.task, frame, time.monotonic())
        if not self.left.done():
            self._flush()
