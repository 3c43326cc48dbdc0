"""The adapter that starts groups of workers as tasks of Amazon ECS on Fargate, each of them a ``scaler_cluster``.

Design note. boto3 blocks, so all of it runs in threads (``ecs_service.py``); what is known of the groups belongs to the
event loop. Tasks that AWS has stopped are noticed by asking for them from time to time. An adapter that was killed
leaves its tasks running; the next one of its name reads from their command lines which groups they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import shlex
import uuid
from dataclasses import dataclass
from typing import Final

from scaler.config.section.adapter_settings import NO_LIMIT
from scaler.config.section.ecs_worker_adapter import ECSWorkerAdapterConfig
from scaler.config.setting import flag_of
from scaler.utility.identifiers import WorkerID
from scaler.worker_adapter.common import AdapterDescription, CapacityExceededError, WorkerGroupNotFoundError
from scaler.worker_adapter.ecs_service import EcsService

_logger = logging.getLogger(__name__)

WATCH_SECONDS: Final = 15.0
_CLOSE_SECONDS: Final = 8.0
_WORKER_NAMES: Final = "--worker-names"
_WORKER_ID: Final = re.compile(r"Worker\|ECS\|([0-9a-f]{32})\|[0-9a-f]{32}")


@dataclass(frozen=True)
class _Group:
    task_arn: str
    worker_ids: list[str]


class ECSWorkerAdapter:
    """A group is one task with as many workers as it has virtual processors. ``run`` must run meanwhile."""

    def __init__(self, config: ECSWorkerAdapterConfig, service: EcsService) -> None:
        self._config = config
        self._service = service
        self._groups: dict[str, _Group] = {}
        self._starts: set[asyncio.Task[tuple[str, list[str]]]] = set()
        self._is_closed = False

    def info(self) -> AdapterDescription:
        """Return the limit, what the workers offer, and the groups whose tasks have not stopped."""
        return AdapterDescription(
            max_worker_groups=self._config.max_instances,
            workers_per_group=self._config.ecs_task_cpu,
            base_capabilities=self._config.per_worker_capabilities.capabilities,
            groups={group_id: group.worker_ids for group_id, group in self._groups.items()},
        )

    async def start_worker_group(self) -> tuple[str, list[str]]:
        """Start a task. Raise CapacityExceededError when there are as many as may be, EcsError when AWS refuses."""
        limit = self._config.max_instances
        if self._is_closed:
            raise CapacityExceededError("The adapter shuts down.")
        if limit != NO_LIMIT and len(self._groups) + len(self._starts) >= limit:
            raise CapacityExceededError(f"Maximum number of instances ({limit}) reached.")
        start = asyncio.get_running_loop().create_task(self._start())
        self._starts.add(start)
        start.add_done_callback(self._starts.discard)
        return await asyncio.shield(start)  # whoever asked may go: the task runs then, and must be known

    async def _start(self) -> tuple[str, list[str]]:
        group = uuid.uuid4().hex
        worker_ids = [WorkerID.generate_worker_id(f"ECS|{group}").decode() for _ in range(self._config.ecs_task_cpu)]
        task_arn = await asyncio.to_thread(self._service.run_task, worker_command(self._config, worker_ids))
        group_id = f"ecs-{group}"
        self._groups[group_id] = _Group(task_arn, worker_ids)
        return group_id, worker_ids

    async def take_over(self) -> None:
        """Make groups of the tasks that an adapter of this name has left, and stop those that are of no use here.

        To be called before anything else. Raise EcsError and boto3's errors.
        """
        for task_arn, command in (await asyncio.to_thread(self._service.own_tasks)).items():
            group, worker_ids = _group_of(command, str(self._config.scheduler_address))
            if group:
                self._groups[f"ecs-{group}"] = _Group(task_arn, worker_ids)
                _logger.info("worker group ecs-%s was left by an earlier adapter: taken over", group)
            else:
                _logger.warning("task %s was left by an earlier adapter, with other workers: stopping it", task_arn)
                await asyncio.to_thread(self._service.stop_task, task_arn)

    async def shutdown_worker_group(self, group_id: str) -> None:
        """Stop a task. Raise WorkerGroupNotFoundError, and EcsError when AWS refuses: the group is kept then."""
        group = self._groups.get(group_id)
        if group is None:
            raise WorkerGroupNotFoundError(f"Worker group with ID {group_id} does not exist.")
        await asyncio.to_thread(self._service.stop_task, group.task_arn)
        self._groups.pop(group_id, None)

    async def close(self) -> None:
        """Stop all tasks, as far as AWS answers in time; what may be left is named in the log."""
        self._is_closed = True
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stop_all(), _CLOSE_SECONDS)
        for group_id, group in self._groups.items():
            _logger.error("worker group %s may still run: could not stop the task %s", group_id, group.task_arn)

    async def _stop_all(self) -> None:
        """Stop all tasks, also those that are being started."""
        await asyncio.gather(*self._starts, return_exceptions=True)
        stops = [self.shutdown_worker_group(group_id) for group_id in self._groups]
        await asyncio.gather(*stops, return_exceptions=True)

    async def watch(self) -> None:
        """Forget groups whose tasks have stopped, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self.reap()

    async def reap(self) -> None:
        """Forget groups whose tasks have stopped."""
        groups = dict(self._groups)
        if not groups:
            return
        try:
            stopped = await asyncio.to_thread(
                self._service.stopped_tasks, [group.task_arn for group in groups.values()]
            )
        except Exception as error:  # of the outermost kind: nothing else ever looks
            _logger.warning("cannot ask which tasks have stopped: %s", error)
            return
        for group_id, group in groups.items():
            if group.task_arn in stopped and self._groups.pop(group_id, None) is not None:
                _logger.warning("worker group %s has stopped: %s", group_id, stopped[group.task_arn])


def _group_of(command: str, scheduler_address: str) -> tuple[str, list[str]]:
    """Return the group and the ids of the workers that a command line runs, nothing for another scheduler."""
    try:
        _, address, *arguments = shlex.split(command)
        worker_ids = arguments[arguments.index(_WORKER_NAMES) + 1].split(",")
    except (ValueError, IndexError):
        return "", []
    matches = [_WORKER_ID.fullmatch(worker_id) for worker_id in worker_ids]
    groups = {match[1] if match is not None else "" for match in matches}
    return (groups.pop(), worker_ids) if address == scheduler_address and len(groups) == 1 else ("", [])


def worker_command(config: ECSWorkerAdapterConfig, worker_ids: list[str]) -> str:
    """Return the command line that the container runs. Names that are identities become those of the workers."""
    arguments: dict[str, object] = {
        "--num-of-workers": len(worker_ids),
        _WORKER_NAMES: ",".join(worker_ids),
        "--per-worker-task-queue-size": config.per_worker_task_queue_size,
        "--heartbeat-interval-seconds": config.heartbeat_interval_seconds,
        "--task-timeout-seconds": config.task_timeout_seconds,
        "--garbage-collect-interval-seconds": config.garbage_collect_interval_seconds,
        "--death-timeout-seconds": config.death_timeout_seconds,
        "--drain-seconds": config.drain_seconds,
        "--trim-memory-threshold-bytes": config.trim_memory_threshold_bytes,
        "--event-loop": config.event_loop,
        "--worker-io-threads": config.io_threads,
        "--logging-level": config.logging_level,
        "--object-storage-address": config.object_storage_address or "",
        "--per-worker-capabilities": config.per_worker_capabilities,
        "--preload": config.preload or "",
    }
    words = ["scaler_cluster", str(config.scheduler_address)]
    for flag, value in arguments.items():
        if str(value):
            words += [flag, str(value)]
    for switch in ("hard_processor_suspend", "isolated_arguments", "capture_native_output"):
        if getattr(config, switch):
            words.append(flag_of(switch))
    return shlex.join(words)
