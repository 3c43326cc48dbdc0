"""What the scheduler knows of one live task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaler.scheduler.task.task_state_machine import TaskState

if TYPE_CHECKING:
    from scaler.scheduler.allocate_policy.needs import Needs
    from scaler.scheduler.allocate_policy.worker_record import WorkerRecord
    from scaler.scheduler.controllers.client_controller import ClientRecord
    from scaler.scheduler.graph.graph_record import GraphNode
    from scaler.scheduler.outbox import Frame
    from scaler.scheduler.task.task_kind import TaskKind


class TaskProgress:
    """What has become of a task since it was first placed; few tasks have that at a time.

    ``worker`` is None while the task waits again; ``placement`` is the number that its placement there had.
    ``losses`` counts the workers that were lost under the task, or have lost it, ``failures`` the runs after which it
    was tried again. ``is_started`` is known of a task that its worker would not give back. A task that is asked back
    because its deadline has passed ``is_late``.
    """

    __slots__ = (
        "estimated_seconds",
        "failures",
        "is_late",
        "is_started",
        "losses",
        "open_cancels",
        "placement",
        "worker",
    )

    def __init__(self) -> None:
        self.worker: WorkerRecord | None = None
        self.placement = 0
        self.estimated_seconds = 0.0
        self.open_cancels = 0
        self.is_started = False
        self.is_late = False
        self.losses = 0
        self.failures = 0


class TaskRecord:
    """One live task; a million of them may wait, so it has slots, and only what each of those needs.

    ``frame`` is the client's message as it came, forwarded to the worker as it is. ``client`` is None once the client
    has gone; ``position`` is the place in its list of tasks. What is a node of a graph has its ``node``: how it ends
    concerns the graph, not the client.
    """

    __slots__ = ("_progress", "attempt", "client", "frame", "kind", "node", "position", "state", "task_id")

    def __init__(
        self,
        task_id: bytes,
        client: ClientRecord,
        frame: Frame,
        kind: TaskKind,
        attempt: int,
        node: GraphNode | None = None,
    ) -> None:
        self.task_id = task_id
        self.client: ClientRecord | None = client
        self.position = 0
        self.frame = frame
        self.kind = kind
        self.attempt = attempt
        self.node = node
        self.state = TaskState.waiting
        self._progress: TaskProgress | None = None

    @property
    def progress(self) -> TaskProgress:
        """Return what has become of it; that begins to be kept when it is first asked for."""
        if self._progress is None:
            self._progress = TaskProgress()
        return self._progress

    @property
    def worker(self) -> WorkerRecord | None:
        """Return the worker that it is placed on; None while it waits."""
        return self._progress.worker if self._progress is not None else None

    @property
    def function_id(self) -> bytes:
        """Return the function that it calls first."""
        return self.kind.function_id

    @property
    def needs(self) -> Needs:
        """Return what it needs of a worker."""
        return self.kind.needs

    @property
    def level(self) -> int:
        """Return how deep it is nested."""
        return self.kind.level

    @property
    def rank(self) -> int:
        """Return what it starts by, the highest first."""
        return self.kind.rank

    @property
    def calls(self) -> int:
        """Return how many functions it calls: one, or as many as there are nodes in a row."""
        return 1 if self.node is None else len(self.node.row)

    def __repr__(self) -> str:
        worker = self.worker.worker_id if self.worker is not None else None
        return f"TaskRecord({self.task_id.hex()}, {self.state.name}, worker={worker!r}, attempt={self.attempt})"
