"""The tables of the pages: which columns there are, and what each shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scaler.monitor.records import Shortage, Worker
from scaler.monitor.size_text import size_text
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.ui import figures
from scaler.ui.graph_book import Graph
from scaler.ui.paging import Column, Table
from scaler.ui.processor_book import Processor
from scaler.ui.task_log import LoggedTask

_LOCAL_TIME: Final = "value => new Date(value).toLocaleTimeString()"
_NOTICEABLE_SECONDS: Final = 0.2
_YES_NO: Final = "value => value ? 'yes' : 'no'"


@dataclass(frozen=True)
class WallClock:
    """Turns seconds of the viewer's own clock into the time of day, given both of the same moment."""

    epoch_seconds: float
    own_seconds: float

    def milliseconds(self, own_seconds: float) -> int:
        """Return milliseconds since 1970, what browsers count in."""
        return round((self.epoch_seconds + own_seconds - self.own_seconds) * 1000)

    def corrected(self, epoch_seconds: float, own_seconds: float) -> WallClock:
        """Return this clock unless it is noticeably wrong by now, so that what is shown stays exactly the same."""
        wrong_by_seconds = epoch_seconds - self.milliseconds(own_seconds) / 1000
        return self if abs(wrong_by_seconds) < _NOTICEABLE_SECONDS else WallClock(epoch_seconds, own_seconds)


def _processors_cpu(worker: Worker) -> float:
    return figures.percent(sum(processor.load.cpu_permille for processor in worker.status.processors))


def _processors_rss_bytes(worker: Worker) -> int:
    return sum(processor.load.rss_bytes for processor in worker.status.processors)


def _identity(identity: bytes) -> str:
    return identity.decode(errors="replace")


WORKER_TABLE: Final = Table[Worker](
    columns=(
        Column("worker", "Worker", lambda w: figures.identity_label(w.worker_id), is_text=True),
        Column("agent_cpu", "Agt CPU %", lambda w: figures.percent(w.status.agent.cpu_permille)),
        Column("agent_rss", "Agt RSS (in MB)", lambda w: figures.megabytes(w.status.agent.rss_bytes)),
        Column("processors_cpu", "Processors CPU %", _processors_cpu),
        Column("processors_rss", "Processors RSS (in MB)", lambda w: figures.megabytes(_processors_rss_bytes(w))),
        Column("free", "Queue Capacity", lambda w: w.status.free),
        Column("sent", "Tasks Sent", lambda w: w.status.sent),
        Column("queued", "Tasks Queued", lambda w: w.status.queued),
        Column("suspended", "Tasks Suspended", lambda w: w.status.suspended),
        Column("lag", "Lag", lambda w: figures.microseconds_text(w.status.lag_us), order=lambda w: w.status.lag_us),
        Column("itl", "ITL", lambda w: w.status.itl),
        Column(
            "last_seen",
            "Last Seen",
            lambda w: figures.age_text(w.status.silent_seconds),
            order=lambda w: w.status.silent_seconds,
        ),
        Column("capabilities", "Capabilities", lambda w: figures.capabilities_label(w.capabilities), is_text=True),
        Column("draining", "Draining", lambda w: w.status.is_draining, script=_YES_NO),
    ),
    row_id=lambda w: w.worker_id.hex(),
    further={
        "identity": lambda w: _identity(w.worker_id),
        "agent_rss_of": lambda w: figures.megabytes(w.status.agent.rss_bytes + w.status.rss_free_bytes),
        "processors_rss_of": lambda w: figures.megabytes(_processors_rss_bytes(w) + w.status.rss_free_bytes),
    },
)

PROCESSOR_TABLE: Final = Table[Processor](
    columns=(
        Column("worker", "Worker", lambda p: figures.identity_label(p.worker_id), is_text=True),
        Column("pid", "Processor PID", lambda p: p.status.pid),
        Column("cpu", "CPU %", lambda p: figures.percent(p.status.load.cpu_permille)),
        Column("rss", "RSS (in MB)", lambda p: figures.megabytes(p.status.load.rss_bytes)),
        Column("most_rss", "Max RSS (in MB)", lambda p: figures.megabytes(p.most_rss_bytes)),
        Column("initialized", "Initialized", lambda p: p.status.is_initialized, script=_YES_NO),
        Column("has_task", "Has Task", lambda p: p.status.has_task, script=_YES_NO),
        Column("suspended", "Suspended", lambda p: p.status.is_suspended, script=_YES_NO),
    ),
    row_id=lambda p: f"{p.worker_id.hex()} {p.status.pid}",
    further={"identity": lambda p: _identity(p.worker_id)},
)

CLIENT_TABLE: Final = Table[tuple[bytes, int]](
    columns=(
        Column("client", "Client", lambda c: figures.identity_label(c[0]), is_text=True),
        Column("tasks", "Live Tasks", lambda c: c[1]),
    ),
    row_id=lambda c: c[0].hex(),
    further={"identity": lambda c: _identity(c[0])},
)

SHORTAGE_TABLE: Final = Table[Shortage](
    columns=(
        Column("tasks", "Tasks", lambda s: s.tasks),
        Column("capabilities", "Capabilities", lambda s: figures.capabilities_label(s.capabilities), is_text=True),
        Column("waits_for", "Wait For", lambda s: s.waits_for, is_text=True),
    ),
    row_id=lambda s: figures.capabilities_label(s.capabilities),
    further={},
)


def task_log_table(clock: WallClock) -> Table[LoggedTask]:
    """Return the table of tasks that have ended."""
    return Table[LoggedTask](
        columns=(
            Column("task", "Task ID", lambda t: t.task.task_id.hex(), is_text=True),
            Column("function", "Function", lambda t: t.task.function_name, is_text=True),
            Column("duration", "Duration", _duration_text, order=_duration_seconds),
            Column("peak_memory", "Peak mem", _memory_text, order=_memory_bytes),
            Column("status", "Status", lambda t: figures.state_label(t.task.state), is_text=True),
            Column("capabilities", "Capabilities", lambda t: figures.capabilities_label(t.task.capabilities)),
            Column("worker", "Worker", lambda t: _worker_text(t.task.worker_id), is_text=True),
            Column("ended", "Ended", lambda t: clock.milliseconds(t.ended_seconds), script=_LOCAL_TIME),
        ),
        row_id=lambda t: f"{t.task.task_id.hex()} {t.ended_seconds}",
        further={},
    )


def graph_table(clock: WallClock) -> Table[Graph]:
    """Return the table of graphs."""
    columns: tuple[Column[Graph], ...] = (
        Column("graph", "Graph ID", lambda g: g.graph_id.hex(), is_text=True),
        Column("state", "State", lambda g: g.state, is_text=True),
        Column("nodes", "Nodes", lambda g: len(g.node_ids) + g.unknown_nodes),
        Column("waiting", "Waiting", lambda g: g.counts[MonitorState.inactive]),
        Column("placed", "On Workers", lambda g: g.counts[MonitorState.running]),
        Column("succeeded", "Succeeded", lambda g: g.counts[MonitorState.success]),
        Column("failed", "Failed", lambda g: g.failed),
        Column("canceled", "Canceled", lambda g: g.canceled),
        Column("began", "Began", lambda g: clock.milliseconds(g.began_seconds), script=_LOCAL_TIME),
        Column("took", "Took", _graph_duration_text, order=lambda g: (g.ended_seconds or 0.0) - g.began_seconds),
    )
    return Table[Graph](columns=columns, row_id=lambda g: g.graph_id.hex(), further={})


def _duration_seconds(logged: LoggedTask) -> float:
    return logged.task.profile.duration_s if logged.task.profile is not None else -1.0


def _duration_text(logged: LoggedTask) -> str:
    return figures.NOT_AVAILABLE if logged.task.profile is None else f"{_duration_seconds(logged):.2f}s"


def _memory_bytes(logged: LoggedTask) -> int:
    return logged.task.profile.memory_peak if logged.task.profile is not None else -1


def _memory_text(logged: LoggedTask) -> str:
    return figures.NOT_AVAILABLE if logged.task.profile is None else size_text(_memory_bytes(logged))


def _worker_text(worker_id: bytes) -> str:
    return figures.identity_label(worker_id) if worker_id else figures.NOT_AVAILABLE


def _graph_duration_text(graph: Graph) -> str:
    if graph.ended_seconds is None:
        return figures.NOT_AVAILABLE
    return f"{graph.ended_seconds - graph.began_seconds:.2f}s"
