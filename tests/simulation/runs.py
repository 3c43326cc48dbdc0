"""The runs of tasks on simulated workers: how long they take, how they end, and who has started which."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from scaler.protocol import codec
from scaler.protocol.codec import ObjectContentType, ObjectInstructionType, TaskEndCause, TaskResultType
from scaler.utility.identifiers import ClientID, ObjectID
from scaler.utility.metadata.profile_result import ProfileResult

if TYPE_CHECKING:
    from world import Peer, World


class Runs:
    """Which worker sessions have started which task: the witness of I12, no started task runs again behind its back."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._started: dict[bytes, list[tuple[Peer, int]]] = {}

    def start(self, worker: Peer, task_id: bytes) -> None:
        """Note a start; every worker that started the task before must be lost by now.

        One that is lost itself, and does not know, may start what it holds: its results are not wanted any more.
        """
        if not worker.connected:
            return
        for earlier, session in self._started.setdefault(task_id, []):
            if earlier.connected and earlier.session == session:
                self._world.fail(f"task {task_id.hex()} starts again while {earlier.identity!r} has started it")
        self._started[task_id].append((worker, worker.session))

    def forget(self, task_id: bytes) -> None:
        """Let a task start again that has failed, and is to be tried again."""
        self._started.pop(task_id, None)

    def count(self, task_id: bytes) -> int:
        """Return how often a task was started."""
        return len(self._started.get(task_id, ()))

    def end(self, task: codec.Task, random: Random, *, is_child_lost: bool = False) -> list[bytes]:
        """Return what is said at the end of a run: what object was stored, if any, and the result."""
        task_id = task.task_id
        metadata = ProfileResult(seconds_of(task_id), 0, 0.0).serialize()
        fields: dict[str, Any] = {"task_id": task_id, "attempt": task.attempt, "metadata": metadata}
        if is_child_lost or _fails(task):
            cause = TaskEndCause.retryable if task_id[3] % 2 else TaskEndCause.exception
            if cause == TaskEndCause.retryable and task.retries > 0:
                self.forget(task_id)
            failure = codec.TaskResult(result_type=TaskResultType.failed, cause=cause, value=b"failure", **fields)
            return [failure.encode()]
        if task_id[4] % 3 == 0:
            object_id = ObjectID(ClientID(task.source).owner_hash() + random.randbytes(16))
            result = codec.TaskResult(result_type=TaskResultType.success, results=[object_id], **fields)
            return [_announcement(task, object_id), result.encode()]
        return [codec.TaskResult(result_type=TaskResultType.success, value=b"v", **fields).encode()]


def seconds_of(task_id: bytes) -> float:
    """Return how long a task runs, which its id says: mostly short, some long."""
    return (0.0001, 0.0001, 0.001, 0.01, 0.3)[task_id[0] % 5]


def _fails(task: codec.Task) -> bool:
    """Return whether a run fails, which the id of its task says: some of the first runs of a few tasks."""
    return task.task_id[2] % 10 == 0 and task.attempt < task.task_id[3] % 4


def _announcement(task: codec.Task, object_id: ObjectID) -> bytes:
    return codec.ObjectInstruction(
        instruction_type=ObjectInstructionType.create,
        object_user=task.source,
        object_ids=[object_id],
        object_types=[ObjectContentType.object],
        object_names=[b"result"],
    ).encode()


def check_arguments(world: World, worker: Peer, task: codec.Task) -> None:
    """A node of a graph comes with the results of the others, not with their names."""
    steps = [argument for step in task.steps for argument in step.function_args]
    if any(argument.type == codec.ArgumentType.task for argument in (*task.function_args, *steps)):
        world.fail(f"{worker.identity!r} got {task.task_id.hex()} with the name of another task in it")
