"""The way from a call, or a graph, to messages that are on their way: what they need is stored first."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from scaler.client.agent.client_agent import ClientAgent
from scaler.client.agent.object_registry import StoredFunction
from scaler.client.agent.pending_graph import PendingGraph
from scaler.client.function_cache import FunctionCache
from scaler.client.function_record import FunctionRecord
from scaler.client.future import ScalerFuture
from scaler.client.graph.graph_builder import GraphBuilder
from scaler.client.graph.graph_plan import Call, GraphPlan
from scaler.client.new_object import NewObject
from scaler.client.task_factory import NewTask, TaskFactory
from scaler.client.task_options import TaskOptions
from scaler.utility.interruption import is_interruption
from scaler.utility.serialization import PICKLE_ERRORS
from scaler.utility.standstill import standstill

_CHUNK_TASKS: Final = 512
_NO_KEYWORDS: Final[dict[str, Any]] = {}


class Submission:
    """Serializes what a client submits, stores what does not fit into messages, and hands the rest to the agent.

    Thread-safe.
    """

    def __init__(self, agent: ClientAgent, functions: FunctionCache, tasks: TaskFactory, graphs: GraphBuilder) -> None:
        self._agent = agent
        self._functions = functions
        self._tasks = tasks
        self._graphs = graphs

    def submit(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any], options: TaskOptions
    ) -> ScalerFuture:
        """Submit one call. Raise as ``Client.submit`` does."""
        self._agent.check_usable()
        record = self._functions.record(function)
        keywords = record.signature.bind(arguments, keywords)
        return self._start(record, [(arguments, keywords)], options)[0]

    def submit_rows(
        self,
        function: Callable[..., Any],
        rows: Sequence[tuple[Any, ...]],
        options: TaskOptions,
        futures: list[ScalerFuture],
    ) -> None:
        """Submit a call with each row, and append the futures, of those that were sent also when it raises."""
        self._agent.check_usable()
        record = self._functions.record(function)
        for row in rows:
            record.signature.bind(row, _NO_KEYWORDS)
        for position in range(0, len(rows), _CHUNK_TASKS):
            calls = [(row, _NO_KEYWORDS) for row in rows[position : position + _CHUNK_TASKS]]
            futures += self._start(record, calls, options)

    def submit_graph(self, plan: GraphPlan, capabilities: dict[str, int] | None) -> dict[str, ScalerFuture]:
        """Send a graph, what it needs first; return the futures of the calls that were asked for."""
        records = {key: self._record_of_node(key, call) for key, call in plan.calls.items()}
        counts = Counter([record.digest for record in records.values()])
        unique = {record.digest: record for record in records.values()}
        functions = {digest: self._agent.acquire_function(unique[digest], count) for digest, count in counts.items()}
        try:
            function_ids = {key: functions[record.digest].object_id for key, record in records.items()}
            new = self._graphs.build(plan, function_ids, capabilities)
            self._store([(functions[digest], record) for digest, record in unique.items()], new.objects)
        except BaseException:
            for digest, count in counts.items():
                self._agent.release_function(functions[digest], count)
            raise
        futures = {key: ScalerFuture(new.node_ids[key], self._agent) for key in plan.keys if key in new.node_ids}
        object_ids = [item.object_id for item in new.objects]
        used = [(functions[digest], count) for digest, count in counts.items()]
        self._agent.start_graph(PendingGraph(new.graph_id, tuple(futures.values()), used, object_ids), new.frames)
        return futures

    def _record_of_node(self, key: str, call: Call) -> FunctionRecord:
        try:
            record = self._functions.record(call.function)
            record.signature.bind(call.takes, _NO_KEYWORDS)  # as many values as names
        except (TypeError, pickle.PicklingError) as error:
            if type(error) not in PICKLE_ERRORS or is_interruption(error):
                raise
            raise type(error)(f"node {key!r}: {error}") from error
        return record

    def _start(
        self, record: FunctionRecord, calls: list[tuple[tuple[Any, ...], dict[str, Any]]], options: TaskOptions
    ) -> list[ScalerFuture]:
        """Send tasks of one function: first what they need goes to the storage, then they to the scheduler."""
        return standstill.put_off(lambda: self._start_now(record, calls, options))

    def _start_now(
        self, record: FunctionRecord, calls: list[tuple[tuple[Any, ...], dict[str, Any]]], options: TaskOptions
    ) -> list[ScalerFuture]:
        function = self._agent.acquire_function(record, len(calls))
        try:
            tasks = [self._tasks.make(function.object_id, args, keywords, options) for args, keywords in calls]
            objects = self._objects_of(tasks)
            if objects or not function.is_stored:
                self._store([(function, record)], objects)
        except BaseException:
            self._agent.release_function(function, len(calls))
            raise
        return self._agent.start(function, tasks)

    def _store(self, functions: Sequence[tuple[StoredFunction, FunctionRecord]], objects: list[NewObject]) -> None:
        """Store objects, and functions that are not stored yet.

        Two threads may both store a new function: the bytes are the same, and none of them has to wait.
        """
        new_functions = [(function, record) for function, record in functions if not function.is_stored]
        items = [NewObject(function.object_id, function.name, record.payload) for function, record in new_functions]
        items += objects
        if items:
            self._agent.store(items, [function for function, _ in new_functions])
        for function, _ in new_functions:
            function.is_stored = True

    @staticmethod
    def _objects_of(tasks: list[NewTask]) -> list[NewObject]:
        return [item for task in tasks for item in task.objects]
