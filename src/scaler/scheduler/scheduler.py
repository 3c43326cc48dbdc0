"""The scheduler's shell: sockets, clock and loop. It drains a batch, lets the core handle it, and flushes once."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from scaler.config.derived_addresses import advertised_storage_address, own_monitor_address, own_storage_address
from scaler.config.section.scheduler import SchedulerConfig
from scaler.config.types.object_storage_server import ObjectStorageConfig
from scaler.config.types.zmq import ZMQConfig
from scaler.io.ymq.ymq import Bytes, Context, IOSocketType, PeerEvent, Role, Socket, YMQException
from scaler.scheduler.controllers.scaling_policies.cluster_load import ClusterLoad
from scaler.scheduler.core import CoreSettings, SchedulerCore
from scaler.scheduler.delivery import Delivery
from scaler.scheduler.storage_deleter import StorageDeleter, connect_to_storage
from scaler.utility.process_meter import ProcessMeter, available_memory_bytes

if TYPE_CHECKING:
    from scaler.scheduler.scaling import Scaling

_BATCH: Final = 1024
_COPY_BELOW_BYTES: Final = 4096  # what a copy costs is less than what it saves
_TICK_SECONDS: Final = 0.1
_IDLE_TICK_SECONDS: Final = 1.0
_REPORT_SECONDS: Final = 1.0
_LINGER_SECONDS: Final = 2.0
_GATHER_SECONDS: Final = 0.05
"""How long a message of the monitor stream waits for others, so that tasks do not pay for each."""
_SUBSCRIBER_BOUND_BYTES: Final = 1 << 26
"""What is kept for a subscriber of the monitor stream that does not read; a snapshot of a large cluster fits."""


class Scheduler:
    """Runs one scheduler in an event loop. ``stop`` may be called from a signal handler of the loop."""

    def __init__(self, config: SchedulerConfig) -> None:
        self._config = config
        self._stopped: asyncio.Event | None = None
        self._stop_requested = False

    async def run(self, on_ready: Callable[[str, str, str], None]) -> None:
        """Serve until ``stop``, or until a client shuts the cluster down.

        ``on_ready`` gets the bound scheduler address, the object storage address and the bound monitor address. Raise
        OSError when an address cannot be bound.
        """
        self._stopped = asyncio.Event()
        context = Context(self._config.io_threads)
        service = _Service(self._config, context, self._stopped)
        try:
            on_ready(*service.addresses)
            if self._stop_requested:
                self._stopped.set()
            await service.serve()
        finally:
            service.close()

    def stop(self) -> None:
        """Let ``run`` return."""
        self._stop_requested = True
        if self._stopped is not None:
            self._stopped.set()


class _Service:
    """The sockets and timers of one run."""

    def __init__(self, config: SchedulerConfig, context: Context, stopped: asyncio.Event) -> None:
        self._stopped = stopped
        self._socket = _make_socket(context, config)
        self._monitor = _make_monitor_socket(context)
        scheduler_address = _bind(self._socket, "scheduler_address", config.scheduler_address)
        storage_address = _storage_address(config, ZMQConfig.from_string(scheduler_address))
        told_address = advertised_storage_address(storage_address, config.advertised_object_storage_address)
        monitor_address = _bind(
            self._monitor, "monitor_address", config.monitor_address or own_monitor_address(config.scheduler_address)
        )
        self.addresses = (scheduler_address, storage_address.to_address(), monitor_address)
        self._core = SchedulerCore(
            CoreSettings(
                object_storage_host=told_address.host,
                object_storage_port=told_address.port,
                allocate_policy=config.allocate_policy,
                max_number_of_tasks_waiting=config.max_number_of_tasks_waiting,
                protected=config.protected,
                load_balance_seconds=config.load_balance_seconds,
                load_balance_trigger_times=config.load_balance_trigger_times,
                object_retention_seconds=config.object_retention_seconds,
            ),
            self._statistics,
        )
        self._deleter = StorageDeleter(partial(connect_to_storage, storage_address.to_address(), context))
        self._delivery = Delivery(self._socket, self._monitor, self._deleter, stopped.set, self._core.isolation)
        self._meter = ProcessMeter()
        self._next_report_seconds = 0.0
        self._further_turn: asyncio.Handle | None = None
        self._publication: asyncio.Handle | None = None
        self._scaling = self._make_scaling(config)

    async def serve(self) -> None:
        """Handle events until stopped."""
        loop = asyncio.get_running_loop()
        background = [loop.create_task(self._deleter.run())]
        if self._scaling is not None:
            background.append(loop.create_task(self._scaling.run()))
        loop.add_reader(self._socket, self._on_readable)
        loop.add_reader(self._monitor, self._on_monitor_readable)
        background.append(loop.create_task(self._tick_forever()))
        try:
            await self._stopped.wait()
        finally:
            loop.remove_reader(self._socket)
            loop.remove_reader(self._monitor)
            for task in (*background, self._further_turn, self._publication):
                if task is not None:
                    task.cancel()
            self._delivery.publish()
            await asyncio.gather(*background, return_exceptions=True)

    def close(self) -> None:
        """Write what is queued, say goodbye to every peer, and close."""
        self._socket.close(_LINGER_SECONDS)
        self._monitor.close(0.0)

    # -- what scaling asks for

    def cluster_load(self) -> ClusterLoad:
        """Return what a scaling policy looks at."""
        return self._core.cluster_load()

    def set_worker_groups(self, groups: dict[str, list[bytes]]) -> None:
        """Take note of the groups that worker adapters have started."""
        self._core.set_worker_groups(groups)

    def drain_workers(self, workers: Sequence[tuple[bytes, str]]) -> None:
        """Let workers end what they run and leave, each for a reason."""
        core = self._core
        core.now_seconds = time.monotonic()
        for worker_id, reason in workers:
            core.drain_worker(worker_id, reason)
        core.on_batch_end()
        self._carry_out()

    def _make_scaling(self, config: SchedulerConfig) -> Scaling | None:
        if not config.adapter_webhook_urls:
            return None
        # Imported here: without adapters no scheduler needs an HTTP client.
        from scaler.scheduler.scaling import Scaling

        return Scaling(config, self, self._core.isolation)

    # -- events and time

    def _on_readable(self) -> None:
        core = self._core
        core.now_seconds = time.monotonic()
        for peer, frame in self._socket.drain(_BATCH, _COPY_BELOW_BYTES):
            if isinstance(frame, (bytes, Bytes)):
                core.on_message(peer, frame)  # type: ignore[arg-type]  # the peer of a frame is bytes
            elif isinstance(frame, PeerEvent):
                assert isinstance(peer, bytes)
                core.on_peer_event(peer, frame, self._socket.peer_role(peer))
        self._end_turn()

    def _end_turn(self) -> None:
        core = self._core
        core.on_batch_end()
        self._carry_out()
        if core.has_more_to_do and self._further_turn is None:
            self._further_turn = asyncio.get_running_loop().call_soon(self._go_on)

    def _carry_out(self) -> None:
        self._delivery.carry_out(self._core.outbox)
        if self._publication is None and self._delivery.has_reports:
            self._publication = asyncio.get_running_loop().call_later(_GATHER_SECONDS, self._publish)

    def _publish(self) -> None:
        self._publication = None
        self._delivery.publish()

    def _go_on(self) -> None:
        """Do what the last turn has left, behind what has come meanwhile."""
        self._further_turn = None
        self._core.now_seconds = time.monotonic()
        self._end_turn()

    def _on_monitor_readable(self) -> None:
        """Note who subscribes; what subscribers send is passed over."""
        core = self._core
        core.now_seconds = time.monotonic()
        for peer, event in self._monitor.drain(_BATCH):
            if event is PeerEvent.connected and isinstance(peer, bytes):
                core.isolation.attempt("telling a subscriber all", partial(self._on_joined, peer))
            elif event is PeerEvent.lost and isinstance(peer, bytes):
                core.on_subscriber_left(peer)
        self._carry_out()

    def _on_joined(self, subscriber: bytes) -> None:
        self._core.on_subscriber_joined(subscriber, *self._figures())

    def _figures(self) -> tuple[dict[str, int], int, int]:
        """Return the scheduler's own load and memory, the free memory, and the reports that were dropped."""
        usage = self._meter.measure()
        resource = {"cpu": usage.cpu_permille, "rss": usage.rss_bytes}
        return resource, available_memory_bytes(), self._monitor.statistics().dropped_messages

    def _statistics(self) -> dict[str, int]:
        """Return what the core does not know: queues of the sockets and of the storage, and messages of the stream."""
        peers, monitor = self._socket.statistics(), self._monitor.statistics()
        return {
            "inbound_bytes": peers.inbound_bytes,
            "outbound_bytes": peers.outbound_bytes,
            "undelivered_messages": peers.dropped_messages,
            "monitor_outbound_bytes": monitor.outbound_bytes,
            "monitor_dropped_messages": monitor.dropped_messages,
            "waiting_deletes": len(self._deleter),
        }

    async def _tick_forever(self) -> None:
        while True:
            self._core.isolation.attempt("a tick", self._tick)
            await asyncio.sleep(_TICK_SECONDS if self._core.is_busy else _IDLE_TICK_SECONDS)

    def _tick(self) -> None:
        core = self._core
        core.now_seconds = time.monotonic()
        core.on_tick()
        if core.outbox.monitored and core.now_seconds >= self._next_report_seconds:
            self._next_report_seconds = core.now_seconds + _REPORT_SECONDS
            core.publish(*self._figures())
        self._end_turn()


def _make_socket(context: Context, config: SchedulerConfig) -> Socket:
    identity = f"{os.getpid()}|scheduler|{os.urandom(16).hex()}".encode()
    socket = Socket(context, identity, IOSocketType.Binder, role=Role.scheduler)
    socket.set_session_timeout(Role.client, config.client_timeout_seconds)
    socket.set_session_timeout(Role.worker, config.worker_timeout_seconds)
    return socket


def _make_monitor_socket(context: Context) -> Socket:
    identity = b"monitor|" + os.urandom(16).hex().encode()
    return Socket(
        context, identity, IOSocketType.Multicast, role=Role.monitor, outbound_bound_bytes=_SUBSCRIBER_BOUND_BYTES
    )


def _bind(socket: Socket, name: str, address: ZMQConfig) -> str:
    """Bind the address of a setting and return what is really bound; raise OSError that names both."""
    try:
        return socket.bind(address.to_address())
    except YMQException as error:
        reason = error.message.rsplit(": ", 1)[-1]  # the text before it says what the code of the error means
        raise OSError(f"{name}: cannot listen at {address}: {reason}") from None


def _storage_address(config: SchedulerConfig, bound: ZMQConfig) -> ObjectStorageConfig:
    """Return the configured address of the object storage, or the scheduler's host and the port after its own."""
    if config.object_storage_address is not None:
        return config.object_storage_address
    address = own_storage_address(bound)
    if address.port == 0:
        raise ValueError(f"object_storage_address is required for a scheduler at {bound}")
    return address
