"""The metrics of a scheduler, made of its answer to ``statistics``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from prometheus_client.metrics_core import Metric

from scaler.metrics.families import build_info, counter, counters_by, gauge, gauges_by
from scaler.scheduler.task.monitor_state import MonitorState

PREFIX: Final = "scaler_scheduler"
_LIVE: Final = (
    MonitorState.inactive,
    MonitorState.running,
    MonitorState.balanceCanceling,
    MonitorState.canceling,
)
_ENDED: Final = (
    MonitorState.success,
    MonitorState.failed,
    MonitorState.failedWorkerDied,
    MonitorState.canceled,
    MonitorState.canceledNotFound,
)
_Described: TypeAlias = tuple[tuple[str, str, str], ...]
"""For each figure: its name in the answer, that of its metric, and what it is."""
_GAUGES: Final[_Described] = (
    ("clients", "clients", "Connected clients."),
    ("workers", "workers", "Connected workers, draining ones included."),
    ("draining_workers", "draining_workers", "Workers that get no new tasks and leave when they have ended theirs."),
    ("loaded_workers", "loaded_workers", "Workers that have tasks behind the one that they run."),
    ("subscribers", "monitor_subscribers", "Subscribers of the monitor stream."),
    ("graphs", "graphs", "Graphs that have not ended."),
    ("objects", "objects", "Objects that clients need."),
    ("waiting_tasks", "waiting_tasks", "Length of the queue: tasks that wait for a worker."),
    ("placed_tasks", "placed_tasks", "Tasks that workers have, started or not."),
    ("unplaceable_tasks", "unplaceable_tasks", "Waiting tasks that no connected worker can ever run."),
    ("shortages", "shortages", "Different needs of such tasks."),
)
_SHELL_GAUGES: Final[_Described] = (
    ("inbound_bytes", "inbound_queue_bytes", "Received messages that have not been handled."),
    ("outbound_bytes", "outbound_queue_bytes", "Messages for clients and workers that have not been written."),
    ("monitor_outbound_bytes", "monitor_queue_bytes", "Messages for subscribers that have not been written."),
    ("waiting_deletes", "waiting_deletes", "Deletes that the object storage has not been told of."),
)
_COUNTERS: Final[_Described] = (
    (
        "dropped_messages",
        "dropped_messages",
        "Received messages that were malformed or not allowed.",
    ),
    ("stale_messages", "stale_messages", "Received messages that came too late to change anything."),
    ("failed_events", "failed_events", "Events whose handling failed by a defect, which the log shows."),
)
_SHELL_COUNTERS: Final[_Described] = (
    ("undelivered_messages", "undelivered_messages", "Messages for clients and workers that could not be delivered."),
    ("monitor_dropped_messages", "monitor_dropped_messages", "Messages that subscribers had no room for."),
)


def scheduler_metrics(statistics: Mapping[str, Any]) -> Iterator[Metric]:
    """Return metrics of an answer. Raise KeyError for one of another version that lacks something."""
    gauges, shell = statistics["gauges"], statistics["shell"]
    yield build_info(f"{PREFIX}_build_info")
    live, ended = statistics["live"], statistics["ended"]
    yield gauges_by(
        "state", f"{PREFIX}_tasks", "Live tasks by state.", {state.name: live.get(state.name, 0) for state in _LIVE}
    )
    yield counters_by(
        "state", f"{PREFIX}_tasks_ended", "Ends of tasks.", {state.name: ended.get(state.name, 0) for state in _ENDED}
    )
    yield counters_by("type", f"{PREFIX}_messages_received", "Messages of clients and workers.", statistics["received"])
    yield counters_by("type", f"{PREFIX}_messages_sent", "Messages to clients and workers.", statistics["sent"])
    for described, source in ((_GAUGES, gauges), (_SHELL_GAUGES, shell)):
        for name, metric, help in described:
            yield gauge(f"{PREFIX}_{metric}", help, source[name])
    for described, source in ((_COUNTERS, gauges), (_SHELL_COUNTERS, shell)):
        for name, metric, help in described:
            yield counter(f"{PREFIX}_{metric}", help, source[name])
