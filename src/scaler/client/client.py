"""What users hold: submits functions to a scheduler and returns futures."""

from __future__ import annotations

import numbers
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final

import cloudpickle

from scaler.client.agent.client_agent import ClientAgent
from scaler.client.agent.scheduler_link import SchedulerLink
from scaler.client.function_cache import FunctionCache
from scaler.client.future import ScalerFuture
from scaler.client.graph.graph_builder import GraphBuilder
from scaler.client.graph.graph_plan import GraphPlan
from scaler.client.nesting import current_processor
from scaler.client.new_object import NewObject
from scaler.client.object_reference import ObjectReference
from scaler.client.serializer.default import DefaultSerializer
from scaler.client.serializer.mixins import Serializer
from scaler.client.submission import Submission
from scaler.client.task_factory import TaskFactory
from scaler.client.task_options import TaskOptions, checked_capabilities
from scaler.config.defaults import (
    DEFAULT_CLIENT_TIMEOUT_SECONDS,
    DEFAULT_HEARTBEAT_INTERVAL_SECONDS,
    LONGEST_SECONDS,
)
from scaler.config.network_backend import network_backend_warning
from scaler.config.types.zmq import ZMQConfig
from scaler.protocol.codec import ObjectContentType
from scaler.utility.identifiers import ClientID, ObjectID
from scaler.utility.metadata.profile_result import ProfileResult
from scaler.utility.metadata.task_flags import TaskFlags
from scaler.utility.serialization import deserialize, payload_size
from scaler.utility.standstill import standstill

_MAP_FETCH_AHEAD: Final = 8


class Client:
    """A session with a scheduler. Thread-safe.

    Leaving its ``with`` block, ``disconnect`` and dropping the last reference end the session: tasks that have not
    ended are cancelled, and the client's objects deleted.
    """

    def __init__(
        self,
        address: str | None = None,
        profiling: bool = False,
        timeout_seconds: float = DEFAULT_CLIENT_TIMEOUT_SECONDS,
        heartbeat_interval_seconds: float = DEFAULT_HEARTBEAT_INTERVAL_SECONDS,
        serializer: Serializer = DefaultSerializer(),  # noqa: B008  # it has no state
        stream_output: bool = False,
    ) -> None:
        """Connect, and return when the scheduler has answered. Workers need not exist yet.

        Without an address, the one of the worker is used inside a task. ``profiling`` has no effect: what a task cost
        is always measured. With ``stream_output`` what tasks print appears here. Raise ValueError for a malformed
        address, a time that is not positive, or an unknown SCALER_NETWORK_BACKEND, and
        DisconnectedError (a TimeoutError) when no scheduler answers within ``timeout_seconds``.
        """
        for name, seconds in (
            ("timeout_seconds", timeout_seconds),
            ("heartbeat_interval_seconds", heartbeat_interval_seconds),
        ):
            if not isinstance(seconds, numbers.Real):
                raise TypeError(f"{name} must be a number of seconds, got {seconds!r}")
            if not 0 < seconds <= LONGEST_SECONDS:  # NaN is not, either
                raise ValueError(f"{name} must be positive and at most {LONGEST_SECONDS}, got {seconds!r}")
        if not isinstance(serializer, Serializer):
            raise TypeError(f"serializer must be an object of a class derived from Serializer, got {serializer!r}")
        if current_processor() is None and (warning := network_backend_warning()):
            warnings.warn(warning, RuntimeWarning, stacklevel=2)
        self._address = _resolve_address(address)
        self._profiling = profiling
        self._timeout_seconds = timeout_seconds
        self._heartbeat_interval_seconds = heartbeat_interval_seconds
        self._serializer = serializer
        self._stream_output = stream_output
        self._identity = ClientID.generate_client_id()
        link = SchedulerLink(self._identity, self._address, timeout_seconds)
        self._agent = ClientAgent(self._identity, link, serializer, timeout_seconds, heartbeat_interval_seconds)
        # a client that is dropped leaves without blocking whatever thread the garbage collector runs in
        weakref.finalize(self, self._agent.abandon).atexit = False
        metadata = TaskFlags(profiling=profiling, stream_output=stream_output).serialize()
        self._tasks = TaskFactory(self._identity, serializer, metadata, self._agent.is_known_reference)
        graphs = GraphBuilder(self._identity, self._tasks)
        self._submission = Submission(self._agent, FunctionCache(serializer), self._tasks, graphs)
        self._store_serializer()

    @property
    def identity(self) -> ClientID:
        """Return the identity under which the scheduler knows this client."""
        return self._identity

    # --- tasks

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> ScalerFuture:
        """Submit one call and return its future. Large arguments are stored before this returns.

        Raise TypeError when the arguments do not fit the function, MissingObjects for an unknown reference, the
        serializer's own error, or ClientQuitException after the end of the session.
        """
        return self._submission.submit(fn, args, kwargs, _NO_OPTIONS)

    def submit_verbose(
        self,
        fn: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        capabilities: dict[str, int] | None = None,
        *,
        priority: int = 0,
        timeout_seconds: float | None = None,
        retries: int = 0,
        retry_on: type[BaseException] | tuple[type[BaseException], ...] = (),
        deadline_seconds: float | None = None,
    ) -> ScalerFuture:
        """Submit one call, as ``submit``, to a worker that offers all the capabilities, with at least their amounts.

        Of tasks that wait, those of higher ``priority`` start first. One run may take ``timeout_seconds``; then it is
        stopped, and fails with TaskTimeoutError. The task is tried again, ``retries`` times at most, after the death of
        its processor, a time-out, or an exception of one of the types ``retry_on``. When it has not started within
        ``deadline_seconds`` it fails with TaskDeadlineError, which says what it waited for.
        """
        if not isinstance(args, Sequence) or isinstance(args, (str, bytes)):
            raise TypeError(f"args must be a tuple of arguments, but got {args!r}")
        if not isinstance(kwargs, dict) or not all(isinstance(name, str) for name in kwargs):
            raise TypeError(f"kwargs must be a dictionary by name, but got {kwargs!r}")
        options = TaskOptions(capabilities, priority, timeout_seconds, retries, retry_on, deadline_seconds)
        return self._submission.submit(fn, tuple(args), kwargs, options)

    def map(
        self,
        fn: Callable[..., Any],
        iterable: Iterable[Sequence[Any]],
        capabilities: dict[str, int] | None = None,
    ) -> list[Any]:
        """Call the function once with each row, a tuple or list of arguments, and return the results in row order.

        When a row fails, the calls of the other rows are cancelled and its exception is raised; the first failed row
        decides. The client stays usable.
        """
        options = _options_of_map(capabilities)
        rows = [_checked_row(row) for row in iterable]
        futures: list[ScalerFuture] = []
        try:
            self._submission.submit_rows(fn, rows, options, futures)
            return self._collect(futures)
        except BaseException:
            for future in futures:
                if not future.done():
                    self._agent.request_cancel(future.task_id)
            raise

    def get(
        self,
        graph: Mapping[str, Any],
        keys: Iterable[str],
        block: bool = True,
        capabilities: dict[str, int] | None = None,
    ) -> dict[str, Any]:
        """Compute nodes of a graph, and return their values by key, or with ``block=False`` their futures.

        The value of a node is a call, a tuple of a function and the names of the nodes whose results it takes, or data:
        anything else. Results between nodes do not pass through this client. Only what the keys need is computed. The
        first node that fails ends the graph: everything of it that has not ended fails with the same exception, and
        what runs is stopped. Cancelling one future cancels the graph.

        Before anything is sent, raise KeyError for a name that is no node or a key that is repeated, TypeError for
        calls that cannot be made, graphlib.CycleError, MissingObjects, or the serializer's own error.
        """
        self._agent.check_usable()
        plan = GraphPlan.make(graph, keys)
        data = {key: plan.data[key] for key in plan.keys if key in plan.data}
        for key, value in data.items():
            if isinstance(value, ObjectReference):
                self._tasks.checked(value, f"node {key!r}")
        ended = {key: self._ended_future(value) for key, value in data.items()}
        needs = checked_capabilities(capabilities) if capabilities else None
        futures = standstill.put_off(lambda: self._submission.submit_graph(plan, needs))
        results = {key: futures[key] if key in futures else ended[key] for key in plan.keys}
        if not block:
            return results
        try:
            return {key: future.result() for key, future in results.items()}
        except BaseException:
            for future in futures.values():
                self._agent.request_cancel(future.task_id)
            raise

    # --- objects

    def send_object(self, obj: Any, name: str | None = None) -> ObjectReference:
        """Store an object for any number of tasks, and return what stands for it as an argument.

        The object lives until ``clear`` or the end of the session. Tasks on one worker share it: they must not change
        it, unless the workers were started with ``isolated_arguments``. ``name`` is shown by monitoring tools.
        """
        self._agent.check_usable()
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name must be a text, got {name!r}")
        item = self._tasks.make_object(obj, b"" if name is None else name.encode(errors="replace"))
        standstill.put_off(lambda: self._agent.store_sent(item))
        return ObjectReference(item.name, payload_size(item.payload), item.object_id)

    def clear(self) -> None:
        """Cancel all tasks and delete all objects of this client. Ended futures stay as they are."""
        self._agent.clear()

    # --- the end

    def disconnect(self) -> None:
        """End the session; do nothing when it has ended. Tasks that have not ended are cancelled."""
        self._agent.stop()

    def shutdown(self) -> None:
        """End the whole cluster, and this session with it.

        Raise ValueError when the scheduler is protected; nothing has changed then. Raise ClientQuitException after the
        end of the session.
        """
        if not self._agent.request_shutdown():
            raise ValueError("Scheduler is in protected mode. Can't shutdown")
        self._agent.stop()

    def __enter__(self) -> Client:
        self._agent.check_usable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.disconnect()

    async def __aenter__(self) -> Client:
        self._agent.check_usable()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Disconnect without holding up the event loop."""
        import asyncio  # only programs with a loop have it loaded

        await asyncio.get_running_loop().run_in_executor(None, self.disconnect)

    def __repr__(self) -> str:
        state = "stopped" if self._agent.is_stopped else "connected"
        return f"<Client {self._identity.decode()} of {self._address}, {state}>"

    def __reduce__(self) -> tuple[Callable[[dict[str, Any]], Client], tuple[dict[str, Any]]]:
        """Pickle as a client with the same settings, which connects where it is loaded.

        All tasks in one processor that are given clients of the same settings get one and the same.
        """
        settings: dict[str, Any] = {
            "address": self._address,
            "profiling": self._profiling,
            "timeout_seconds": self._timeout_seconds,
            "heartbeat_interval_seconds": self._heartbeat_interval_seconds,
            "serializer": self._serializer,
            "stream_output": self._stream_output,
        }
        return _restore, (settings,)

    # --- parts

    def _ended_future(self, value: Any) -> ScalerFuture:
        """Return the future of a node that is data: of the very object, or of what a reference stands for."""
        if isinstance(value, ObjectReference):
            value = deserialize(self._serializer, self._agent.fetch(value.object_id, None))
        future = ScalerFuture(self._tasks.next_id(), self._agent)
        future.set_result(value, ProfileResult())
        return future

    @staticmethod
    def _collect(futures: list[ScalerFuture]) -> list[Any]:
        """Return the results in order, while the pool fetches large ones ahead."""
        results = []
        fetched = 0
        for position, future in enumerate(futures):
            fetched = max(fetched, position + 1)
            while fetched < min(position + _MAP_FETCH_AHEAD, len(futures)) and futures[fetched].done():
                futures[fetched].prefetch_elsewhere()
                fetched += 1
            results.append(future.result())
        return results

    def _store_serializer(self) -> None:
        object_id = ObjectID.generate_serializer_object_id(self._identity)
        payload = cloudpickle.dumps(self._serializer)
        try:
            self._agent.store_first(NewObject(object_id, b"serializer", payload, ObjectContentType.serializer))
        except BaseException:
            self._agent.stop()
            raise


_NO_OPTIONS: Final = TaskOptions()


def _checked_row(row: Any) -> tuple[Any, ...]:
    if not isinstance(row, (tuple, list)):
        raise TypeError(f"map takes rows of arguments, each a tuple or a list, but got {type(row).__name__}")
    return tuple(row)


def _options_of_map(capabilities: dict[str, int] | None) -> TaskOptions:
    try:
        return TaskOptions(capabilities)
    except TypeError as error:
        if isinstance(capabilities, dict):
            raise
        raise TypeError(
            f"map takes one iterable of rows, each a tuple of the arguments of a call, and then capabilities: {error}"
        ) from None


def _restore(settings: dict[str, Any]) -> Client:
    processor = current_processor()
    if processor is None:
        return Client(**settings)
    key = cloudpickle.dumps(settings)
    client: Client | None = processor.nested_clients.get(key)
    if client is None or client._agent.is_stopped:
        client = processor.nested_clients[key] = Client(**settings)
    return client


def _resolve_address(address: str | None) -> str:
    """Return the address in its normal form. Raise ValueError when it is malformed or not known."""
    if address is not None:
        if not isinstance(address, str):
            raise TypeError(f"address must be a text like tcp://127.0.0.1:2345, got {address!r}")
        return ZMQConfig.from_string(address).to_address()
    processor = current_processor()
    if processor is None:
        raise ValueError("No scheduler address provided, and not running inside a worker context")
    return processor.scheduler_address
