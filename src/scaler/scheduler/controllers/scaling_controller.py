"""Decides when worker adapters start and stop groups of workers. Events and the time go in, effects come out.

A group is stopped in three steps: its workers drain (what runs ends, what waits moves), they leave, and the adapter is
told. Nothing here waits: a slow or dead adapter is a group or a start that stays pending, and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from scaler.scheduler.allocate_policy.needs import needs_of, offers
from scaler.scheduler.controllers.scaling_policies.cluster_load import ClusterLoad, WorkerLoad
from scaler.scheduler.controllers.scaling_policies.scaling_policy import ScalingPolicy, Trend, trend
from scaler.scheduler.controllers.scaling_policies.worker_group import (
    AdapterInfo,
    AdapterRecord,
    GroupState,
    WorkerGroup,
)

_logger = logging.getLogger(__name__)

INFO_SECONDS: Final = 10.0
"""How old what an adapter says of itself gets; also the pause after it was at its limit."""
PATIENCE_SECONDS: Final = 10.0
"""How long workers must be too many before the first of them goes: a pause between two batches costs no worker."""
NEXT_SECONDS: Final = 1.0
"""The pause between two groups that go."""
BOOT_SECONDS: Final = 300.0
"""How long the workers of a new group have to connect."""
GONE_SECONDS: Final = 10.0
"""How long a group without any connected worker is kept: one that lost its connection may come back."""
DISMISS_SECONDS: Final = 10.0
"""How long a worker that drained and holds nothing has to leave before its adapter stops it anyway."""


@dataclass(frozen=True)
class AskInfo:
    """Ask an adapter what it is; answered by ``on_info``."""

    adapter: int


@dataclass(frozen=True)
class StartGroup:
    """Ask an adapter for a group; answered by ``on_started`` or ``on_full``."""

    adapter: int


@dataclass(frozen=True)
class StopGroup:
    """Tell an adapter to stop a group; answered by ``on_stopped``."""

    adapter: int
    group_id: str


@dataclass(frozen=True)
class DrainWorker:
    """Let a worker end what it runs and leave."""

    worker_id: bytes
    reason: str


Request: TypeAlias = AskInfo | StartGroup | StopGroup
_DESCRIPTIONS: Final[dict[type[Request], str]] = {
    AskInfo: "asking a worker adapter for its limits",
    StartGroup: "starting a worker group",
    StopGroup: "stopping a worker group",
}
Effect: TypeAlias = Request | DrainWorker


class ScalingController:
    """The one owner of the groups. Each request that it returns is answered by one ``on_...``, or by ``on_failed``."""

    def __init__(self, policy: ScalingPolicy, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._policy = policy
        self._patience_seconds = patience_seconds
        self._adapters = [AdapterRecord() for _ in range(policy.adapters)]
        self._groups: dict[tuple[int, str], WorkerGroup] = {}
        self._too_many_since_seconds: float | None = None
        self._next_stop_seconds = 0.0
        self._effects: list[Effect] = []

    def groups(self) -> list[WorkerGroup]:
        """Return all groups that their adapters have not confirmed to be gone."""
        return list(self._groups.values())

    # -- events

    def on_tick(self, load: ClusterLoad, now_seconds: float) -> list[Effect]:
        """Look at the cluster, and return what is to be done. Called every second, and after every answer."""
        for group in self._groups.values():
            self._follow(group, load.workers, now_seconds)
        for number, adapter in enumerate(self._adapters):
            if now_seconds >= adapter.info_due_seconds:
                self._request(AskInfo(number), now_seconds)
        stopping = [group for group in self._groups.values() if group.state is GroupState.stopping]
        self._stop([group for group in stopping if group.stop_failed_seconds is None], now_seconds)
        self._scale(load, now_seconds)
        # Behind the rest: what cannot be stopped may stay so, and an adapter has one request at a time.
        failed = [(group.stop_failed_seconds, group) for group in stopping if group.stop_failed_seconds is not None]
        self._stop([group for _, group in sorted(failed, key=lambda entry: entry[0])], now_seconds)
        effects, self._effects = self._effects, []
        return effects

    def on_info(self, number: int, info: AdapterInfo, now_seconds: float) -> None:
        """Take what an adapter says of itself. Groups that it lists and we do not know are those of an earlier life."""
        adapter = self._adapters[number]
        adapter.end()
        adapter.info, adapter.info_due_seconds = info, now_seconds + INFO_SECONDS
        if info.groups is None:
            return
        for group in self.groups():
            if group.adapter == number and group.group_id not in info.groups:
                self._forget(group, "its adapter does not have it any more")
        for group_id, worker_ids in info.groups.items():
            if (number, group_id) not in self._groups:
                _logger.info("scaling: found worker group %s at its adapter", group_id)
                self._groups[number, group_id] = WorkerGroup(number, group_id, worker_ids, now_seconds)

    def on_started(self, number: int, group_id: str, worker_ids: frozenset[bytes], now_seconds: float) -> None:
        """Note that an adapter has started a group."""
        adapter = self._adapters[number]
        adapter.end()
        adapter.told_full = False
        _logger.info("scaling: worker group %s starts, with %d worker(s)", group_id, len(worker_ids))
        self._groups[number, group_id] = WorkerGroup(number, group_id, worker_ids, now_seconds)

    def on_full(self, number: int, reason: str, now_seconds: float) -> None:
        """Note that an adapter starts no more groups for now."""
        adapter = self._adapters[number]
        adapter.end()
        adapter.start_due_seconds = now_seconds + INFO_SECONDS
        if not adapter.told_full:
            adapter.told_full = True
            _logger.info("scaling: adapter %d has no room for more workers: %s", number, reason)

    def on_stopped(self, number: int, group_id: str) -> None:
        """Note that an adapter has stopped a group, or does not know it."""
        self._adapters[number].end()
        group = self._groups.get((number, group_id))
        if group is not None:
            self._forget(group, "stopped")

    def on_failed(self, request: Request, reason: str, now_seconds: float) -> None:
        """Note that a request failed; it is made again when it is still wanted then."""
        adapter = self._adapters[request.adapter]
        if isinstance(request, StopGroup) and (group := self._groups.get((request.adapter, request.group_id))):
            group.stop_failed_seconds = now_seconds
        is_first = adapter.info is None and not adapter.has_failed  # it may be started together with the scheduler
        pause_seconds = adapter.fail(now_seconds)
        _logger.log(
            logging.INFO if is_first else logging.WARNING,
            "scaling: %s failed, the next try is in %g s: %s", _DESCRIPTIONS[type(request)], pause_seconds, reason,
        )  # fmt: skip

    # -- groups

    def _follow(self, group: WorkerGroup, workers: Mapping[bytes, WorkerLoad], now_seconds: float) -> None:
        """Note which of a group's workers are there, and go on with its end."""
        members = {each: workers[each] for each in group.worker_ids if each in workers}
        group.seen.update(members)
        if group.state is GroupState.running:
            self._follow_running(group, members, now_seconds)
        elif group.state is GroupState.draining:
            self._follow_draining(group, members, now_seconds)

    def _follow_running(self, group: WorkerGroup, members: Mapping[bytes, WorkerLoad], now_seconds: float) -> None:
        if group.pending and now_seconds - group.started_seconds >= BOOT_SECONDS:
            _logger.warning(
                "scaling: %d worker(s) of %s have not connected within %g s", group.pending, group.name, BOOT_SECONDS
            )
            if not group.seen:
                group.state = GroupState.stopping
            group.seen.update(group.worker_ids)
        if members or group.pending or group.state is not GroupState.running:
            group.gone_since_seconds = None
            return
        if group.gone_since_seconds is None:
            group.gone_since_seconds = now_seconds
        if now_seconds - group.gone_since_seconds >= GONE_SECONDS:
            _logger.warning("scaling: the worker(s) of %s have gone", group.name)
            group.state = GroupState.stopping

    def _follow_draining(self, group: WorkerGroup, members: Mapping[bytes, WorkerLoad], now_seconds: float) -> None:
        self._drain(group, members)
        if any(member.tasks for member in members.values()):
            group.idle_since_seconds = None  # what runs may take as long as it likes, its own limits aside
            return
        if group.idle_since_seconds is None:
            group.idle_since_seconds = now_seconds
        if not members or now_seconds - group.idle_since_seconds >= DISMISS_SECONDS:
            group.state = GroupState.stopping

    def _drain(self, group: WorkerGroup, members: Mapping[bytes, WorkerLoad]) -> None:
        for worker_id, member in members.items():
            if not member.draining:
                self._effects.append(DrainWorker(worker_id, f"as the load no longer needs {group.name}"))

    def _stop(self, groups: Sequence[WorkerGroup], now_seconds: float) -> None:
        for group in groups:
            self._request(StopGroup(group.adapter, group.group_id), now_seconds)

    def _forget(self, group: WorkerGroup, reason: str) -> None:
        del self._groups[group.adapter, group.group_id]
        _logger.info("scaling: %s has ended: %s", group.name, reason)

    # -- growing and shrinking

    def _scale(self, load: ClusterLoad, now_seconds: float) -> None:
        staying = [worker for worker in load.workers.values() if not worker.draining]
        # What runs on a worker that drains needs no other, and what nobody offers is not helped by more workers.
        tasks = load.tasks - sum(worker.tasks for worker in load.workers.values() if worker.draining)
        tasks -= sum(count for needs, count in load.unplaceable.items() if not self._offering(needs))
        pending_of = [self._pending(number) for number in range(len(self._adapters))]
        pending = sum(pending_of)
        direction = trend(tasks, len(staying) + pending)
        starved = self._starved(load, pending_of)
        if direction is not Trend.shrink or pending or starved:
            self._too_many_since_seconds = None
        if starved:
            self._start(starved, now_seconds)
        elif direction is Trend.grow:
            self._start(set(range(len(self._adapters))), now_seconds)
        elif direction is Trend.shrink and not pending:
            self._shrink(tasks, load.workers, len(staying), now_seconds)

    def _offering(self, needs: frozenset[tuple[str, int]]) -> set[int]:
        """Return the adapters whose workers have what is needed, as far as that is known."""
        return {
            number
            for number, adapter in enumerate(self._adapters)
            if adapter.info is None or offers(adapter.info.base_capabilities, needs)
        }

    def _starved(self, load: ClusterLoad, pending_of: Sequence[int]) -> set[int]:
        """Return the adapters that offer what tasks wait for in vain, unless some worker of them is on its way."""
        for needs in load.unplaceable:
            offering = self._offering(needs)
            if offering and not any(pending_of[number] for number in offering):
                return offering
        return set()

    def _pending(self, number: int) -> int:
        """Return how many workers of an adapter are asked for, or started, and have not connected yet."""
        adapter = self._adapters[number]
        asked = adapter.workers_per_group if adapter.is_starting else 0
        return asked + sum(group.pending for group in self._groups.values() if group.adapter == number)

    def _start(self, allowed: set[int], now_seconds: float) -> None:
        counts = [0] * len(self._adapters)
        for group in self._groups.values():
            counts[group.adapter] += 1
        for number in self._policy.start_order(counts):
            adapter = self._adapters[number]
            if number not in allowed:
                continue
            if adapter.is_busy:
                return  # what it answers decides
            if adapter.may_start(counts[number], now_seconds) and self._request(StartGroup(number), now_seconds):
                return

    def _shrink(self, tasks: int, workers: Mapping[bytes, WorkerLoad], staying: int, now_seconds: float) -> None:
        if self._too_many_since_seconds is None:
            self._too_many_since_seconds = now_seconds
        patience_ends = self._too_many_since_seconds + self._patience_seconds
        if now_seconds < max(patience_ends, self._next_stop_seconds):
            return
        running = [group for group in self._groups.values() if group.state is GroupState.running and group.seen]
        loads = {id(group): sum(workers[w].tasks for w in group.worker_ids if w in workers) for group in running}
        running.sort(key=lambda group: (self._policy.stop_rank(group.adapter), loads[id(group)]))
        for group in running:
            members = {each: workers[each] for each in group.worker_ids if each in workers}
            remaining = staying - sum(1 for member in members.values() if not member.draining)
            # Not, when the same load would make the cluster grow again.
            if members and trend(tasks, remaining) is not Trend.grow and _is_replaceable(group, members, workers):
                group.state = GroupState.draining
                self._next_stop_seconds = now_seconds + NEXT_SECONDS
                self._drain(group, members)
                return

    def _request(self, request: Request, now_seconds: float) -> bool:
        adapter = self._adapters[request.adapter]
        if not adapter.is_free(now_seconds):
            return False
        adapter.begin(starting=isinstance(request, StartGroup))
        self._effects.append(request)
        return True


def _is_replaceable(
    group: WorkerGroup, members: Mapping[bytes, WorkerLoad], workers: Mapping[bytes, WorkerLoad]
) -> bool:
    """Return whether the group's tasks, if any, find an idle worker elsewhere that can do what the group can."""
    if not any(member.tasks for member in members.values()):
        return True
    needed = {needs_of(member.capabilities) for member in members.values()}
    idle = {
        tuple(sorted(worker.capabilities.items()))
        for worker_id, worker in workers.items()
        if worker_id not in group.worker_ids and not worker.draining and worker.tasks == 0
    }
    return all(any(offers(dict(capabilities), needs) for capabilities in idle) for needs in needed)
