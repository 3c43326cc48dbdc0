"""The adapter whose one group is a process that runs tasks in a service of Symphony."""

from __future__ import annotations

import uuid

from scaler.config.section.symphony_worker_adapter import SymphonyWorkerConfig
from scaler.utility.identifiers import WorkerID
from scaler.worker.worker_settings import WorkerSettings
from scaler.worker_adapter.common import AdapterDescription, CapacityExceededError
from scaler.worker_adapter.local_groups import LocalGroups
from scaler.worker_adapter.symphony.worker import SymphonySettings, SymphonyWorker


class SymphonyWorkerAdapter:
    """A group has a worker for each task that may be in Symphony at once; they are slots of one child process."""

    def __init__(self, config: SymphonyWorkerConfig) -> None:
        self._config = config
        self._groups = LocalGroups()

    def info(self) -> AdapterDescription:
        """Return that there may be one group, what its workers offer, and the group when it lives."""
        return AdapterDescription(
            max_worker_groups=1,
            workers_per_group=self._config.base_concurrency,
            base_capabilities=self._config.worker_capabilities.capabilities,
            groups=self._groups.workers(),
        )

    async def start_worker_group(self) -> tuple[str, list[str]]:
        """Start the group. Raise CapacityExceededError when it lives already."""
        if len(self._groups) > 0:
            raise CapacityExceededError("Symphony worker already started")
        name = f"SYM|{uuid.uuid4().hex}"
        worker_ids = [WorkerID.generate_worker_id(name) for _ in range(self._config.base_concurrency)]
        settings = SymphonySettings(self._config.service_name, tuple(self._slot(each) for each in worker_ids))
        group_id = f"symphony-{uuid.uuid4().hex}"
        return group_id, await self._groups.start(group_id, SymphonyWorker(settings), worker_ids)

    async def shutdown_worker_group(self, group_id: str) -> None:
        """Stop the group and wait for its end. Raise WorkerGroupNotFoundError."""
        await self._groups.stop(group_id)

    async def close(self) -> None:
        """Stop the group."""
        await self._groups.close()

    def _slot(self, worker_id: WorkerID) -> WorkerSettings:
        config = self._config
        storage = config.object_storage_address
        return WorkerSettings(
            worker_id=worker_id,
            scheduler_address=config.scheduler_address.to_address(),
            object_storage_address=None if storage is None else storage.to_address(),
            event_loop=config.event_loop,
            capabilities=dict(config.worker_capabilities.capabilities),
            io_threads=config.io_threads,
            task_queue_size=config.worker_task_queue_size,
            heartbeat_interval_seconds=config.heartbeat_interval,
            death_timeout_seconds=config.death_timeout_seconds,
            logging_paths=config.logging_paths,
            logging_level=config.logging_level,
            logging_config_file=config.logging_config_file,
        )
