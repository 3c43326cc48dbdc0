"""The adapter that starts workers on its own machine, one for each group."""

from __future__ import annotations

import asyncio
import uuid

from scaler.config.section.adapter_settings import NO_LIMIT
from scaler.config.section.native_worker_adapter import NativeWorkerAdapterConfig
from scaler.worker.worker import Worker
from scaler.worker_adapter.common import AdapterDescription, CapacityExceededError
from scaler.worker_adapter.local_groups import LocalGroups


class NativeWorkerAdapter:
    """A group is one worker, a child of this process that ends with it. Once ``hurried`` is set, none may drain."""

    def __init__(self, config: NativeWorkerAdapterConfig, hurried: asyncio.Event) -> None:
        self._config = config
        self._groups = LocalGroups(hurried)

    def info(self) -> AdapterDescription:
        """Return the limit, what the workers offer, and the living ones."""
        return AdapterDescription(
            max_worker_groups=self._config.max_workers,
            workers_per_group=1,
            base_capabilities=self._config.per_worker_capabilities.capabilities,
            groups=self._groups.workers(),
        )

    async def start_worker_group(self) -> tuple[str, list[str]]:
        """Start a worker. Raise CapacityExceededError when there are as many as may be."""
        limit = self._config.max_workers
        if limit != NO_LIMIT and len(self._groups) >= limit:
            raise CapacityExceededError(f"Maximum number of workers ({limit}) reached.")
        group_id = f"native-{uuid.uuid4().hex}"
        worker = self._make_worker()
        return group_id, await self._groups.start(group_id, worker, [worker.identity])

    async def shutdown_worker_group(self, group_id: str) -> None:
        """Stop a worker and wait for its end. Raise WorkerGroupNotFoundError."""
        await self._groups.stop(group_id)

    async def close(self) -> None:
        """Stop all workers."""
        await self._groups.close()

    def _make_worker(self) -> Worker:
        config = self._config
        return Worker(
            event_loop=config.event_loop,
            name=f"NAT|{uuid.uuid4().hex}",
            address=config.scheduler_address,
            object_storage_address=config.object_storage_address,
            preload=config.preload,
            capabilities=config.per_worker_capabilities.capabilities,
            io_threads=config.io_threads,
            task_queue_size=config.worker_task_queue_size,
            heartbeat_interval_seconds=config.heartbeat_interval_seconds,
            garbage_collect_interval_seconds=config.garbage_collect_interval_seconds,
            trim_memory_threshold_bytes=config.trim_memory_threshold_bytes,
            task_timeout_seconds=config.task_timeout_seconds,
            death_timeout_seconds=config.death_timeout_seconds,
            hard_processor_suspend=config.hard_processor_suspend,
            isolated_arguments=config.isolated_arguments,
            capture_native_output=config.capture_native_output,
            drain_seconds=config.drain_seconds,
            logging_paths=config.logging_paths,
            logging_level=config.logging_level,
            logging_config_file=config.logging_config_file,
        )
