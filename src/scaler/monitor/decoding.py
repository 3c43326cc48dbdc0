"""Makes records of the structs of the monitor stream."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from scaler.monitor.records import Capabilities, Load, ProcessorStatus, SchedulerReport, Shortage, WorkerStatus
from scaler.scheduler.task.monitor_state import MonitorState
from scaler.utility.metadata.profile_result import ProfileResult


def scheduler_report(fields: dict[str, Any]) -> SchedulerReport:
    """Return the part of a StateScheduler that is about the scheduler itself."""
    binder, tasks, monitor = fields["binder"], fields["taskManager"], fields["monitor"]
    groups = fields["scalingManager"]["workerGroups"]
    return SchedulerReport(
        load=load(fields["scheduler"]),
        rss_free_bytes=fields["rssFree"],
        objects=fields["objectManager"]["numberOfObjects"],
        live=_by_state(tasks["live"]),
        ended=_by_state(tasks["ended"]),
        shortages=tuple(map(_shortage, tasks["unplaceable"])),
        received={pair["client"]: pair["number"] for pair in binder["received"]},
        sent={pair["client"]: pair["number"] for pair in binder["sent"]},
        worker_groups={pair["workerGroupID"]: tuple(pair["workerIDs"]) for pair in groups},
        dropped=monitor["dropped"],
        subscribers=monitor["subscribers"],
    )


def worker_status(fields: dict[str, Any]) -> WorkerStatus:
    """Return what a report says of a worker."""
    return WorkerStatus(
        agent=load(fields["agent"]),
        rss_free_bytes=fields["rssFree"],
        free=fields["free"],
        sent=fields["sent"],
        queued=fields["queued"],
        suspended=fields["suspended"],
        lag_us=fields["lagUS"],
        silent_seconds=fields["lastS"],
        itl=fields["itl"],
        is_draining=fields["draining"],
        processors=tuple(map(_processor, fields["processorStatuses"])),
    )


def load(fields: dict[str, Any]) -> Load:
    """Return load and memory of a process."""
    return Load(fields["cpu"], fields["rss"])


def capabilities(fields: Iterable[dict[str, Any]]) -> Capabilities:
    """Return capabilities by name."""
    return {capability["name"]: capability["value"] for capability in fields}


def profile(metadata: bytes) -> ProfileResult | None:
    """Return what a task has cost, None when nothing was measured, or in a form that is not known."""
    try:
        return ProfileResult.deserialize(metadata)
    except ValueError:
        return None


def _processor(fields: dict[str, Any]) -> ProcessorStatus:
    return ProcessorStatus(
        pid=fields["pid"],
        load=load(fields["resource"]),
        is_initialized=fields["initialized"],
        has_task=fields["hasTask"],
        is_suspended=fields["suspended"],
    )


def _shortage(fields: dict[str, Any]) -> Shortage:
    return Shortage(capabilities(fields["capabilities"]), fields["tasks"], fields["waitsFor"])


def _by_state(pairs: Iterable[dict[str, Any]]) -> dict[MonitorState, int]:
    """Return counts by state; states of a later version are left out."""
    known = {int(state): state for state in MonitorState}
    return {known[pair["state"]]: pair["count"] for pair in pairs if pair["state"] in known}
