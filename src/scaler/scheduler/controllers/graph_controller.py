"""Graphs: starts nodes when what they take is there, and tells the client how the graph ends.

A graph arrives in one message or several, in an order in which a node comes after those it takes results from; so
there are no cycles. It begins when all of it is there; a node is an ordinary task once it is ready. The client gets the
results of the nodes it asked for as they come, and one more end under the id of the graph: the success of all, the
verdict on a cancellation, or the first failure of a node, which becomes that of everything that has not ended.
"""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, Final

from scaler.protocol import codec
from scaler.scheduler.bad_message import BadMessageError
from scaler.scheduler.graph.graph_record import GraphNode, GraphRecord, GraphState, NodeState
from scaler.scheduler.task import task_end

if TYPE_CHECKING:
    from scaler.scheduler.controllers.client_controller import ClientRecord
    from scaler.scheduler.controllers.object_controller import ObjectController
    from scaler.scheduler.controllers.task_controller import TaskController
    from scaler.scheduler.controllers.task_reporter import TaskReporter
    from scaler.scheduler.outbox import Frame, Outbox

_TASK: Final = int(codec.ArgumentType.task)
_OBJECT_ID: Final = int(codec.ArgumentType.objectID)
_VALUE: Final = int(codec.ArgumentType.value)
_PREVIOUS: Final = codec.Argument(int(codec.ArgumentType.previous), b"")
_TASK_RESULT: Final = int(codec.MessageKind.taskResult)
_CANCEL_CONFIRM: Final = int(codec.MessageKind.taskCancelConfirm)
_MOST_STEPS: Final = 64
"""Nodes in a row that run as one task; the loss of its worker costs all of them."""
_MOST_BYTES: Final = 500 << 20
"""What a run takes at most from others and of its own; a message of 512 MiB would not be sent to any worker."""
_ARGUMENT_BYTES: Final = 64
"""More than what is in a message for an argument besides its data."""
_MOST_STARTS: Final = 512
"""Tasks that are made of nodes in one turn, so that a large graph does not keep others waiting."""
_MOST_CANCELS: Final = 4096
"""Tasks of nodes that are cancelled in one turn, for the same reason; meanwhile some of the others may start."""


class GraphController:
    """The one owner of live graphs. What nodes leave for each other is deleted when the last user has ended."""

    def __init__(
        self, outbox: Outbox, tasks: TaskController, objects: ObjectController, reporter: TaskReporter
    ) -> None:
        self._outbox = outbox
        self._tasks = tasks
        self._objects = objects
        self._reporter = reporter
        self._graphs: dict[bytes, GraphRecord] = {}
        self._kept: dict[bytes, GraphNode] = {}  # by the object that is its result, while nodes need it
        self._ready: deque[GraphNode] = deque()  # that wait for nothing but their turn, or have ended meanwhile
        self._unwanted: deque[GraphNode] = deque()  # to be cancelled, or ended meanwhile

    def __len__(self) -> int:
        return len(self._graphs)

    @property
    def has_more_to_do(self) -> bool:
        """Return whether ``on_batch_end`` has left something to be started or cancelled."""
        return bool(self._ready or self._unwanted)

    # -- events

    def on_graph(self, client: ClientRecord, message: codec.GraphTask) -> None:
        """Accept nodes of a graph. Raise BadMessageError when they claim to come from somebody else."""
        if message.source != client.client_id:
            raise BadMessageError(f"graph {message.task_id.hex()} names {message.source!r} as its source")
        graph = self._graphs.get(message.task_id)
        if graph is None:
            graph = GraphRecord(message.task_id, client, frozenset(message.targets))
            self._graphs[message.task_id] = graph
            if self._tasks.is_full:
                self._tasks.reject(client, message.task_id)
                graph.state = GraphState.refused
        elif graph.client is not client or graph.is_complete:
            raise BadMessageError(f"graph {message.task_id.hex()} is known already")
        graph.is_complete = not message.more
        if graph.state is not GraphState.refused:
            self._add_nodes(graph, message.graph)
        if graph.is_complete:
            self._begin(graph)

    def on_cancel(self, client: ClientRecord, graph_id: bytes) -> bool:
        """Cancel a whole graph for its client; return whether there is such a graph."""
        graph = self._graphs.get(graph_id)
        if graph is None or graph.client is not client:
            return False
        if graph.state is GraphState.running:
            self._stop(graph, GraphState.canceling)
            self._close_when_over(graph)
        return True

    def on_client_gone(self, client: ClientRecord) -> None:
        """Forget the graphs of a client that has left; its tasks end by themselves, and its objects are deleted."""
        if all(graph.client is not client for graph in self._graphs.values()):
            return  # without a look at the nodes of others
        self._graphs = {key: graph for key, graph in self._graphs.items() if graph.client is not client}
        self._ready = deque(node for node in self._ready if node.graph.client is not client)
        self._unwanted = deque(node for node in self._unwanted if node.graph.client is not client)
        self._kept = {key: node for key, node in self._kept.items() if node.graph.client is not client}

    def on_batch_end(self) -> None:
        """Go on with graphs whose nodes have ended since the last call; cancel and start nodes, but not all at once."""
        starts = cancels = 0
        while True:
            if (ended := self._tasks.next_ended_node()) is not None:
                self._on_node_ended(*ended)
            elif self._unwanted and cancels < _MOST_CANCELS:
                cancels += 1
                node = self._unwanted.popleft()
                if node.state is NodeState.live:
                    self._tasks.on_node_cancel(node)
            elif self._ready and starts < _MOST_STARTS:
                starts += 1
                node = self._ready.popleft()
                if node.state is NodeState.blocked:
                    self._start(node)
            else:
                return

    def on_objects_released(self, object_ids: list[bytes]) -> list[bytes]:
        """Return the objects that no node needs any more; the others are deleted when their last user has ended."""
        if not self._kept:
            return object_ids
        for object_id in object_ids:
            node = self._kept.get(object_id)
            if node is not None:
                node.is_target = False
        return [object_id for object_id in object_ids if object_id not in self._kept]

    def fail_everything(self, message: str) -> None:
        """End every graph with a failure, before the cluster stops, but for those whose clients know of one."""
        for graph in self._graphs.values():
            if graph.state in (GraphState.running, GraphState.canceling):
                frame = task_end.shut_down(graph.graph_id, 0, message)
                self._outbox.send(graph.client.client_id, frame, _TASK_RESULT)
        self._graphs.clear()
        self._kept.clear()
        self._ready.clear()
        self._unwanted.clear()

    # -- nodes

    def _begin(self, graph: GraphRecord) -> None:
        if graph.state is GraphState.running:
            self._ready.extend(node for node in graph.nodes.values() if node.missing == 0)
        self._close_when_over(graph)

    def _add_nodes(self, graph: GraphRecord, tasks: list[codec.Task]) -> None:
        try:
            for task in tasks:
                self._add_node(graph, task)
        except Exception as error:  # a defect, too: its client would wait for ever
            self._refuse(graph, error)
            raise

    def _add_node(self, graph: GraphRecord, task: codec.Task) -> None:
        if task.task_id in graph.nodes:
            raise BadMessageError(f"graph {graph.graph_id.hex()} names node {task.task_id.hex()} twice")
        self._tasks.check_node(task)
        dependencies = []
        for argument in task.function_args:
            if argument.type == _TASK:
                dependency = graph.nodes.get(argument.data)
                if dependency is None:
                    raise BadMessageError(
                        f"node {task.task_id.hex()} of graph {graph.graph_id.hex()} takes the result of "
                        f"{argument.data.hex()}, which is no earlier node of it"
                    )
                dependencies.append(dependency)
        node = GraphNode(graph, task, dependencies, task.task_id in graph.targets)
        graph.nodes[task.task_id] = node
        graph.unended += 1
        for dependency in dict.fromkeys(dependencies):
            dependency.users += 1
            dependency.dependents.append(node)
            node.missing += 1
        self._reporter.node_known(node)
        if graph.state is not GraphState.running:
            self._drop(node)

    def _start(self, node: GraphNode) -> None:
        """Make a node a task, together with the nodes that can only follow it: they go in one run."""
        row = _row_from(node)
        first, last, graph = node.task, row[-1], node.graph
        steps = []
        for before, step in itertools.pairwise(row):
            arguments = [_resolved(graph, argument, before) for argument in step.task.function_args]
            steps.append(codec.Step(step.task.func_object_id, arguments))
        arguments = [_resolved(graph, argument) for argument in first.function_args]
        last.row = row
        for member in row:
            member.state = NodeState.live
        if _size_of(arguments) + sum(_size_of(step.function_args) for step in steps) > _MOST_BYTES:
            self._tasks.refuse_node(last, f"node {last.task.task_id.hex()} takes more than a message may hold")
            return
        frame = codec.Task(
            task_id=last.task.task_id,
            source=graph.client.client_id,
            metadata=first.metadata,
            func_object_id=first.func_object_id,
            function_args=arguments,
            capabilities=first.capabilities,
            attempt=first.attempt,
            priority=first.priority,
            deadline_milliseconds=first.deadline_milliseconds,
            timeout_milliseconds=first.timeout_milliseconds,
            retries=first.retries,
            level=first.level,
            keyword_names=first.keyword_names,
            steps=steps,
            retry_on=first.retry_on,
        ).encode()
        self._tasks.on_node(graph.client, last, frame)

    def _on_node_ended(self, node: GraphNode, frame: Frame) -> None:
        graph = node.graph
        if self._graphs.get(graph.graph_id) is not graph:
            self._tasks.stale["node of a graph that has ended"] += 1
            return
        message = codec.decode(frame)
        for member in node.row:
            self._end(member)
        node.row = []  # it holds itself
        if isinstance(message, codec.TaskResult) and graph.state is GraphState.running:
            if message.result_type == codec.TaskResultType.success:
                self._succeed_if_possible(node, message, frame)
            else:
                self._abort(graph, message)
        elif isinstance(message, codec.TaskResult):
            self._delete(graph, message.results)  # a sibling that could not be stopped in time
        self._close_when_over(graph)

    def _succeed_if_possible(self, node: GraphNode, result: codec.TaskResult, frame: Frame) -> None:
        """Go on behind a node; fail its graph when the result is an object that cannot be the node's own."""
        graph, object_ids = node.graph, result.results[:1]
        if node.users > 0 and any(not self._may_be_kept(graph, object_id) for object_id in object_ids):
            reason = f"the result of node {node.task.task_id.hex()} is not an object of its own"
            failure = codec.decode(task_end.refused(graph.graph_id, reason))
            assert isinstance(failure, codec.TaskResult)
            self._abort(graph, failure)
        else:
            self._succeed(node, result, frame)

    def _may_be_kept(self, graph: GraphRecord, object_id: bytes) -> bool:
        return object_id.startswith(graph.client.owner_hash) and object_id not in self._kept

    def _succeed(self, node: GraphNode, result: codec.TaskResult, frame: Frame) -> None:
        graph, object_ids = node.graph, result.results
        if node.is_target:
            self._outbox.send(graph.client.client_id, frame, _TASK_RESULT)
        if node.users > 0:
            if object_ids:
                node.result = codec.Argument(_OBJECT_ID, object_ids[0])
                self._kept[object_ids[0]] = node
            else:
                node.result = codec.Argument(_VALUE, result.value or b"")
        elif not node.is_target:
            self._delete(graph, object_ids)
        for dependent in node.dependents:
            dependent.missing -= 1
            if dependent.missing == 0:
                self._ready.append(dependent)
        node.dependents.clear()

    def _end(self, node: GraphNode) -> None:
        """Take note that a node will not run any more, and forget the results that only it still needed."""
        node.state = NodeState.ended
        node.graph.unended -= 1
        for dependency in dict.fromkeys(node.dependencies):
            dependency.users -= 1
            result = dependency.result
            if dependency.users == 0 and result is not None:
                dependency.result = None
                if result.type == _OBJECT_ID:
                    del self._kept[result.data]
                    if not dependency.is_target:
                        self._delete(node.graph, [result.data])
        node.dependencies.clear()

    def _drop(self, node: GraphNode) -> None:
        """End a node that never became a task."""
        self._end(node)
        node.dependents.clear()

    # -- graphs

    def _abort(self, graph: GraphRecord, failure: codec.TaskResult) -> None:
        """Make the failure of a node that of its graph, and stop what still runs."""
        frame = codec.TaskResult(
            task_id=graph.graph_id,
            result_type=failure.result_type,
            metadata=failure.metadata,
            results=failure.results,
            attempt=failure.attempt,
            cause=failure.cause,
            value=failure.value,
        ).encode()
        self._outbox.send(graph.client.client_id, frame, _TASK_RESULT)
        self._stop(graph, GraphState.aborting)

    def _stop(self, graph: GraphRecord, state: GraphState) -> None:
        graph.state = state
        for node in graph.nodes.values():
            if node.state is NodeState.blocked:
                self._drop(node)
            elif node.state is NodeState.live and node.row:
                self._unwanted.append(node)

    def _refuse(self, graph: GraphRecord, error: Exception) -> None:
        """End a graph that cannot be understood."""
        if graph.state is GraphState.running:
            frame = task_end.refused(graph.graph_id, str(error))
            self._outbox.send(graph.client.client_id, frame, _TASK_RESULT)
            self._stop(graph, GraphState.refused)
        self._close_when_over(graph)

    def _close_when_over(self, graph: GraphRecord) -> None:
        """Forget a graph whose nodes have all ended, and tell its client unless it knows."""
        if graph.unended > 0 or not graph.is_complete:
            return
        del self._graphs[graph.graph_id]
        graph.nodes.clear()  # they hold the graph: without this, all of it would wait for the garbage collector
        if graph.state is GraphState.running:
            end = codec.TaskResult(task_id=graph.graph_id, result_type=codec.TaskResultType.success).encode()
            kind = _TASK_RESULT
        elif graph.state is GraphState.canceling:
            end = task_end.confirm(graph.graph_id, codec.TaskCancelConfirmType.canceled)
            kind = _CANCEL_CONFIRM
        else:
            return
        self._outbox.send(graph.client.client_id, end, kind)

    def _delete(self, graph: GraphRecord, object_ids: list[bytes]) -> None:
        if object_ids:
            self._objects.on_delete(graph.client.client_id, object_ids)


def _row_from(node: GraphNode) -> list[GraphNode]:
    """Return the node and those behind it that wait for nothing but the one before, which nothing else needs."""
    row = [node]
    while len(row) < _MOST_STEPS and len(node.dependents) == 1 and not node.is_target:
        follower = node.dependents[0]
        if follower.missing > 1 or not _run_alike(node.task, follower.task):
            break
        row.append(follower)
        node = follower
    return row


def _run_alike(task: codec.Task, other: codec.Task) -> bool:
    """Return whether two tasks may be one run: nothing but what they call differs."""
    return (
        not other.keyword_names
        and task.capabilities == other.capabilities
        and (task.priority, task.level, task.metadata, task.retries, task.retry_on)
        == (other.priority, other.level, other.metadata, other.retries, other.retry_on)
        and task.timeout_milliseconds == other.timeout_milliseconds == other.deadline_milliseconds == 0
    )


def _size_of(arguments: list[codec.Argument]) -> int:
    return sum(len(argument.data) + _ARGUMENT_BYTES for argument in arguments)


def _resolved(graph: GraphRecord, argument: codec.Argument, before: GraphNode | None = None) -> codec.Argument:
    """Return the argument with the result of another node in the place of its id; ``before`` runs just before it."""
    if argument.type != _TASK:
        return argument
    node = graph.nodes[argument.data]
    if node is before:
        return _PREVIOUS
    result = node.result
    assert result is not None, "a node starts when the nodes it waits for have ended"
    return result
