"""The scheduler without its shell: what each event does. No socket, clock, thread or await in here.

The list of handlers is the protocol (docs/protocol.md, section 3). The shell hands over a batch of events, then calls
``on_batch_end``, then carries out the outbox once.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from typing import Final

from scaler.config import defaults
from scaler.io.ymq.ymq import PeerEvent, Role
from scaler.protocol import codec, message
from scaler.protocol.codec import MessageKind
from scaler.scheduler.allocate_policy.allocate_policy import AllocatePolicy
from scaler.scheduler.allocate_policy.worker_pool import WorkerPool
from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
from scaler.scheduler.bad_message import BadMessageError, BadMessages
from scaler.scheduler.controllers.balance_controller import BalanceController
from scaler.scheduler.controllers.client_controller import ClientController, ClientRecord
from scaler.scheduler.controllers.graph_controller import GraphController
from scaler.scheduler.controllers.information_controller import InformationController
from scaler.scheduler.controllers.monitor_controller import MonitorController
from scaler.scheduler.controllers.object_controller import ObjectController
from scaler.scheduler.controllers.scaling_policies.cluster_load import ClusterLoad, WorkerLoad
from scaler.scheduler.controllers.shortage_controller import ShortageController
from scaler.scheduler.controllers.task_controller import TaskController
from scaler.scheduler.controllers.task_reporter import TaskReporter
from scaler.scheduler.controllers.worker_controller import WorkerController
from scaler.scheduler.isolation import Isolation
from scaler.scheduler.outbox import Frame, Outbox

_logger = logging.getLogger(__name__)

_NO_CAPABILITIES: Final[dict[str, int]] = {}
_KIND_NAMES: Final = [kind.name for kind in sorted(MessageKind)]

_MOST_MILLISECONDS: Final = 2**32 - 1


@dataclasses.dataclass(frozen=True)
class CoreSettings:
    """What the core needs to know. ``object_storage_host`` and ``_port`` are told to clients and workers."""

    object_storage_host: str
    object_storage_port: int
    allocate_policy: AllocatePolicy = AllocatePolicy.even
    max_number_of_tasks_waiting: int = -1
    protected: bool = True
    load_balance_seconds: float = defaults.DEFAULT_LOAD_BALANCE_SECONDS
    load_balance_trigger_times: int = defaults.DEFAULT_LOAD_BALANCE_TRIGGER_TIMES
    object_retention_seconds: float = defaults.DEFAULT_OBJECT_RETENTION_SECONDS


class _DepartedClientError(Exception):
    """A client has said goodbye; one of its threads was about to send this meanwhile."""


class SchedulerCore:
    """The table of handlers and the controllers they call. Every handler takes who sent the message and its frame.

    ``shell_figures`` returns what only the shell knows, for the answer to ``statistics``.
    """

    def __init__(self, settings: CoreSettings, shell_figures: Callable[[], dict[str, int]] = dict) -> None:
        self.outbox = Outbox()
        self.now_seconds = 0.0
        self._bad_messages = BadMessages(self.outbox)
        self.isolation = Isolation()
        self._settings = settings
        self._roles: dict[bytes, Role] = {}
        self._clients = ClientController()
        self._pool = WorkerPool(settings.allocate_policy)
        self._objects = ObjectController(self.outbox, self._clients, self._pool)
        self._reporter = TaskReporter(self.outbox, self._objects.name)
        self._tasks = TaskController(
            self.outbox, self._pool, self._reporter, self._objects, settings.max_number_of_tasks_waiting
        )
        self._graphs = GraphController(self.outbox, self._tasks, self._objects, self._reporter)
        self._workers = WorkerController(self.outbox, self._pool, self._tasks, self._objects)
        self._balance = BalanceController(
            self.outbox, self._pool, self._tasks, settings.load_balance_seconds, settings.load_balance_trigger_times
        )
        self._shortages = ShortageController(self._pool, self._tasks)
        self._shell_figures = shell_figures
        self._information = InformationController(self.outbox, self._shortages, self.gauges, self.statistics)
        self.received = [0] * len(MessageKind)
        self._monitor = MonitorController(
            self.outbox,
            self._clients,
            self._objects,
            self._tasks,
            self._pool,
            self._reporter,
            self._shortages,
            self.received,
        )
        address = {"host": settings.object_storage_host, "port": settings.object_storage_port}
        self._client_echo = message.encode("clientHeartbeatEcho", objectStorageAddress=address)
        self._worker_echo = message.encode(
            "workerHeartbeatEcho",
            objectStorageAddress=address,
            objectRetentionMilliseconds=_milliseconds(settings.object_retention_seconds),
        )
        self._handlers: dict[int, Callable[[bytes, Frame], None]] = {
            MessageKind.task: self.on_task,
            MessageKind.taskCancel: self.on_task_cancel,
            MessageKind.taskCancelConfirm: self.on_task_cancel_confirm,
            MessageKind.taskResult: self.on_task_result,
            MessageKind.taskLog: self.on_task_log,
            MessageKind.graphTask: self.on_graph_task,
            MessageKind.objectInstruction: self.on_object_instruction,
            MessageKind.clientHeartbeat: self.on_client_heartbeat,
            MessageKind.workerHeartbeat: self.on_worker_heartbeat,
            MessageKind.disconnectRequest: self.on_disconnect_request,
            MessageKind.clientDisconnect: self.on_client_disconnect,
            MessageKind.informationRequest: self.on_information_request,
        }

    # -- what the shell calls

    def on_message(self, peer: bytes, frame: Frame) -> None:
        """Handle one message. A bad one is logged, counted and dropped, and a hundred of them cost the connection."""
        try:
            kind = codec.which(frame)
            handler = self._handlers.get(kind)
            if handler is None:
                raise BadMessageError(
                    f"message {_KIND_NAMES[kind] if kind < len(_KIND_NAMES) else kind} is not for a scheduler"
                )
            self.received[kind] += 1
            handler(peer, frame)
        except _DepartedClientError:
            self._tasks.stale["message of a departed client"] += 1
        except (BadMessageError, codec.CodecError) as error:
            self._bad_messages.on_bad(peer, error)
        except Exception:  # see Isolation; without its call, for every message comes through here
            self.isolation.failed(f"a message of {peer!r}")

    def on_peer_event(self, peer: bytes, event: PeerEvent, role: Role) -> None:
        """Take note of a session that began or ended."""
        self.isolation.attempt(f"{event.name} of {peer!r}", lambda: self._on_peer_event(peer, event, role))

    def on_batch_end(self) -> None:
        """Go on with graphs, place what waits, and dismiss who has drained, once per batch of events."""
        self.isolation.attempt("going on with graphs", self._graphs.on_batch_end)
        self.isolation.attempt("placing what waits", self._tasks.place_waiting)
        self.isolation.attempt("dismissing workers", self._workers.dismiss_drained)
        if self._monitor.is_reporting:
            self.isolation.attempt("reporting", lambda: self._monitor.go_on(self.now_seconds))

    def on_tick(self) -> None:
        """Do what time asks for: balance, delete and forget what is not needed."""
        now = self.now_seconds
        self.isolation.attempt("balancing", lambda: self._balance.balance(now))
        self.isolation.attempt("looking at deadlines", lambda: self._tasks.on_tick(now))
        self.isolation.attempt("deleting again", lambda: self._objects.on_tick(now))
        self.isolation.attempt("looking for shortages", lambda: self._shortages.on_tick(now))
        self._pool.forget_classes(self._tasks.waiting_classes())

    def drain_worker(self, worker_id: bytes, reason: str) -> bool:
        """Let a worker end what it runs and leave; see ``WorkerController.drain``. Part of a batch, as every event."""
        return self._workers.drain(worker_id, reason)

    def cluster_load(self) -> ClusterLoad:
        """Return what a scaling policy looks at; it takes a step for each worker."""
        by_needs = self._settings.allocate_policy is AllocatePolicy.capability
        workers = {
            worker.worker_id: WorkerLoad(
                len(worker.tasks), worker.draining, worker.capabilities if by_needs else _NO_CAPABILITIES
            )
            for worker in self._pool.workers()
        }
        return ClusterLoad(len(self._tasks), workers, self._tasks.unplaceable())

    def set_worker_groups(self, groups: dict[str, list[bytes]]) -> None:
        """Take note of the groups that worker adapters have started, for the monitor stream."""
        self._monitor.worker_groups = groups

    def on_subscriber_joined(
        self, subscriber: bytes, resource: dict[str, int], rss_free_bytes: int, dropped: int = 0
    ) -> None:
        """Put all that is into the outbox, for a new subscriber of the monitor stream."""
        self._monitor.on_joined(subscriber, resource, rss_free_bytes, dropped, self.now_seconds)

    def on_subscriber_left(self, subscriber: bytes) -> None:
        """Forget a subscriber of the monitor stream."""
        self._monitor.on_left(subscriber)

    def publish(self, resource: dict[str, int], rss_free_bytes: int, dropped: int = 0) -> None:
        """Put the periodic report into the outbox, if anybody subscribes."""
        self._monitor.publish(resource, rss_free_bytes, dropped, self.now_seconds)

    @property
    def has_more_to_do(self) -> bool:
        """Return whether the end of the batch has left work for a further turn, which wants an ``on_batch_end``."""
        return self._graphs.has_more_to_do or self._monitor.is_reporting

    @property
    def is_busy(self) -> bool:
        """Return whether any task is live."""
        return len(self._tasks) > 0

    def gauges(self) -> dict[str, int]:
        """Return the size of every table; all but those of peers are zero when nothing goes on."""
        states, shortages = self._tasks.state_counts(), self._shortages.shortages()
        return {
            "clients": len(self._clients),
            "workers": len(self._workers),
            "draining_workers": len(self._pool.draining()),
            "subscribers": len(self._monitor),
            "departed_workers": self._workers.departed,
            "tasks": len(self._tasks),
            "graphs": len(self._graphs),
            "waiting_tasks": self._tasks.waiting,
            "unplaceable_tasks": sum(shortage.tasks for shortage in shortages),
            "shortages": len(shortages),
            "placed_tasks": sum(len(worker.tasks) for worker in self._pool.workers()),
            "open_cancels": sum(count for state, count in states.items() if state.name in ("retracting", "canceling")),
            "objects": len(self._objects),
            "loaded_workers": len(self._pool.loaded()),
            "dropped_messages": self._bad_messages.total,
            "failed_events": self.isolation.failures,
            "stale_messages": self._tasks.stale.total(),
        }

    def statistics(self) -> dict[str, dict[str, int]]:
        """Return the gauges, the figures of the shell, tasks by state, and what has happened since the start."""
        return {"gauges": self.gauges(), "shell": self._shell_figures(), **self._monitor.counts()}

    # -- handlers of messages

    def on_task(self, peer: bytes, frame: Frame) -> None:
        """Accept a task."""
        self._tasks.on_task(self._client(peer), frame, self.now_seconds)

    def on_graph_task(self, peer: bytes, frame: Frame) -> None:
        """Accept nodes of a graph."""
        graph = codec.decode(frame)
        assert isinstance(graph, codec.GraphTask)
        self._graphs.on_graph(self._client(peer), graph)

    def on_task_cancel(self, peer: bytes, frame: Frame) -> None:
        """Cancel a task or a graph for its client."""
        cancel = codec.decode(frame)
        assert isinstance(cancel, codec.TaskCancel)
        client = self._client(peer)
        if not self._graphs.on_cancel(client, cancel.task_id):
            self._tasks.on_cancel(client, cancel.task_id)

    def on_task_cancel_confirm(self, peer: bytes, frame: Frame) -> None:
        """Take a worker's verdict on a cancel."""
        if (worker := self._worker(peer)) is not None:
            self._tasks.on_cancel_confirm(worker, frame)
            if worker.announced:
                self._objects.on_cancel_confirm(worker)

    def on_task_result(self, peer: bytes, frame: Frame) -> None:
        """Take the result of a task."""
        if (worker := self._worker(peer)) is None:
            return
        is_wanted = self._tasks.on_result(worker, frame)
        if worker.announced:
            self._objects.on_result(worker, codec.peek_result(frame)[3], is_wanted=is_wanted)

    def on_task_log(self, peer: bytes, frame: Frame) -> None:
        """Forward output of a task to its client."""
        log = codec.decode(frame)
        assert isinstance(log, codec.TaskLog)
        worker = self._worker(peer)
        client = self._tasks.owner_of(log.task_id, worker) if worker is not None else None
        if client is not None:
            self.outbox.send(client.client_id, frame, MessageKind.taskLog)

    def on_object_instruction(self, peer: bytes, frame: Frame) -> None:
        """Note objects that exist, or are needed no more. A client speaks for itself, a worker for clients."""
        instruction = codec.decode(frame)
        assert isinstance(instruction, codec.ObjectInstruction)
        is_client = self._roles.get(peer) is Role.client
        worker = None if is_client else self._worker(peer)
        if is_client and instruction.object_user not in (peer, b""):
            raise BadMessageError(f"objects of {instruction.object_user!r} are not this client's")
        owner = peer if is_client else instruction.object_user
        if instruction.instruction_type == codec.ObjectInstructionType.create:
            if is_client or worker is not None:
                self._objects.on_create(owner, instruction, self.now_seconds, worker)
            else:
                self._objects.on_late_create(owner, instruction.object_ids)
        elif instruction.instruction_type == codec.ObjectInstructionType.delete and is_client:
            self._objects.on_delete(owner, self._graphs.on_objects_released(instruction.object_ids))
        else:
            raise BadMessageError(f"object instruction {instruction.instruction_type} is not for a scheduler")

    def on_client_heartbeat(self, peer: bytes, frame: Frame) -> None:
        """Answer a client's heartbeat with the address of the object storage."""
        self._client(peer)
        self.outbox.send(peer, self._client_echo, MessageKind.clientHeartbeatEcho)

    def on_worker_heartbeat(self, peer: bytes, frame: Frame) -> None:
        """Register a worker or note its figures, and answer with the address of the object storage."""
        if self._roles.get(peer) is not Role.worker:
            raise BadMessageError("a heartbeat of a worker must come from one")
        _, heartbeat = message.decode(frame)
        if self._workers.on_heartbeat(peer, heartbeat, self.now_seconds):
            self.outbox.send(peer, self._worker_echo, MessageKind.workerHeartbeatEcho)

    def on_disconnect_request(self, peer: bytes, frame: Frame) -> None:
        """Let a worker leave. It speaks for itself, whatever the message names."""
        if self._roles.get(peer) is not Role.worker:
            raise BadMessageError("only a worker asks to disconnect so")
        self._workers.on_leave(peer)
        frame = message.encode("disconnectResponse", worker=peer)
        self.outbox.send(peer, frame, MessageKind.disconnectResponse)

    def on_client_disconnect(self, peer: bytes, frame: Frame) -> None:
        """Let a client leave, or end the cluster for it."""
        client = self._client(peer)
        _, request = message.decode(frame)
        if str(request.disconnectType) == "disconnect":
            self._remove_client(client)
        elif self._settings.protected:
            _logger.warning("client %s may not shut the cluster down: the scheduler is in protected mode", _text(peer))
            self._answer_shutdown(peer, accepted=False)
        else:
            _logger.info("client %s shuts the cluster down", _text(peer))
            self._shut_down(peer)

    def on_information_request(self, peer: bytes, frame: Frame) -> None:
        """Answer a request for information."""
        _, request = message.decode(frame)
        self._information.on_request(peer, bytes(request.request))

    # -- parts of handlers

    def _client(self, peer: bytes) -> ClientRecord:
        client = self._clients.get(peer)
        if client is None:
            if self._roles.get(peer) is Role.client:
                raise _DepartedClientError
            raise BadMessageError("it is not from a connected client")
        return client

    def _worker(self, peer: bytes) -> WorkerRecord | None:
        """Return the worker that sent a message, None when it has left: its last messages are expected, and late."""
        worker = self._workers.get(peer)
        if worker is None:
            if self._roles.get(peer) is not Role.worker:
                raise BadMessageError("it is not from a connected worker")
            self._tasks.stale["message of a departed worker"] += 1
        return worker

    def _on_peer_event(self, peer: bytes, event: PeerEvent, role: Role) -> None:
        if event is PeerEvent.connected:
            self._forget_peer(peer)  # a session that follows another without its end
            self._roles[peer] = role
            if role is Role.client:
                self._clients.add(peer)
                _logger.info("client %s connected", _text(peer))
        else:
            self._forget_peer(peer)

    def _forget_peer(self, peer: bytes) -> None:
        self._roles.pop(peer, None)
        self._bad_messages.forget(peer)
        self._workers.on_lost(peer)
        client = self._clients.get(peer)
        if client is not None:
            self._remove_client(client)

    def _remove_client(self, client: ClientRecord) -> None:
        _logger.info("client %s disconnected", _text(client.client_id))
        self._clients.remove(client.client_id)
        self._graphs.on_client_gone(client)
        self._tasks.on_client_gone(client)
        self._objects.on_client_gone(client.client_id, self.now_seconds)

    def _answer_shutdown(self, peer: bytes, *, accepted: bool) -> None:
        frame = message.encode("clientShutdownResponse", accepted=accepted)
        self.outbox.send(peer, frame, MessageKind.clientShutdownResponse)

    def _shut_down(self, peer: bytes) -> None:
        self._answer_shutdown(peer, accepted=True)
        self._graphs.fail_everything("cluster shutting down")
        self._tasks.fail_everything("cluster shutting down")
        self._workers.stop_all()
        self.outbox.stop_requested = True


def _text(peer: bytes) -> str:
    return peer.decode(errors="replace")


def _milliseconds(seconds: float) -> int:
    """Return a time as messages say it: not 0, which means without end, and not more than there is room for."""
    return max(1, min(round(seconds * 1000), _MOST_MILLISECONDS))
