"""The shell of the agent: sockets, clock, signals and processes around the core.

Design note. Everything here runs on one asyncio loop, in callbacks that never wait: a readable socket is drained into
the core's handlers, then the outbox is flushed once. Between two callbacks single tasks may pass without any of this
(relay.py); so each begins with their recall. Stopping goes in this order: the scheduler is told, processors are
killed, the scheduler's answer and the processors' ends are awaited for a bounded time, sockets are closed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket as network
import time
from typing import TYPE_CHECKING, Any, Final

from scaler.io.ymq.ymq import Context, ErrorCode, IOSocketType, PeerEvent, Role, Socket, YMQException
from scaler.protocol import codec, message
from scaler.utility.network_util import join_host_and_port
from scaler.worker.agent.backlog import Backlog
from scaler.worker.agent.core import AgentCore, AgentSettings
from scaler.worker.agent.heartbeat import HeartbeatMaker
from scaler.worker.agent.outbox import (
    KillProcessor,
    Outbox,
    Quit,
    ResumeProcessor,
    StartProcessor,
    SuspendProcessor,
)
from scaler.worker.agent.patience import Patience
from scaler.worker.agent.processors import Processors
from scaler.worker.agent.relay import TaskRelay

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaler.worker.agent.outbox import Command, Frame
    from scaler.worker.agent.prepared_processor import PreparedProcessor
    from scaler.worker.worker_settings import WorkerSettings

TICK_SECONDS: Final = 0.25
RECONNECT_SECONDS: Final = 0.5
LEAVE_SECONDS: Final = 2.0
LINGER_SECONDS: Final = 1.0
_NO_DEATH_TIMEOUT_SECONDS: Final = 10.0 * 365 * 86400


async def run_agent(settings: WorkerSettings, prepared: PreparedProcessor | None = None) -> int:
    """Be the agent of a worker until there is a reason to leave; return the exit code of the process.

    The first processor uses the interpreter that was prepared for it, when there is one.
    """
    return await Agent(settings, asyncio.get_running_loop(), prepared).run()


class Agent:
    """Runs one worker on the loop. It takes over the loop's signal and exception handling."""

    def __init__(
        self, settings: WorkerSettings, loop: asyncio.AbstractEventLoop, prepared: PreparedProcessor | None = None
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._outbox = Outbox()
        self._core = AgentCore(_core_settings(settings), self._outbox, time.monotonic())
        self._heartbeats = HeartbeatMaker(settings)
        self._storage_address = settings.object_storage_address
        self._object_retention_ms = 0
        self._backlog = Backlog(self._listen_to_processors)
        self._quit: asyncio.Future[Quit] = loop.create_future()
        self._is_leaving = False
        self._farewell = asyncio.Event()
        self._context = Context(settings.io_threads)
        self._scheduler: Socket | None = None  # while a session lasts or is being made
        self._patience = Patience(loop, settings.scheduler_address)
        self._inner = Socket(self._context, settings.worker_id, IOSocketType.Binder, role=Role.worker)
        address = self._inner.bind(f"ipc://@scaler_worker_{os.urandom(16).hex()}")
        self._relay = TaskRelay(self._core, self._inner)
        self._processors = Processors(settings, address, loop, self._on_processor_exit, prepared)
        self._commands: dict[type[Command], Callable[[Any], None]] = {
            StartProcessor: self._start_processor,
            KillProcessor: self._kill_processor,
            SuspendProcessor: lambda command: self._processors.suspend(command.processor_id),
            ResumeProcessor: lambda command: self._processors.resume(command.processor_id),
            Quit: self._on_quit,
        }
        self._from_scheduler: dict[int, Callable[[Frame], None]] = {
            codec.MessageKind.task: self._core.on_task,
            codec.MessageKind.taskCancel: self._core.on_task_cancel,
            codec.MessageKind.objectInstruction: self._core.on_object_instruction,
            codec.MessageKind.workerHeartbeatEcho: self._on_echo,
            codec.MessageKind.clientDisconnect: self._on_shutdown,
            codec.MessageKind.disconnectResponse: self._on_disconnect_response,
        }
        self._from_processor: dict[int, Callable[[bytes, Frame], None]] = {
            codec.MessageKind.taskResult: self._core.on_task_result,
            codec.MessageKind.objectInstruction: self._core.on_processor_message,
            codec.MessageKind.taskLog: self._core.on_processor_message,
            codec.MessageKind.processorInitialized: self._on_initialized,
        }

    async def run(self) -> int:
        """Serve until there is a reason to leave; return the exit code of the process."""
        self._loop.set_exception_handler(self._on_unexpected)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._on_signal, number)
        self._listen_to_processors(True)
        self._connect()
        if self._storage_address is not None:
            self._core.on_storage_address(time.monotonic())
        self._tick()
        quit_command = await self._quit
        log = logging.info if quit_command.exit_code == 0 else logging.error
        log("worker %s leaves: %s", self._settings.worker_id.decode(errors="replace"), quit_command.reason)
        await self._leave()
        return quit_command.exit_code

    # -- the link to the scheduler

    def _connect(self) -> None:
        """Connect as a new session; the outcome is an event of the socket."""
        if self._quit.done():
            return
        give_up_seconds = self._settings.death_timeout_seconds or _NO_DEATH_TIMEOUT_SECONDS
        socket = Socket(self._context, self._settings.worker_id, IOSocketType.Connector, role=Role.worker)
        try:
            socket.connect(self._settings.scheduler_address, give_up_seconds)
        except YMQException as error:
            socket.close(0)
            self._give_up(f"cannot connect to the scheduler at {self._settings.scheduler_address}: {error.message}")
            return
        self._scheduler = socket
        self._patience.begin()
        self._relay.connect(socket)
        self._loop.add_reader(socket, self._on_scheduler_readable)

    def _on_scheduler_readable(self) -> None:
        socket = self._scheduler
        if socket is None:
            return
        self._relay.recall()
        for _, received in socket.drain():
            if isinstance(received, PeerEvent):
                self._on_scheduler_event(received)
                if self._scheduler is None:
                    break
            else:
                self._dispatch_from_scheduler(received)
        self._flush()

    def _on_scheduler_event(self, event: PeerEvent) -> None:
        now = time.monotonic()
        if event is PeerEvent.connected:
            self._patience.end()
            self._core.on_scheduler_connected(now)
            self._heartbeat(now)
            return
        if self._quit.done():  # it went first: nobody is left to say goodbye to
            self._disconnect()
            self._farewell.set()
            return
        logging.warning("scheduler %s: %s, connecting anew", self._settings.scheduler_address, event.name)
        self._disconnect()
        self._core.on_scheduler_lost(now)
        self._loop.call_later(RECONNECT_SECONDS, self._connect)

    def _disconnect(self, linger_seconds: float = 0) -> None:
        socket, self._scheduler = self._scheduler, None
        self._patience.end()
        self._backlog.take()
        self._relay.disconnect()
        if socket is not None:
            self._loop.remove_reader(socket)
            socket.close(linger_seconds)

    def _dispatch_from_scheduler(self, frame: Any) -> None:
        try:
            handler = self._from_scheduler.get(codec.which(frame))
            if handler is None:
                self._patience.on_unexpected(codec.which(frame))
            else:
                handler(frame)
        except codec.CodecError as error:
            logging.error("the scheduler sent a message that is not understood: %s", error)

    def _on_echo(self, frame: Frame) -> None:
        now = time.monotonic()
        self._core.on_heartbeat_echo(now)
        _, echo = message.decode(frame)
        if echo.objectRetentionMilliseconds != self._object_retention_ms:
            self._object_retention_ms = echo.objectRetentionMilliseconds
            self._core.on_object_retention(frame)
        if self._settings.object_storage_address is not None:
            return
        host, port = echo.objectStorageAddress.host, echo.objectStorageAddress.port
        address = f"tcp://{join_host_and_port(host, port)}"
        if address == self._storage_address or not host:
            return
        is_first = self._storage_address is None
        self._storage_address = address
        if is_first:
            self._core.on_storage_address(now)
        else:
            self._core.on_storage_moved()

    def _on_shutdown(self, _frame: Frame) -> None:
        self._core.on_shutdown()

    def _on_disconnect_response(self, _frame: Frame) -> None:
        self._farewell.set()

    # -- processors

    def _on_inner_readable(self) -> None:
        self._relay.recall()
        for processor_id, received in self._inner.drain():
            if not isinstance(processor_id, bytes):
                continue  # the outcome of a send, which nobody asks for here
            if not isinstance(received, PeerEvent):
                self._dispatch_from_processor(processor_id, received)
            elif received is not PeerEvent.connected:
                self._core.on_processor_link_lost(processor_id, time.monotonic())
        self._flush()

    def _listen_to_processors(self, listen: bool) -> None:
        if listen and not self._is_leaving:
            self._loop.add_reader(self._inner, self._on_inner_readable)
        else:
            self._loop.remove_reader(self._inner)

    def _dispatch_from_processor(self, processor_id: bytes, frame: Any) -> None:
        try:
            handler = self._from_processor.get(codec.which(frame))
            if handler is None:
                logging.error("a processor sent a message of kind %d", codec.which(frame))
            else:
                handler(processor_id, frame)
        except codec.CodecError as error:
            logging.error("a processor sent a message that is not understood: %s", error)

    def _on_initialized(self, processor_id: bytes, _frame: Frame) -> None:
        self._core.on_processor_initialized(processor_id)

    def _on_processor_exit(self, processor_id: bytes, exit_code: int | None) -> None:
        # What it sent before its end is taken first; what is still on the way, the core waits for.
        self._on_inner_readable()
        self._core.on_processor_exited(processor_id, exit_code, time.monotonic())
        self._flush()

    def _start_processor(self, _command: StartProcessor) -> None:
        assert self._storage_address is not None
        try:
            processor_id, pid, gate = self._processors.start(self._storage_address)
        except OSError as error:
            logging.error("cannot start a processor: %s", error)
            self._core.on_processor_start_failed(str(error), time.monotonic())
            return
        self._core.on_processor_started(processor_id, pid, gate)

    def _kill_processor(self, command: KillProcessor) -> None:
        self._processors.kill(command.processor_id, command.reason)

    # -- time, effects, the end

    def _tick(self) -> None:
        if self._quit.done():
            return
        self._relay.recall()
        now = time.monotonic()
        self._core.on_tick(now, is_listening=not self._backlog)
        self._heartbeat(now)
        self._flush()
        self._loop.call_later(TICK_SECONDS, self._tick)

    def _heartbeat(self, now: float) -> None:
        if self._core.link.take_heartbeat(now):
            self._outbox.to_scheduler.append(self._heartbeats.make(self._core))

    def _flush(self) -> None:
        """Carry out what the core wants, once for everything that was received together."""
        while not self._is_leaving:
            self._send_to_scheduler()
            messages = self._outbox.take_to_processor()
            if messages:
                for index, code in self._inner.send_many(messages):
                    self._on_undelivered(*messages[index], code)
            commands = self._outbox.take_commands()
            if not commands:
                if not self._backlog:
                    self._relay.offer()
                return
            for command in commands:
                self._commands[type(command)](command)

    def _on_undelivered(self, processor_id: bytes, frame: Frame, code: ErrorCode) -> None:
        logging.debug("cannot send to a processor: %s", code.name)
        is_full = code is ErrorCode.PeerQueueFull
        self._core.on_undelivered(processor_id, frame, time.monotonic(), is_queue_full=is_full)

    def _send_to_scheduler(self) -> None:
        frames = self._outbox.take_to_scheduler()
        if self._scheduler is None:
            return  # the session is over, and with it the tasks these frames are about
        self._backlog.send(self._scheduler, frames)

    def _on_quit(self, command: Quit) -> None:
        if not self._quit.done():
            self._quit.set_result(command)

    def _give_up(self, reason: str) -> None:
        self._on_quit(Quit(reason, 1))

    def _on_signal(self, number: signal.Signals) -> None:
        self._relay.recall()
        now, reason, drain_seconds = time.monotonic(), f"received {number.name}", self._settings.drain_seconds
        if number is signal.SIGTERM and drain_seconds > 0 and not self._core.is_draining:
            logging.info("worker %s drains: %s", self._settings.worker_id.decode(errors="replace"), reason)
            self._core.on_drain_requested(reason, drain_seconds, now)
            self._heartbeat(now)
        else:
            self._core.on_stop_requested(reason)
        self._flush()

    def _on_unexpected(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """End in order when a callback fails: that is a defect of ours, and the tasks are better off elsewhere."""
        logging.error("unexpected: %s", context.get("message"), exc_info=context.get("exception"))
        self._give_up(f"unexpected error: {context.get('exception')!r}")

    async def _leave(self) -> None:
        # From here on the core is not heard any more: the scheduler places the tasks elsewhere, and the deaths of the
        # processors are nobody's failure.
        self._is_leaving = True
        self._relay.recall()
        logging.debug("dropped, by kind: %s", dict(self._core.dropped))
        if self._core.link.connected and self._scheduler is not None:
            request = message.encode("disconnectRequest", worker=self._settings.worker_id)
            self._scheduler.send_many([(None, frame) for frame in (*self._backlog.take(), request)])
            self._processors.kill_all()
            try:
                await asyncio.wait_for(self._farewell.wait(), LEAVE_SECONDS)
            except asyncio.TimeoutError:
                logging.warning("the scheduler did not answer the farewell")
        self._processors.close()
        self._loop.remove_reader(self._inner)
        self._inner.close(0)
        self._disconnect(LINGER_SECONDS)


def _core_settings(settings: WorkerSettings) -> AgentSettings:
    return AgentSettings(
        worker_id=settings.worker_id,
        host=network.gethostname(),
        heartbeat_interval_seconds=settings.heartbeat_interval_seconds,
        death_timeout_seconds=settings.death_timeout_seconds,
        task_timeout_seconds=settings.task_timeout_seconds,
    )
